//! flatten: between PyTorch's order of a map (channels first) and ours (channels last). The ends of a plan need both
//! directions; PyTorch's `Flatten` needs the first, and only where a reader other than a linear layer sees its order. In
//! PyTorch's order nothing moves, so it has no reference but the input.

mod cpu;
pub mod gpu;
#[cfg(test)]
mod tests;

pub use cpu::{Direction, Job};
