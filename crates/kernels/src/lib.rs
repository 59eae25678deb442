//! The operators. One folder each: `reference.rs` is the specification (naive, sums in f64, PyTorch's NCHW),
//! `cpu.rs` the fast form over channels-last maps, `tests.rs` holds one against the other.
//!
//! Nothing here knows of graphs, weights files or JavaScript; `par` alone knows of threads.

pub mod activation;
pub mod epilogue;
pub mod gpu;
pub mod layout;
pub mod panels;
pub mod par;
pub mod pool;
pub mod rows;
pub mod simd;
pub mod storage;
pub mod tile;
pub mod window;

pub mod adaptive_avg_pool2d;
pub mod adaptive_max_pool2d;
pub mod add;
pub mod affine;
pub mod avg_pool2d;
pub mod batch_norm2d;
pub mod channel_shuffle;
pub mod concat;
pub mod conv2d;
pub mod excite;
pub mod flatten;
pub mod halo;
pub mod layer_norm2d;
pub mod linear;
pub mod local_response_norm;
pub mod log_softmax;
pub mod max_pool2d;
pub mod mul;
pub mod pad2d;
pub mod pad_channels;
pub mod prelu;
pub mod slice;
pub mod softmax;

pub mod resize;

#[cfg(test)]
mod testing;
