//! pad_channels: channels of zeros before and behind a map's own (the shortcuts of ResNet's option A and of PyramidNet).

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
