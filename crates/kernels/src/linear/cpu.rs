//! The fast linear layer. At batch 1 it is bound by reading the weights, so a panel is wide (whole cache lines, four
//! independent sums) and only a few rows share it; the batch passes by while a panel is in the cache.

use super::Linear;
use crate::activation::curve;
use crate::epilogue::Epilogue;
use crate::layout::{Arena, Layout};
use crate::panels::{At, Numbers, Panels};
use crate::par;
use crate::simd::F32s;
use crate::storage::{Storage, Weight};
use crate::tile::{End, Runs, nothing, tile};
use std::ops::Range;

/// Vectors a panel is wide.
const N: usize = 4;
/// Images a tile has.
const R: usize = 2;
/// Chunks that a layer is cut into where it is big enough.
const CHUNKS: usize = 32;
/// Weights a chunk reads at least: about 5 us of memory traffic against some 100 ns to claim it.
const LEAST: usize = 16_384;

/// Room for the weights of a layer. `None` where there is no memory.
pub fn zeros<V: F32s>(spec: &Linear, storage: Storage) -> Option<Panels> {
    Panels::zeros(N * V::LANES, spec.out_features, spec.in_features, storage)
}

/// Packs the weights [outputs, in_features] of a range of outputs. Where the input is a flattened map of `channels` channels,
/// its features are channel-major to PyTorch but channels-last here.
pub fn fill(panels: &mut Panels, channels: usize, outputs: Range<usize>, weight: &[f32]) {
    panels.fill(outputs, channels, weight);
}

/// One linear layer over a map that is read as a vector of h * w * c features.
pub struct Job<'a> {
    pub panels: &'a Panels,
    pub x: Layout,
    pub y: Layout,
    pub epilogue: Epilogue<'a>,
}

impl Job<'_> {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        par::split(
            self.panels.count(),
            CHUNKS,
            LEAST.div_ceil((self.panels.depth * self.panels.width).max(1)),
        )
    }

    fn runs(&self) -> Runs {
        let x = &self.x;
        if x.pixel != x.c {
            Runs { rows: x.h, cols: x.w, len: x.c, row_step: x.row, col_step: x.pixel }
        } else if x.row != x.w * x.c {
            Runs { rows: x.h, cols: 1, len: x.w * x.c, row_step: x.row, col_step: 0 }
        } else {
            Runs::single(x.h * x.w * x.c)
        }
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's part of the output meanwhile.
    /// `zeros::<V>` must have made the panels.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.panels.numbers() {
                Numbers::Float32(numbers) => self.run_on::<V, f32>(arena, chunk, numbers, &[]),
                Numbers::Float16(numbers, factors) => self.run_on::<V, u16>(arena, chunk, numbers, factors),
                Numbers::Int8(numbers, factors) => self.run_on::<V, i8>(arena, chunk, numbers, factors),
            }
        }
    }

    /// # Safety
    /// As `run`; the numbers must be the panels'.
    unsafe fn run_on<V: F32s, W: Weight>(&self, arena: Arena, chunk: usize, numbers: &[W], factors: &[f32]) {
        let runs = self.runs();
        for p in par::part(self.panels.count(), self.chunks(), chunk) {
            let w = self.panels.at(numbers, factors, p);
            let mut i = 0;
            // SAFETY: the caller's promise.
            unsafe {
                while i + R <= self.x.n {
                    self.tile::<V, W, R>(arena, &runs, w, p, i);
                    i += R;
                }
                if i < self.x.n {
                    self.tile::<V, W, 1>(arena, &runs, w, p, i);
                }
            }
        }
    }

    /// # Safety
    /// As `run`.
    #[inline(never)]
    unsafe fn tile<V: F32s, W: Weight, const R: usize>(
        &self,
        arena: Arena,
        runs: &Runs,
        w: At<W>,
        p: usize,
        i: usize,
    ) {
        let columns = self.panels.columns;
        // SAFETY: the caller's promise; image i + r lies in the maps.
        unsafe {
            let x = std::array::from_fn(|r| arena.read(self.x.at(i + r, 0, 0), runs.reach()));
            let y: [*mut f32; R] = std::array::from_fn(|r| arena.write(self.y.at(i + r, 0, 0), columns));
            let add = std::array::from_fn(|r| match &self.epilogue.add {
                Some(map) => arena.read(map.at(i + r, 0, 0), columns),
                None => nothing(),
            });
            let end = End::new::<V, N>(self.panels, p, 0, &self.epilogue);
            tile::<V, W, R, N, N>(runs, w, 1, &x, &y, &add, &end);
            let first = p * self.panels.width;
            let used = self.panels.width.min(columns - first);
            y.iter().for_each(|&y| curve::<V>(self.epilogue.activation, y.add(first), used));
        }
    }
}
