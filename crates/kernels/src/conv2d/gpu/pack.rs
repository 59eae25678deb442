//! Weights for the GPU: for each vec4 of outputs all that it is made of, number by number, the weights of its four outputs
//! side by side (of a depthwise convolution for each tap all channels'); then what follows the sums, for each vec4 of outputs
//! one of factors, and behind these one of biases.

use super::{Algorithm, merged};
use crate::conv2d::Conv2d;
use crate::conv2d::grouped::gpu::is_depthwise;
use crate::conv2d::winograd::gpu::{Transform, positions};
use crate::gpu::{Limits, Upload};
use crate::storage::{Storage, Weight};
use std::ops::Range;

/// Outputs that are packed together: pieces begin at a multiple of it.
pub const PANEL: usize = 4;

/// How the weights of a convolution lie in its parts.
pub(in crate::conv2d) struct Parts {
    /// vec4s of outputs: all, and those of a part.
    pub outputs: usize,
    pub each: usize,
    /// Quadruples of weights for a vec4 of outputs.
    pub depth: usize,
    /// Bytes of such a quadruple.
    bytes: usize,
}

impl Parts {
    pub fn new(spec: &Conv2d, algorithm: Algorithm, storage: Storage, limits: &Limits) -> Self {
        let merged = merged(spec);
        let outputs = spec.out_channels.div_ceil(4);
        let bytes = 4 * kept(algorithm, storage, limits).bytes();
        let depth = match algorithm {
            Algorithm::Winograd(tile) => positions(tile) * spec.in_channels.next_multiple_of(4),
            Algorithm::Grouped if is_depthwise(spec) => spec.depth(),
            Algorithm::Direct | Algorithm::Grouped => depth(&merged),
        };
        if algorithm == Algorithm::Grouped {
            return Parts { outputs, each: outputs, depth, bytes };
        }
        let most = limits.binding.min(limits.buffer) as usize / (depth * bytes).max(1);
        // A dispatch has whole groups, or a part of the only one.
        let unit = if merged.groups > 1 { outputs / merged.groups } else { 1 };
        let each = (most - most % unit).clamp(unit, outputs);
        Parts { outputs, each, depth, bytes }
    }

    pub fn count(&self) -> usize {
        self.outputs.div_ceil(self.each)
    }

    /// The vec4s of outputs of a part.
    pub fn range(&self, part: usize) -> Range<usize> {
        part * self.each..self.outputs.min((part + 1) * self.each)
    }

    /// The part behind those of weights.
    pub fn tail(&self) -> usize {
        self.count()
    }

    /// Bytes of the weights of so many vec4s of outputs.
    fn size(&self, outputs: usize) -> usize {
        outputs * self.depth * self.bytes
    }
}

/// How weights are kept: narrow ones only where they are many, which they are where products are computed in float16.
pub fn kept(algorithm: Algorithm, storage: Storage, limits: &Limits) -> Storage {
    match (algorithm, storage) {
        (Algorithm::Direct, Storage::Float32) if limits.f16 => Storage::Float16,
        (Algorithm::Direct, _) => storage,
        _ => Storage::Float32,
    }
}

/// Numbers that an output is made of, where each pixel's channels are filled up to whole vec4s.
fn depth(merged: &Conv2d) -> usize {
    let [kh, kw] = merged.kernel;
    kh * kw * (merged.in_channels / merged.groups).next_multiple_of(4)
}

/// Bytes of each part of a convolution's weights; they are zeros until they are packed.
pub fn parts(spec: &Conv2d, algorithm: Algorithm, storage: Storage, limits: &Limits) -> Vec<u64> {
    let parts = Parts::new(spec, algorithm, storage, limits);
    let mut bytes: Vec<u64> =
        (0..parts.count()).map(|part| parts.size(parts.range(part).len()) as u64).collect();
    bytes.push(32 * parts.outputs as u64);
    bytes
}

/// Packs the weights [outputs, in_channels / groups, kh, kw] of a range of outputs that begins at a multiple of `PANEL` and ends
/// at one or with the last; the biases of all outputs come with the first range.
pub fn pack(
    spec: &Conv2d,
    algorithm: Algorithm,
    storage: Storage,
    limits: &Limits,
    outputs: Range<usize>,
    weight: &[f32],
    bias: Option<&[f32]>,
) -> Vec<Upload> {
    assert!(outputs.start.is_multiple_of(PANEL) && outputs.end <= spec.out_channels);
    assert_eq!(weight.len(), outputs.len() * spec.depth());
    let parts = Parts::new(spec, algorithm, storage, limits);
    let storage = kept(algorithm, storage, limits);
    let bias = bias.map(|bias| Upload {
        part: parts.tail(),
        offset: 16 * parts.outputs as u64,
        bytes: floats(bias),
    });
    if algorithm == Algorithm::Grouped && is_depthwise(spec) {
        return depthwise(parts.outputs, outputs.start / 4, weight, spec.depth()).chain(bias).collect();
    }
    let transform = match algorithm {
        Algorithm::Winograd(tile) => Some(Transform::new(tile)),
        Algorithm::Direct | Algorithm::Grouped => None,
    };
    let mut uploads = vec![];
    let mut factors = vec![];
    let mut quads = vec![[0.0; 4]; parts.depth];
    for (part, range) in (0..parts.count()).map(|part| (part, parts.range(part))) {
        let range = range.start.max(outputs.start / 4)..range.end.min(outputs.end.div_ceil(4));
        if range.is_empty() {
            continue;
        }
        let mut bytes = Vec::with_capacity(parts.size(range.len()));
        for group in range.clone() {
            let rows = 4 * group..outputs.end.min(4 * group + 4);
            let weight = &weight[(rows.start - outputs.start) * spec.depth()..][..rows.len() * spec.depth()];
            quads.fill([0.0; 4]);
            for ((lane, o), row) in (0..).zip(rows).zip(weight.chunks_exact(spec.depth())) {
                let place = |k: usize, w| quads[k][lane] = w;
                match &transform {
                    Some(transform) => at_positions(transform, row, place),
                    None => spread(spec, o, row, place),
                }
            }
            let rows: Vec<&[f32]> = weight.chunks_exact(spec.depth()).collect();
            factors.extend(match storage {
                Storage::Float16 if limits.f16 => encode_small(&quads, &mut bytes),
                _ => encode(storage, &quads, &rows, &mut bytes),
            });
        }
        let offset = parts.size(range.start - parts.range(part).start) as u64;
        uploads.push(Upload { part, offset, bytes });
    }
    if storage != Storage::Float32 {
        uploads.push(Upload {
            part: parts.tail(),
            offset: 4 * outputs.start as u64,
            bytes: floats(&factors),
        });
    }
    uploads.extend(bias);
    uploads
}

/// The weights of channels from vec4 `first` on, of which there are `all`: for each tap its channels.
fn depthwise(all: usize, first: usize, weight: &[f32], taps: usize) -> impl Iterator<Item = Upload> {
    (0..taps).map(move |tap| {
        let mut of_tap: Vec<f32> =
            weight.get(tap..).unwrap_or_default().iter().step_by(taps).copied().collect();
        of_tap.resize(of_tap.len().next_multiple_of(4), 0.0);
        Upload { part: 0, offset: 16 * (tap * all + first) as u64, bytes: floats(&of_tap) }
    })
}

/// Hands on the weights of an output at all positions, with their places among the numbers that its vec4 is made of.
fn at_positions(transform: &Transform, row: &[f32], mut hand_on: impl FnMut(usize, f32)) {
    let channels = (row.len() / 9).next_multiple_of(4);
    for (c, kernel) in row.chunks_exact(9).enumerate() {
        transform.kernel(kernel, |position, w| hand_on(position * channels + c, w));
    }
}

/// Hands on the weights of output `o` with their places among the numbers that its vec4 is made of.
fn spread(spec: &Conv2d, o: usize, row: &[f32], mut hand_on: impl FnMut(usize, f32)) {
    let merged = merged(spec);
    let taps = spec.kernel[0] * spec.kernel[1];
    let inputs = spec.in_channels / spec.groups;
    let pixel = (merged.in_channels / merged.groups).next_multiple_of(4);
    // Which of the groups that are taken together it belongs to.
    let own = o / (spec.out_channels / spec.groups) % (spec.groups / merged.groups);
    for (i, weights) in row.chunks_exact(taps).enumerate() {
        for (tap, &w) in weights.iter().enumerate() {
            hand_on(tap * pixel + own * inputs + i, w);
        }
    }
}

/// Appends quadruples as they are kept, and gives the factors of their outputs. Of each output all weights are in `rows`.
fn encode(storage: Storage, quads: &[[f32; 4]], rows: &[&[f32]], bytes: &mut Vec<u8>) -> [f32; 4] {
    let factors =
        |of: fn(&[f32]) -> f32| std::array::from_fn(|lane| rows.get(lane).map_or(1.0, |row| of(row)));
    match storage {
        Storage::Float32 => {
            quads.iter().flatten().for_each(|w| bytes.extend(w.to_le_bytes()));
            [1.0; 4]
        }
        Storage::Float16 => {
            let factors: [f32; 4] = factors(u16::factor);
            let halves = quads.iter().flat_map(|quad| quad.iter().zip(factors));
            halves.for_each(|(&w, factor)| bytes.extend(u16::pack(w, factor).to_le_bytes()));
            // The device adds the 112 by which exponents differ itself.
            factors.map(|factor| factor * 2.0f32.powi(-112))
        }
        Storage::Int8 => {
            let factors: [f32; 4] = factors(i8::factor);
            let steps = quads.iter().flat_map(|quad| quad.iter().zip(factors));
            steps.for_each(|(&w, factor)| bytes.push(i8::pack(w, factor) as u8));
            factors
        }
    }
}

/// Numbers of a sum that float16.wgsl multiplies and adds up before it adds them to others, at most.
const TOGETHER: usize = 32;

/// As `encode` has float16, with factors by which the magnitudes of any numbers that are added up together sum to at most 1.
fn encode_small(quads: &[[f32; 4]], bytes: &mut Vec<u8>) -> [f32; 4] {
    let sum = |lane: usize| {
        let of = |quads: &[[f32; 4]]| quads.iter().map(|quad| quad[lane].abs() as f64).sum();
        quads.chunks(TOGETHER).map(of).fold(0.0, f64::max)
    };
    // A power of two that is above the sum by what rounding adds to it. Of nothing it is any.
    let factors = std::array::from_fn(|lane| {
        let most = sum(lane) * (1.0 + 2.0f64.powi(-10));
        2.0f32.powi((most.log2().ceil() as i32).max(-100))
    });
    for quad in quads {
        for (&w, factor) in quad.iter().zip(factors) {
            bytes.extend(u16::pack(w / factor, 2.0f32.powi(112)).to_le_bytes());
        }
    }
    factors
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}
