//! prelu: PyTorch's `PReLU`, x where it is positive, else x times its channel's slope.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::{Job, pack};
