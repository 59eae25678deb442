//! conv2d on the GPU: which of its algorithms computes a convolution, how its weights are packed for it, and its dispatches.

mod pack;
mod product;
#[cfg(test)]
mod tests;
mod tile;
mod tune;

pub(super) use pack::Parts;
pub use pack::{PANEL, kept, pack, parts};
pub(super) use product::pair;
pub use product::storage_number;
pub use tune::{Choice, Cut, choices};

use super::winograd::{self, Tile};
use super::{Conv2d, grouped};
use crate::activation::Activation;
use crate::gpu::{Dispatch, Epilogue, Limits, Map, Source};
use crate::storage::Storage;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// As a product of matrices, or of a matrix by few vectors.
    Direct,
    /// Window by window: narrow groups, depthwise.
    Grouped,
    /// For 3 x 3.
    Winograd(Tile),
}

impl Algorithm {
    pub fn name(self) -> String {
        match self {
            Algorithm::Direct => "direct".into(),
            Algorithm::Grouped => "grouped".into(),
            Algorithm::Winograd(Tile([rows, columns])) => format!("winograd {rows} x {columns}"),
        }
    }

    /// Whether weights packed for it serve no other stride or dilation.
    pub fn is_transformed(self) -> bool {
        matches!(self, Algorithm::Winograd(_))
    }
}

/// All that could compute a convolution, the plainest first. Transformed weights take several times as much memory, which is
/// not what who keeps them narrow wants.
pub fn candidates(spec: &Conv2d, storage: Storage) -> Vec<Algorithm> {
    if grouped::gpu::fits(spec) {
        return vec![Algorithm::Grouped];
    }
    let tiles = winograd::gpu::TILES.into_iter().map(Algorithm::Winograd);
    let may = winograd::gpu::fits(spec) && storage == Storage::Float32;
    [Algorithm::Direct].into_iter().chain(tiles.filter(|_| may)).collect()
}

/// The algorithm for `spec` over a map of these sides, before its weights come: by counting.
pub fn choose(
    spec: &Conv2d,
    [h, w]: [usize; 2],
    storage: Storage,
    winograd: bool,
    limits: &Limits,
) -> Algorithm {
    if grouped::gpu::fits(spec) {
        return Algorithm::Grouped;
    }
    let may = winograd && storage == Storage::Float32;
    winograd::gpu::choose(spec, h, w, limits).filter(|_| may).map_or(Algorithm::Direct, Algorithm::Winograd)
}

/// The products that computing an output of [n, c, h, w] takes.
pub fn products(spec: &Conv2d, algorithm: Algorithm, y: [usize; 4]) -> u64 {
    match algorithm {
        Algorithm::Winograd(tile) => winograd::gpu::products(spec, tile, y),
        Algorithm::Grouped if grouped::gpu::is_depthwise(spec) => {
            y.iter().product::<usize>() as u64 * spec.depth() as u64
        }
        Algorithm::Direct | Algorithm::Grouped => {
            y.iter().product::<usize>() as u64 * merged(spec).depth() as u64
        }
    }
}

/// The convolution with neighbouring groups taken together until each begins and ends with a vec4, both in the input and in
/// the output; what one group's outputs do not see of the others has weights of zero.
pub(super) fn merged(spec: &Conv2d) -> Conv2d {
    let [inputs, outputs] = [spec.in_channels, spec.out_channels].map(|channels| channels / spec.groups);
    let is_whole = |count: usize| (count * inputs).is_multiple_of(4) && (count * outputs).is_multiple_of(4);
    let divisors = (1..=4).filter(|count| spec.groups.is_multiple_of(*count));
    let together = divisors.into_iter().find(|&count| is_whole(count)).unwrap_or(spec.groups);
    Conv2d { groups: spec.groups / together, ..spec.clone() }
}

/// Floats of each map between a convolution's stages, of which there is one more; `y` is the output's [n, c, h, w].
pub fn temps(spec: &Conv2d, algorithm: Algorithm, y: [usize; 4]) -> Vec<usize> {
    match algorithm {
        Algorithm::Winograd(tile) => winograd::gpu::temps(spec, tile, y),
        Algorithm::Direct | Algorithm::Grouped => vec![],
    }
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
    /// How its products are cut, where that is not to be counted.
    pub cut: Option<Cut>,
    /// The maps between its stages, flat.
    pub temps: &'a [Map],
}

impl Job<'_> {
    /// The dispatches of a stage: one, or one for each part of the weights.
    pub fn dispatches(&self, stage: usize) -> Vec<Dispatch> {
        debug_assert!(stage <= self.temps.len());
        match self.algorithm {
            Algorithm::Direct => self.direct(),
            Algorithm::Grouped => vec![grouped::gpu::dispatch(self)],
            Algorithm::Winograd(tile) => winograd::gpu::dispatches(self, tile, stage),
        }
    }

    pub(super) fn weights(&self, part: usize) -> Source {
        Source::Weights { node: self.node, part }
    }
}

/// Where the pixels of a map lie: offset and step in vec4s. On the GPU there is nothing around a map, so its pixels follow
/// one another through rows and images.
pub(super) fn flat(map: &Map) -> [u32; 2] {
    let [offset, image, row, pixel] = map.words();
    let layout = &map.layout;
    debug_assert!(layout.h == 1 || row == pixel * layout.w as u32, "{layout:?} has gaps");
    debug_assert!(layout.n == 1 || image == row * layout.h as u32, "{layout:?} has gaps");
    [offset, pixel]
}
