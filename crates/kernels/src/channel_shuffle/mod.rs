//! channel_shuffle: PyTorch's `ChannelShuffle(groups)`: the first channel of each group, then the second of each, and so on.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
