//! adaptive_max_pool2d: PyTorch's `AdaptiveMaxPool2d`; output (1, 1) is global max pooling.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
