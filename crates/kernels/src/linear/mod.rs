//! linear: PyTorch's `Linear`, y = x W^T + b.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::{Job, fill, zeros};

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linear {
    pub in_features: usize,
    pub out_features: usize,
}
