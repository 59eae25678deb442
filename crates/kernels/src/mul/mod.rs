//! mul: the product of two maps; the second may be one number for each channel of an image (squeeze-excite's scale).

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
