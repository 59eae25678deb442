//! layer_norm2d: PyTorch's `LayerNorm` over the channels of each pixel, as ConvNeXt has it (Ba, Kiros, Hinton 2016).

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
