//! softmax: PyTorch's `Softmax(dim=1)`, over the channels of each pixel.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::{Job, exponentials};
