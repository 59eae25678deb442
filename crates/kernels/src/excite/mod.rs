//! excite: squeeze-excite's two 1 x 1 convolutions of a map of one pixel, with their activations, in one dispatch of the GPU.
//! The specification is conv2d's.

pub mod gpu;
