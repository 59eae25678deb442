//! affine: a scale and a shift for each channel, where no kernel that sums can take them along: a batch norm after no
//! convolution, a layer scale, a net's constants.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
