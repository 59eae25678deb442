//! linear on the GPU: the convolution whose kernel covers the map, so that one's packed weights serve the other.

use super::Linear;
use crate::conv2d::Conv2d;
use crate::conv2d::gpu::{self, Algorithm, Cut};
use crate::gpu::{Dispatch, Epilogue, Limits, Map, Upload};
use crate::storage::Storage;
use std::ops::Range;

/// The layer over a flattened map of `channels` channels, as a convolution whose kernel covers a map of these sides.
pub fn as_conv2d(spec: &Linear, channels: usize) -> (Conv2d, [usize; 2]) {
    let sides = [spec.in_features / channels, 1];
    (conv2d(spec, channels, sides), sides)
}

/// The layer over a map of `channels` channels, whose pixels are a kernel's cells; of what sides does not matter to weights.
fn conv2d(spec: &Linear, channels: usize, kernel: [usize; 2]) -> Conv2d {
    debug_assert_eq!(spec.in_features, channels * kernel[0] * kernel[1]);
    Conv2d {
        in_channels: channels,
        out_channels: spec.out_features,
        kernel,
        stride: [1; 2],
        padding: [0; 4],
        dilation: [1; 2],
        groups: 1,
    }
}

/// As `conv2d::gpu::parts`, where features are those of a flattened map of `channels` channels.
pub fn parts(spec: &Linear, channels: usize, storage: Storage, limits: &Limits) -> Vec<u64> {
    gpu::parts(&as_conv2d(spec, channels).0, Algorithm::Direct, storage, limits)
}

/// As `conv2d::gpu::pack`, of weights [outputs, in_features].
pub fn pack(
    spec: &Linear,
    channels: usize,
    storage: Storage,
    limits: &Limits,
    outputs: Range<usize>,
    weight: &[f32],
    bias: Option<&[f32]>,
) -> Vec<Upload> {
    let (spec, _) = as_conv2d(spec, channels);
    gpu::pack(&spec, Algorithm::Direct, storage, limits, outputs, weight, bias)
}

/// One linear layer over a map that is read as a vector of features an image.
pub struct Job<'a> {
    pub spec: &'a Linear,
    pub storage: Storage,
    pub limits: &'a Limits,
    /// Whose weights they are.
    pub node: usize,
    pub x: Map,
    pub y: Map,
    pub epilogue: Epilogue,
    /// As `conv2d::gpu::Job` has it.
    pub cut: Option<Cut>,
}

impl Job<'_> {
    /// The dispatches: one, or one for each part of the weights.
    pub fn dispatches(&self) -> Vec<Dispatch> {
        let &Job { storage, limits, node, x, y, epilogue, cut, .. } = self;
        let spec = conv2d(self.spec, x.layout.c, [x.layout.h, x.layout.w]);
        let algorithm = Algorithm::Direct;
        gpu::Job {
            spec: &spec,
            algorithm,
            storage,
            limits,
            node,
            x,
            y,
            before: None,
            epilogue,
            cut,
            temps: &[],
        }
        .dispatches(0)
    }
}
