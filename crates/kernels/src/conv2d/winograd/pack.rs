//! The weights of a Winograd convolution: transformed, or as they are where they are many.

use super::cpu::PANELS;
use super::grid::Grid;
use super::phases;
use super::points::{self, Points};
use super::{N, Tile};
use crate::conv2d::Conv2d;
use crate::layout::Floats;
use crate::simd::F32s;
use std::ops::Range;

/// Output channels whose weights are transformed at once: what vectors of f64 are made of.
const LANES: usize = 8;
/// Input channels of which the numbers at a position are written one behind the other: whole cache lines.
const TOGETHER: usize = 8;
/// Transformed weights, in floats, that are kept: what a chunk can read for its block of tiles from a cache. Of 3 x 3 kernels
/// with more, the weights are kept as they are, and transformed by the run that multiplies by them: that takes less time
/// than to read four times as much from memory.
pub(super) const SMALL: u64 = 1024 * 1024;
/// The same for tiles of 4 x 6: 512 channels by 512 have more.
const LARGE: u64 = 8 * 1024 * 1024;

/// Weights in panels of output channels. Transformed, number (position, input channel) of output channel o lies at
/// `((o / width * positions + position) * in_channels + input channel) * width + o % width`; plain, tap t of input channel c
/// at `((o / width * in_channels + c) * 9 + t) * width + o % width`. Biases follow the same channels.
pub struct Winograd {
    pub tile: Tile,
    pub(super) width: usize,
    pub(super) positions: usize,
    pub(super) points: [Points; 2],
    /// Whether they are not transformed.
    pub(super) plain: bool,
    /// The convolution, and the same with stride 1.
    spec: Conv2d,
    pub(super) unit: Conv2d,
    numbers: Floats,
    bias: Floats,
}

impl Winograd {
    /// Room for the weights of `spec` by tiles of this size, all zeros. `None` where there is no memory.
    pub fn zeros<V: F32s>(spec: &Conv2d, tile: Tile) -> Option<Self> {
        Self::kept::<V>(spec, tile, Self::keeps(spec, tile))
    }

    /// The same, plain or not.
    pub(super) fn kept<V: F32s>(spec: &Conv2d, tile: Tile, plain: bool) -> Option<Self> {
        let unit = phases::unit(spec);
        let Conv2d { in_channels, out_channels, kernel, .. } = unit;
        let width = N * V::LANES;
        let inputs = tile.inputs(kernel);
        let positions = inputs[0] * inputs[1];
        let points = inputs.map(Points::new);
        let panels = out_channels.div_ceil(width);
        let each = if plain { kernel[0] * kernel[1] } else { positions };
        let numbers = Floats::zeros(panels * each * in_channels * width)?;
        let bias = Floats::zeros(panels * width)?;
        Some(Winograd { tile, width, positions, points, plain, spec: spec.clone(), unit, numbers, bias })
    }

    /// Whether the weights of `spec` are kept plain. Where tiles are 4 x 6 maps have so many tiles that reading is the cheaper
    /// (bench/README.md), so there only where they take most memory.
    pub(super) fn keeps(spec: &Conv2d, tile: Tile) -> bool {
        let unit = phases::unit(spec);
        let floats = Self::depth(&unit, tile.inputs(unit.kernel)).saturating_mul(spec.out_channels as u64);
        unit.kernel == [3, 3] && floats > if tile == Tile([4, 6]) { LARGE } else { SMALL }
    }

    /// Numbers for each output channel in kernels of these sides.
    fn depth(unit: &Conv2d, [rows, columns]: [usize; 2]) -> u64 {
        (unit.in_channels as u64).saturating_mul((rows * columns) as u64)
    }

    /// Numbers that are kept for each output channel of `spec`.
    pub fn floats(spec: &Conv2d, tile: Tile) -> u64 {
        let unit = phases::unit(spec);
        let is_plain = Self::keeps(spec, tile);
        Self::depth(&unit, if is_plain { unit.kernel } else { tile.inputs(unit.kernel) })
    }

    /// Packs the weights [channels, in_channels, kh, kw] of a range of output channels; transforms them in f64 where they
    /// are kept so.
    pub fn fill(&mut self, channels: Range<usize>, weight: &[f32]) {
        assert!(channels.end <= self.spec.out_channels);
        assert_eq!(weight.len(), channels.len() * self.spec.depth());
        if self.spec.stride == [1; 2] {
            self.fill_unit(channels, weight);
        } else {
            self.fill_unit(channels, &phases::weights(&self.spec, weight));
        }
    }

    /// The same with weights of the convolution of stride 1.
    fn fill_unit(&mut self, channels: Range<usize>, weight: &[f32]) {
        let Conv2d { in_channels, kernel, .. } = self.unit;
        let taps = kernel[0] * kernel[1];
        let depth = in_channels * taps;
        if self.plain {
            for (o, weight) in channels.zip(weight.chunks_exact(depth)) {
                let panel = &mut self.numbers[o / self.width * depth * self.width..];
                let places = panel.iter_mut().skip(o % self.width).step_by(self.width);
                places.zip(weight).for_each(|(place, &number)| *place = number);
            }
            return;
        }
        let inputs = self.tile.inputs(kernel);
        let [down, across] = std::array::from_fn(|axis| points::weights(inputs[axis], kernel[axis]));
        let mut kernels = vec![[0.0; LANES]; TOGETHER * taps];
        let mut rows = vec![[0.0; LANES]; TOGETHER * kernel[0]];
        let mut o = channels.start;
        while o < channels.end {
            let (panel, lane) = (o / self.width, o % self.width);
            let lanes = LANES.min(self.width - lane).min(channels.end - o);
            for c in (0..in_channels).step_by(TOGETHER) {
                let count = TOGETHER.min(in_channels - c);
                for i in 0..lanes {
                    let weight = &weight[(o - channels.start + i) * depth + c * taps..];
                    kernels.iter_mut().zip(&weight[..count * taps]).for_each(|(k, &w)| k[i] = w as f64);
                }
                let kernel_rows = kernels[..count * taps].chunks_exact(kernel[1]);
                for (x, across) in across.iter().enumerate() {
                    rows.iter_mut().zip(kernel_rows.clone()).for_each(|(row, taps)| *row = sum(across, taps));
                    for (y, down) in down.iter().enumerate() {
                        let position = panel * self.positions + y * inputs[1] + x;
                        let place = (position * in_channels + c) * self.width + lane;
                        let run = self.numbers[place..].chunks_mut(self.width);
                        for (numbers, rows) in run.zip(rows.chunks_exact(kernel[0]).take(count)) {
                            let number = sum(down, rows);
                            numbers.iter_mut().zip(&number[..lanes]).for_each(|(n, &sum)| *n = sum as f32);
                        }
                    }
                }
            }
            o += lanes;
        }
    }

    /// The output channels' biases: zeros until they are set.
    pub fn bias_mut(&mut self) -> &mut [f32] {
        &mut self.bias[..self.spec.out_channels]
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        4 * (self.numbers.len() + self.bias.len())
    }

    /// Floats of an image's transformed inputs for `h` by `w` outputs, and how often a run reads them, where they lie in the
    /// arena for that.
    pub fn transformed(&self, h: usize, w: usize) -> [usize; 2] {
        if self.positions as u64 * (self.unit.in_channels * self.unit.out_channels) as u64 <= SMALL {
            return [0; 2];
        }
        let tiles = h.div_ceil(self.tile.0[0]) * w.div_ceil(self.tile.0[1]);
        [self.positions * tiles * self.unit.in_channels, self.panels().div_ceil(PANELS)]
    }

    /// Products that an image of `h` by `w` outputs takes.
    pub fn products(&self, h: usize, w: usize) -> u64 {
        let inputs = self.tile.inputs(self.unit.kernel);
        Grid::new(1, [h, w], self.tile).positions(inputs) as u64
            * (self.unit.in_channels * self.unit.out_channels) as u64
    }

    pub(super) fn panels(&self) -> usize {
        self.spec.out_channels.div_ceil(self.width)
    }

    /// The plain weights of one panel from input channel `c` on.
    #[inline(always)]
    pub(super) fn plain(&self, panel: usize, c: usize) -> *const f32 {
        self.numbers[(panel * self.unit.in_channels + c) * 9 * self.width..].as_ptr()
    }

    /// What sums of products by weights that a run transforms are multiplied by at a position.
    #[inline(always)]
    pub(super) fn scale(&self, position: usize) -> f32 {
        let [down, across] = &self.points;
        let width = self.tile.inputs(self.unit.kernel)[1];
        down.scales[position / width] * across.scales[position % width]
    }

    /// The transformed weights of one panel at one position.
    #[inline(always)]
    pub(super) fn panel(&self, panel: usize, position: usize) -> *const f32 {
        let len = self.unit.in_channels * self.width;
        self.numbers[(panel * self.positions + position) * len..][..len].as_ptr()
    }

    /// The biases from channel `c` of a panel's on.
    #[inline(always)]
    pub(super) fn bias(&self, c: usize) -> *const f32 {
        self.bias[c..].as_ptr()
    }
}

/// A row of a transform's matrix by as many numbers of each lane.
#[inline(always)]
fn sum(factors: &[f64], numbers: &[[f64; LANES]]) -> [f64; LANES] {
    let mut sum = [0.0; LANES];
    for (factor, numbers) in factors.iter().zip(numbers) {
        for (sum, number) in sum.iter_mut().zip(numbers) {
            *sum += factor * number;
        }
    }
    sum
}
