//! activation: functions of one number. What is a clamp (relu, relu6) is done where a sum is stored; the curves run over
//! what a kernel has just stored.

mod cpu;
pub mod gpu;
pub mod math;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::{Job, curve, curves};

/// PyTorch's activations, by the names that the graph has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    #[default]
    Identity,
    Relu,
    Relu6,
    Hardswish,
    Hardsigmoid,
    Sigmoid,
    Silu,
    Gelu,
    Tanh,
}

impl Activation {
    /// What a result is clamped to when it is stored: all that the activation does, unless it is a curve.
    #[inline(always)]
    pub fn bounds(self) -> (f32, f32) {
        match self {
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
            _ => (f32::NEG_INFINITY, f32::INFINITY),
        }
    }

    /// Whether it is more than a clamp.
    pub fn is_curve(self) -> bool {
        !matches!(self, Activation::Identity | Activation::Relu | Activation::Relu6)
    }
}
