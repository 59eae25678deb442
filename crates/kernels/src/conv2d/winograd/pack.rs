//! The weights of a Winograd convolution, transformed.

use super::points::{self, Points};
use super::{N, Tile};
use crate::conv2d::Conv2d;
use crate::layout::Floats;
use crate::simd::F32s;
use std::ops::Range;

/// Transformed weights in panels of output channels: number (position, input channel) of output channel o lies at
/// `((o / width * positions + position) * in_channels + input channel) * width + o % width`. Biases follow the same
/// channels.
pub struct Winograd {
    pub tile: Tile,
    pub(super) width: usize,
    pub(super) positions: usize,
    pub(super) points: [Points; 2],
    kernel: [usize; 2],
    in_channels: usize,
    out_channels: usize,
    numbers: Floats,
    bias: Floats,
}

impl Winograd {
    /// Room for the weights of `spec` by tiles of this size, all zeros. `None` where there is no memory.
    pub fn zeros<V: F32s>(spec: &Conv2d, tile: Tile) -> Option<Self> {
        let &Conv2d { in_channels, out_channels, kernel, .. } = spec;
        let width = N * V::LANES;
        let inputs = tile.inputs(kernel);
        let positions = inputs[0] * inputs[1];
        let points = inputs.map(Points::new);
        let panels = out_channels.div_ceil(width);
        let numbers = Floats::zeros(panels * positions * in_channels * width)?;
        let bias = Floats::zeros(panels * width)?;
        Some(Winograd { tile, width, positions, points, kernel, in_channels, out_channels, numbers, bias })
    }

    /// Transforms the weights [channels, in_channels, kh, kw] of a range of output channels, in f64.
    pub fn fill(&mut self, channels: Range<usize>, weight: &[f32]) {
        assert!(channels.end <= self.out_channels);
        let [kh, kw] = self.kernel;
        let [ay, ax] = self.tile.inputs(self.kernel);
        let (down, across) = (points::weights(ay, kh), points::weights(ax, kw));
        let kernels = weight.chunks_exact(kh * kw);
        assert_eq!(kernels.len(), channels.len() * self.in_channels);
        for (i, kernel) in kernels.enumerate() {
            let (o, c) = (channels.start + i / self.in_channels, i % self.in_channels);
            let first = o / self.width * self.positions * self.in_channels + c;
            for (x, across) in across.iter().enumerate() {
                let row = |taps: &[f32]| -> f64 { taps.iter().zip(across).map(|(&t, a)| t as f64 * a).sum() };
                let mut rows = [0.0; 7];
                kernel.chunks_exact(kw).zip(&mut rows).for_each(|(taps, sum)| *sum = row(taps));
                for (y, down) in down.iter().enumerate() {
                    let number: f64 = down.iter().zip(rows).map(|(d, r)| d * r).sum();
                    let place = first + (y * ax + x) * self.in_channels;
                    self.numbers[place * self.width + o % self.width] = number as f32;
                }
            }
        }
    }

    /// The output channels' biases: zeros until they are set.
    pub fn bias_mut(&mut self) -> &mut [f32] {
        &mut self.bias[..self.out_channels]
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        4 * (self.numbers.len() + self.bias.len())
    }

    pub(super) fn panels(&self) -> usize {
        self.out_channels.div_ceil(self.width)
    }

    /// The weights of one panel at one position.
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize, position: usize) -> *const f32 {
        let len = self.in_channels * self.width;
        self.numbers[(panel * self.positions + position) * len..][..len].as_ptr()
    }

    /// The biases from channel `c` of a panel's on.
    #[inline(always)]
    pub(super) fn bias(&self, c: usize) -> *const f32 {
        self.bias[c..].as_ptr()
    }
}
