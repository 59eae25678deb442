//! flatten: between PyTorch's order of a map (channels first) and ours (channels last). The ends of a plan need both
//! directions; PyTorch's `Flatten` needs the first, and only where a reader other than a linear layer sees its order.

mod cpu;
pub mod gpu;
#[cfg(test)]
mod tests;

pub use cpu::{Direction, Job};
