//! The operators. One folder each: `reference.rs` is the specification (naive, sums in f64, PyTorch's NCHW),
//! `cpu.rs` the fast form over channels-last maps, `tests.rs` holds one against the other.
//!
//! Nothing here knows of graphs, weights files or JavaScript; `par` alone knows of threads.

pub mod activation;
pub mod epilogue;
pub mod layout;
pub mod par;
pub mod simd;
pub mod tile;
pub mod window;

pub mod adaptive_avg_pool2d;
pub mod avg_pool2d;
pub mod concat;
pub mod conv2d;
pub mod flatten;
pub mod halo;
pub mod linear;
pub mod max_pool2d;
pub mod relu;
pub mod softmax;

pub mod resize;

#[cfg(test)]
mod testing;
