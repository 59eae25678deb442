//! The fast conv2d: an implicit matrix product over a channels-last map with its zeros around it.
//!
//! A window's row of taps is one run of `kw * channels` floats where the map is dense and taps are neighbours, so the
//! tile's row is `kh` runs; else it is `kh * kw` runs of `channels`. Either way the order of the products is the same.
//! Chunks are blocks of pixels times ranges of panels: within one the panel stays in the nearest cache while the block's
//! tiles pass by.

use super::Conv2d;
use crate::activation::{Activation, curves};
use crate::epilogue::{Affine, Epilogue};
use crate::layout::{Arena, Layout};
use crate::panels::{At, Panels};
use crate::par;
use crate::rows;
use crate::simd::F32s;
use crate::storage::Storage;
use crate::tile::{End, Runs, height, nothing, tile};
use std::ops::Range;

/// Vectors a panel is wide.
const N: usize = 2;
/// How many times as wide the panels of a linear layer are.
const WIDER: usize = 2;
/// Pixels a chunk has at most: a multiple of each tile's height.
const BLOCK: usize = 96;
/// Floats of panels that go over a tile's pixels together: a quarter of a second-level cache of 1 MB. The nearest cache holds the
/// pixels; and what is fetched at a time is much, so that many lines are on their way.
const NEAR: usize = 64 * 1024;
/// Chunks that a layer is cut into where it is big enough: several for each thread, so that none waits long.
const CHUNKS: usize = 32;
/// Products a chunk has at least: about 5 us of work against some 100 ns to claim it.
const LEAST: usize = 100_000;

/// Room for the weights of a convolution, a `Panels` a group. `None` where there is no memory.
pub fn zeros<V: F32s>(spec: &Conv2d, storage: Storage) -> Option<Vec<Panels>> {
    let columns = spec.out_channels / spec.groups;
    (0..spec.groups).map(|_| Panels::zeros(N * V::LANES, columns, spec.depth(), storage)).collect()
}

/// Packs the weights [channels, in_channels / groups, kh, kw] of a range of output channels.
pub fn fill(spec: &Conv2d, groups: &mut [Panels], channels: Range<usize>, weight: &[f32]) {
    for (g, panels) in groups.iter_mut().enumerate() {
        let first = g * panels.columns;
        let mine = channels.start.max(first)..channels.end.min(first + panels.columns);
        if !mine.is_empty() {
            let weight = &weight[(mine.start - channels.start) * spec.depth()..][..mine.len() * spec.depth()];
            panels.fill(mine.start - first..mine.end - first, spec.in_channels / spec.groups, weight);
        }
    }
}

/// Sets the biases of all output channels: zeros until then.
pub fn set_bias(groups: &mut [Panels], bias: &[f32]) {
    let columns = groups[0].columns;
    groups.iter_mut().zip(bias.chunks_exact(columns)).for_each(|(panels, bias)| {
        panels.bias_mut().copy_from_slice(bias);
    });
}

/// A number for each channel of the input.
#[derive(Clone, Copy)]
pub enum Scaling<'a> {
    Affine(&'a Affine),
    /// [n, c, 1, 1] in the arena.
    Map(Layout),
}

/// What a 1 x 1 convolution without padding or groups does to its input while it reads it; no curve.
#[derive(Clone, Copy)]
pub struct Before<'a> {
    pub scaling: Scaling<'a>,
    pub activation: Activation,
}

/// One convolution over given maps.
pub struct Job<'a> {
    pub spec: &'a Conv2d,
    /// Those of `zeros`, or of a linear layer that reads a map as large as the kernel: its panels are as those but wider.
    pub panels: &'a [Panels],
    /// The input without its padding; the zeros must lie around it.
    pub x: Layout,
    pub y: Layout,
    pub before: Option<Before<'a>>,
    pub epilogue: Epilogue<'a>,
    /// Pixels of a tile: 4 or 6. It changes no bit.
    pub height: usize,
}

impl Job<'_> {
    /// Pixels of a chunk.
    fn block(&self) -> usize {
        match self.before {
            // Each range of panels would scale its pixels anew, so chunks are small blocks instead: 24 of 14 x 14 pixels, which
            // two threads share more evenly than 36.
            Some(_) => (self.y.pixels() / 9).next_multiple_of(12).clamp(12, BLOCK),
            None => BLOCK,
        }
    }

    fn blocks(&self) -> usize {
        self.y.pixels().div_ceil(self.block())
    }

    /// Ranges that the panels of a group are cut into.
    fn ranges(&self) -> usize {
        if self.before.is_some() {
            return 1;
        }
        let panels = self.panels[0].count();
        let wanted = CHUNKS.div_ceil(self.blocks() * self.spec.groups);
        let work = (self.y.pixels().min(BLOCK) * self.panels[0].width).saturating_mul(self.panels[0].depth);
        par::split(panels, wanted, LEAST.div_ceil(work.max(1)))
    }

    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        self.blocks() * self.ranges() * self.spec.groups
    }

    /// Floats that a chunk needs for itself.
    pub fn scratch(&self) -> usize {
        self.prepared() + self.together() * self.panels[0].wide()
    }

    /// Floats of pixels that are scaled before they are read.
    fn prepared(&self) -> usize {
        if self.before.is_some() { BLOCK * self.spec.in_channels } else { 0 }
    }

    /// Panels that go over a tile's pixels together.
    fn together(&self) -> usize {
        let panels = &self.panels[0];
        (NEAR / (panels.depth * panels.width)).clamp(1, panels.count())
    }

    fn runs(&self) -> Runs {
        let [kh, kw] = self.spec.kernel;
        let channels = self.spec.in_channels / self.spec.groups;
        let row_step = self.spec.dilation[0] * self.x.row;
        let col_step = self.spec.dilation[1] * self.x.pixel;
        if col_step == channels {
            Runs { rows: kh, cols: 1, len: kw * channels, row_step, col_step: 0 }
        } else {
            Runs { rows: kh, cols: kw, len: channels, row_step, col_step }
        }
    }

    /// # Safety
    /// The maps must lie in the arena, the input's padding must be there and zero, and nobody else may write the input or
    /// touch this chunk's part of the output meanwhile. `zeros::<V>` must have made the panels, this module's or linear's.
    /// `scratch` must have the floats that the job asks for.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, scratch: &mut [f32], chunk: usize) {
        let (block, rest) = (chunk % self.blocks(), chunk / self.blocks());
        let (range, group) = (rest % self.ranges(), rest / self.ranges());
        let c = group * self.panels[group].columns;
        let panels = &self.panels[group];
        let runs = self.runs();
        let (prepared, wide) = scratch.split_at_mut(self.prepared());
        let prepared = prepared.as_mut_ptr();
        let x0 = self.x.offset + group * (self.spec.in_channels / self.spec.groups);
        let y0 = self.y.offset + group * panels.columns;

        let first = block * self.block();
        let count = self.block().min(self.y.pixels() - first);
        let mut x = [std::ptr::null::<f32>(); BLOCK];
        let mut y = [std::ptr::null_mut::<f32>(); BLOCK];
        let mut add = [nothing(); BLOCK];
        // What padding takes off the first window's corner.
        let corner = self.spec.padding[0] * self.x.row + self.spec.padding[1] * self.x.pixel;
        let step = self.spec.stride[1] * self.x.pixel;
        let mut i = 0;
        while i < count {
            // Those of one row together.
            let (image, oy, ox) = self.position(first + i);
            let len = (self.y.w - ox).min(count - i);
            let (iy, ix) = (oy * self.spec.stride[0], ox * self.spec.stride[1]);
            let from = x0 + image * self.x.image + iy * self.x.row + ix * self.x.pixel - corner;
            let to = y0 + image * self.y.image + oy * self.y.row + ox * self.y.pixel;
            // SAFETY: the windows with their padding lie in the arena, and so do the output's pixels.
            unsafe {
                let from = arena.read(from, (len - 1) * step + runs.reach());
                let to = arena.write(to, (len - 1) * self.y.pixel + panels.columns);
                for j in 0..len {
                    (x[i + j], y[i + j]) = (from.add(j * step), to.add(j * self.y.pixel));
                }
                if let Some(map) = &self.epilogue.add {
                    let from = map.at(image, oy, ox) + group * panels.columns;
                    let from = arena.read(from, (len - 1) * map.pixel + panels.columns);
                    for (j, add) in add[i..][..len].iter_mut().enumerate() {
                        *add = from.add(j * map.pixel);
                    }
                }
                if let Some(before) = &self.before {
                    let channels = self.spec.in_channels;
                    for (j, x) in x[i..][..len].iter_mut().enumerate() {
                        let row = prepared.add((i + j) * channels);
                        before.apply::<V>(arena, image, *x, row, channels);
                        *x = row;
                    }
                }
            }
            i += len;
        }
        let range = par::part(panels.count(), self.ranges(), range);
        for p in range.clone().step_by(self.together()) {
            let p = p..range.end.min(p + self.together());
            let w = panels.widened::<V>(p.clone(), wide);
            let pixels = Pixels { x: &x, y: &y, add: &add, count };
            // SAFETY: see above.
            unsafe {
                if panels.width == N * V::LANES {
                    let end = End::new::<V, N>(panels, p.start, c, &self.epilogue);
                    self.tiles::<V, N>(&runs, w, p.len(), &pixels, &end);
                } else {
                    let parts = panels.columns.div_ceil(N * V::LANES);
                    for part in p.start * WIDER..parts.min(p.end * WIDER) {
                        let (panel, column) = (part / WIDER - p.start, part % WIDER * N * V::LANES);
                        let numbers = w.numbers.add(panel * panels.depth * panels.width + column);
                        let w = At { numbers, ..w };
                        let end = End::new::<V, N>(panels, part, c, &self.epilogue);
                        self.tiles::<V, { WIDER * N }>(&runs, w, 1, &pixels, &end);
                    }
                }
            }
        }
        if self.epilogue.activation.is_curve() {
            let columns = range.start * panels.width..panels.columns.min(range.end * panels.width);
            let pieces = y[..count].iter().map(|y| y.wrapping_add(columns.start));
            // SAFETY: these columns of the pixels are this chunk's.
            unsafe { curves::<V>(self.epilogue.activation, pieces, columns.len()) }
        }
    }

    fn position(&self, pixel: usize) -> (usize, usize, usize) {
        let in_image = pixel % (self.y.h * self.y.w);
        (pixel / (self.y.h * self.y.w), in_image / self.y.w, in_image % self.y.w)
    }

    /// The chunk's pixels, tile by tile.
    ///
    /// # Safety
    /// As `run`.
    #[inline(always)]
    unsafe fn tiles<V: F32s, const P: usize>(
        &self,
        runs: &Runs,
        w: At<f32>,
        count: usize,
        pixels: &Pixels,
        end: &End,
    ) {
        let mut i = 0;
        while i < pixels.count {
            let left = pixels.count - i;
            let step = if P == N { height(self.height, left) } else { [1, 4][usize::from(left >= 4)] };
            // SAFETY: the caller's promise; `step` pixels are left.
            unsafe {
                // Wider panels have fewer tiles, since each is code of its own.
                match step {
                    1 => pixels.tile::<V, 1, P>(runs, w, count, i, end),
                    4 => pixels.tile::<V, 4, P>(runs, w, count, i, end),
                    _ if P != N => unreachable!("a step of another width"),
                    2 => pixels.tile::<V, 2, P>(runs, w, count, i, end),
                    3 => pixels.tile::<V, 3, P>(runs, w, count, i, end),
                    5 => pixels.tile::<V, 5, P>(runs, w, count, i, end),
                    _ => pixels.tile::<V, 6, P>(runs, w, count, i, end),
                }
            }
            i += step;
        }
    }
}

/// Where a chunk's pixels lie: what each reads, writes and adds.
struct Pixels<'a> {
    x: &'a [*const f32; BLOCK],
    y: &'a [*mut f32; BLOCK],
    add: &'a [*const f32; BLOCK],
    count: usize,
}

impl Pixels<'_> {
    /// The `R` pixels from pixel `i` on.
    ///
    /// # Safety
    /// As `run`.
    #[inline(always)]
    unsafe fn tile<V: F32s, const R: usize, const P: usize>(
        &self,
        runs: &Runs,
        w: At<f32>,
        count: usize,
        i: usize,
        end: &End,
    ) {
        let x = self.x[i..].first_chunk().expect("R pixels");
        let y = self.y[i..].first_chunk().expect("R pixels");
        let add = self.add[i..].first_chunk().expect("R pixels");
        // SAFETY: the caller's promise.
        unsafe { tile::<V, f32, R, N, P>(runs, w, count, x, y, add, end) }
    }
}

impl Before<'_> {
    /// # Safety
    /// `len` floats must be readable at `x` and writable at `y`, and a map's must be the arena's.
    unsafe fn apply<V: F32s>(&self, arena: Arena, image: usize, x: *const f32, y: *mut f32, len: usize) {
        let (least, most) = self.activation.bounds();
        let clamp = |y: V| y.max(V::splat(least)).min(V::splat(most));
        // SAFETY: the caller's promise; an affine has more numbers than channels.
        unsafe {
            match self.scaling {
                Scaling::Affine(affine) => rows::zip::<V, 1>(0..len, [x], y, |c, [x]| {
                    clamp(V::load(x).madd(V::load(affine.scale(c)), V::load(affine.shift(c))))
                }),
                Scaling::Map(map) => {
                    let scale = arena.read(map.at(image, 0, 0), len);
                    rows::zip::<V, 2>(0..len, [x, scale], y, |_, [x, scale]| {
                        clamp(V::load(x).mul(V::load(scale)))
                    });
                }
            }
        }
    }
}
