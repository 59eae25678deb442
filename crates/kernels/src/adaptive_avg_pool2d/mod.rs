//! adaptive_avg_pool2d: PyTorch's `AdaptiveAvgPool2d`; output (1, 1) is global average pooling.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
