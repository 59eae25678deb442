//! grouped: the conv2d whose groups have few inputs: the depthwise one, in which each channel is a group of its own,
//! ResNeXt's of four channels a group, and the 3 x 3 that reads an image. The specification is conv2d's.

mod cpu;
pub mod gpu;
#[cfg(test)]
mod tests;

pub use cpu::{Job, Weights};

use super::Conv2d;
use crate::simd::F32s;

/// Inputs of a group from which on conv2d's own kernel is as fast; it is where there is one group, unless that one's windows
/// are an image's of 3 x 3 pixels.
const WIDE: usize = 16;

/// Whether a convolution is depthwise, or of groups so narrow that conv2d's tiles would be half empty or of a few products.
/// Outputs that are computed together must be of one group.
pub fn fits<V: F32s>(spec: &Conv2d) -> bool {
    let [inputs, outputs] = [spec.in_channels, spec.out_channels].map(|channels| channels / spec.groups);
    let depthwise = inputs == 1 && outputs == 1;
    let narrow =
        if spec.groups > 1 { inputs.max(outputs) < WIDE } else { inputs <= 4 && spec.kernel == [3, 3] };
    depthwise || (narrow && outputs.is_multiple_of(V::LANES))
}
