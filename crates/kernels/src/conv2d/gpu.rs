//! conv2d on the GPU: which of its algorithms computes a convolution, how its weights are packed for it, and its dispatches.

mod pack;
mod product;
#[cfg(test)]
mod tests;
mod tile;

pub use pack::{PANEL, pack, parts};

use super::Conv2d;
use crate::activation::Activation;
use crate::gpu::{Dispatch, Epilogue, Limits, Map, Source};
use crate::storage::Storage;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// As a product of matrices, or of a matrix by few vectors.
    Direct,
}

impl Algorithm {
    pub fn name(self) -> String {
        match self {
            Algorithm::Direct => "direct".into(),
        }
    }

    /// Whether weights packed for it serve no other stride or dilation.
    pub fn is_transformed(self) -> bool {
        match self {
            Algorithm::Direct => false,
        }
    }
}

/// The products that computing an output of [n, c, h, w] takes.
pub fn products(spec: &Conv2d, algorithm: Algorithm, [n, c, h, w]: [usize; 4]) -> u64 {
    match algorithm {
        Algorithm::Direct => (n * c * h * w) as u64 * (merged(spec).depth()) as u64,
    }
}

/// The algorithm for `spec` over a map of these sides, before its weights come.
pub fn choose(
    _spec: &Conv2d,
    _size: [usize; 2],
    _storage: Storage,
    _winograd: bool,
    _limits: &Limits,
) -> Algorithm {
    Algorithm::Direct
}

/// The convolution with neighbouring groups taken together until each begins and ends with a vec4, both in the input and in
/// the output; what one group's outputs do not see of the others has weights of zero.
fn merged(spec: &Conv2d) -> Conv2d {
    let [inputs, outputs] = [spec.in_channels, spec.out_channels].map(|channels| channels / spec.groups);
    let is_whole = |count: usize| (count * inputs).is_multiple_of(4) && (count * outputs).is_multiple_of(4);
    let divisors = (1..=4).filter(|count| spec.groups.is_multiple_of(*count));
    let together = divisors.into_iter().find(|&count| is_whole(count)).unwrap_or(spec.groups);
    Conv2d { groups: spec.groups / together, ..spec.clone() }
}

/// Floats of each map between a convolution's stages, of which there is one more; `y` is the output's [n, c, h, w].
pub fn temps(_spec: &Conv2d, _algorithm: Algorithm, _y: [usize; 4]) -> Vec<usize> {
    vec![]
}

/// Whether the convolution can scale what it reads while it reads it.
pub fn takes_before(spec: &Conv2d, algorithm: Algorithm) -> bool {
    let is_pointwise = spec.kernel == [1; 2] && spec.padding == [0; 4] && spec.groups == 1;
    is_pointwise && algorithm == Algorithm::Direct
}

/// A number for each channel of the input.
#[derive(Clone, Copy, Debug)]
pub enum Scaling {
    /// A node's scales and shifts, by node and part.
    Affine(usize, usize),
    /// [n, c, 1, 1].
    Map(Map),
}

/// What a convolution does to its input while it reads it.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    pub scaling: Scaling,
    pub activation: Activation,
}

/// One convolution over given maps.
pub struct Job<'a> {
    pub spec: &'a Conv2d,
    pub algorithm: Algorithm,
    pub storage: Storage,
    pub limits: &'a Limits,
    /// Whose weights they are.
    pub node: usize,
    pub x: Map,
    pub y: Map,
    pub before: Option<Before>,
    pub epilogue: Epilogue,
    /// The maps between its stages, flat.
    pub temps: &'a [Map],
}

impl Job<'_> {
    /// The dispatches of a stage: one, or one for each part of the weights.
    pub fn dispatches(&self, stage: usize) -> Vec<Dispatch> {
        debug_assert!(stage <= self.temps.len());
        match self.algorithm {
            Algorithm::Direct => self.direct(),
        }
    }

    fn weights(&self, part: usize) -> Source {
        Source::Weights { node: self.node, part }
    }
}

/// Where the pixels of a map lie: offset and step in vec4s. On the GPU there is nothing around a map, so its pixels follow
/// one another through rows and images.
fn flat(map: &Map) -> [u32; 2] {
    let [offset, image, row, pixel] = map.words();
    let layout = &map.layout;
    debug_assert!(layout.h == 1 || row == pixel * layout.w as u32, "{layout:?} has gaps");
    debug_assert!(layout.n == 1 || image == row * layout.h as u32, "{layout:?} has gaps");
    [offset, pixel]
}
