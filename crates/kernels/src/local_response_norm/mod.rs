//! local_response_norm: PyTorch's `LocalResponseNorm`, AlexNet's normalisation over neighbouring channels
//! (Krizhevsky, Sutskever, Hinton 2012).

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;

/// x / (k + alpha / size * sum of squares)^beta; the sum is over `size` channels, `size / 2` of them before the channel
/// itself, those beyond the first and last being zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalResponseNorm {
    /// At least 1.
    pub size: usize,
    pub alpha: f32,
    pub beta: f32,
    pub k: f32,
}
