//! The specification of slice.

use std::ops::Range;

/// `x` is [n, channels, cells]; gives the channels of the range, [n, range, cells].
pub fn slice(x: &[f32], [channels, cells]: [usize; 2], range: Range<usize>) -> Vec<f32> {
    x.chunks_exact(channels * cells)
        .flat_map(|image| &image[range.start * cells..range.end * cells])
        .copied()
        .collect()
}
