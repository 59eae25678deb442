//! What a measurement chooses from: an algorithm, and how its products are cut into workgroups.

use super::pack::Parts;
use super::product::{are_vectors, sizes};
use super::tile::{TILES, Tile, different};
use super::{Algorithm, candidates, merged};
use crate::conv2d::{Conv2d, winograd};
use crate::gpu::Limits;
use crate::storage::Storage;

/// Choices that are measured at most.
const MOST: usize = 4;
/// Invocations that can share the sums of a vec4 of outputs.
const LANES: [usize; 4] = [64, 32, 16, 8];

/// How a product is cut into workgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One of matrices.
    Tile(Tile),
    /// One of a matrix by few vectors: so many invocations have a vec4 of outputs.
    Lanes(usize),
}

/// A way to compute a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub algorithm: Algorithm,
    /// Without, it is counted which is the cheapest.
    pub cut: Option<Cut>,
}

impl Choice {
    /// Tells it from all others of a convolution.
    pub fn name(&self) -> String {
        let algorithm = self.algorithm.name();
        match self.cut {
            None => algorithm,
            Some(Cut::Lanes(lanes)) => format!("{algorithm}, {lanes} lanes"),
            Some(Cut::Tile(Tile { columns, rows, width, height, split, depth })) => {
                format!("{algorithm}, {columns} x {rows} of {width} x {height}, {split} by {depth}")
            }
        }
    }

    /// The choice of this name, if it can compute the convolution on some device. Every cut is within what all devices allow.
    pub fn named(spec: &Conv2d, storage: Storage, name: &str) -> Option<Choice> {
        let cuts = |algorithm: Algorithm| {
            let lanes: &[usize] = if algorithm == Algorithm::Direct { &LANES } else { &[] };
            let cuts = TILES.iter().map(|&tile| Cut::Tile(tile)).chain(lanes.iter().map(|&n| Cut::Lanes(n)));
            cuts.map(move |cut| Choice { algorithm, cut: Some(cut) })
        };
        let mut all = candidates(spec, storage).into_iter().flat_map(cuts);
        all.find(|choice| choice.name() == name)
    }
}

/// What to measure for a convolution over one map of these sides, what is counted to be the best of each algorithm first; a
/// single one where there is nothing to choose.
pub fn choices(
    spec: &Conv2d,
    [h, w]: [usize; 2],
    storage: Storage,
    winograd: bool,
    limits: &Limits,
) -> Vec<Choice> {
    let mut algorithms = candidates(spec, storage);
    algorithms.retain(|algorithm| winograd || !algorithm.is_transformed());
    let Some([oh, ow]) = spec.output(h, w).filter(|_| algorithms[0] == Algorithm::Direct) else {
        return vec![Choice { algorithm: algorithms[0], cut: None }];
    };
    // Each transformed one has the cut that is counted to be its best.
    let direct = MOST + 1 - algorithms.len();
    let cuts = |algorithm| {
        let parts = Parts::new(spec, algorithm, storage, limits);
        let range = parts.range(0);
        let tiles = match algorithm {
            Algorithm::Winograd(tile) => {
                let [count, positions] = winograd::gpu::counts(tile, [oh, ow]);
                different(limits, [count, spec.in_channels.div_ceil(4), range.len(), positions])
            }
            _ if are_vectors(spec, [h, w], [1, oh, ow]) => return LANES.map(Cut::Lanes).to_vec(),
            _ => different(limits, sizes(&merged(spec), &parts, &range, oh * ow)),
        };
        tiles.into_iter().map(Cut::Tile).collect()
    };
    let choices = algorithms.into_iter().flat_map(|algorithm| {
        let most = if algorithm == Algorithm::Direct { direct } else { 1 };
        cuts(algorithm).into_iter().take(most).map(move |cut| Choice { algorithm, cut: Some(cut) })
    });
    choices.collect()
}
