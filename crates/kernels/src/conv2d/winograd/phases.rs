//! A convolution with a stride as one of stride 1: of every stride's cells of the padded input, all channels make one pixel.
//!
//! Its window then moves by single pixels, and Winograd's algorithms can compute it: a 7 x 7 kernel of stride 2 over 3
//! channels is one of 4 x 4 over 12, with a row and a column of zeros. Of a stride of 2 downwards, rows 2 y and 2 y + 1 make row
//! y; a pixel's channels are numbered by row, column and channel.

use crate::conv2d::Conv2d;

/// The convolution of stride 1 that `spec` is over such pixels, which begin where the padding does; itself where its stride is 1.
/// Sizes that nothing can hold are as large as there are.
pub fn unit(spec: &Conv2d) -> Conv2d {
    let [sy, sx] = spec.stride;
    let [kh, kw] = spec.kernel;
    let in_channels = spec.in_channels.saturating_mul(sy).saturating_mul(sx);
    Conv2d { in_channels, kernel: [kh.div_ceil(sy), kw.div_ceil(sx)], stride: [1; 2], ..spec.clone() }
}

/// Weights [channels, in_channels, kh, kw] of `spec` as those of `unit`.
pub fn weights(spec: &Conv2d, weight: &[f32]) -> Vec<f32> {
    let ([sy, sx], [kh, kw], unit) = (spec.stride, spec.kernel, unit(spec));
    let [rows, columns] = unit.kernel;
    let mut weights = vec![0.0; weight.len() / spec.depth() * unit.depth()];
    let kernels = weights.chunks_exact_mut(unit.depth()).zip(weight.chunks_exact(spec.depth()));
    for (to, from) in kernels {
        for (c, taps) in from.chunks_exact(kh * kw).enumerate() {
            for (i, &tap) in taps.iter().enumerate() {
                let (y, x) = (i / kw, i % kw);
                let channel = (y % sy * sx + x % sx) * spec.in_channels + c;
                to[(channel * rows + y / sy) * columns + x / sx] = tap;
            }
        }
    }
    weights
}
