//! The fast form. Work is done by blocks of tiles: transform the inputs, then for a few panels of output channels at a
//! time multiply at each position and transform the sums back, while all that lies in the nearer caches.
//!
//! Where the transformed weights are few, one chunk does all of it for its block of tiles (one stage). It is as fast as
//! two at 56 x 56 x 64 and takes no memory of the arena. Else all tiles are transformed first, into memory of the
//! arena, and a chunk of the second stage then multiplies them by the weights of its output channels, which are so read
//! from afar only once (two stages).

use super::grid::Grid;
use super::pack::SMALL;
use super::points::Points;
use super::product::{Product, Rows, multiply};
use super::tiles::Scratch;
use super::transform::{MOST, weights_tile};
use super::{N, Winograd};
use crate::conv2d::Conv2d;
use crate::epilogue::Epilogue;
use crate::layout::{Arena, Layout};
use crate::par;
use crate::simd::F32s;
use crate::tile::fetch;
use std::ops::Range;

/// Panels of output channels whose sums are transformed back together: in WebAssembly a cache line of channels.
pub(super) const PANELS: usize = 2;
/// Chunks that a stage is cut into where it is big enough.
const CHUNKS: usize = 16;
/// Floats that a chunk of one stage works on, inputs and sums, and the sums of one of two stages: half of a second-level cache of
/// 1 MB at most. With fewer, weights are read for more blocks of tiles (bench/README.md).
const NEAR: [usize; 2] = [96 * 1024, 128 * 1024];
/// Floats of transformed weights that a chunk makes before it multiplies by them, at most: those of a range of output channels and
/// 512 inputs in three parts where tiles are 4 x 4. With more parts sums are loaded and stored more often (bench/README.md).
const WEIGHTS: usize = 120 * 1024;
/// Tiles of a block, at least and at most: multiples of each height of the inner loop.
const TILES: [usize; 2] = [12, 144];

/// One convolution over given maps.
pub struct Job<'a> {
    pub spec: &'a Conv2d,
    pub packed: &'a Winograd,
    /// The input without its padding; no zeros need lie around it.
    pub x: Layout,
    pub y: Layout,
    pub epilogue: Epilogue<'a>,
    /// Where in the arena the `temp_floats` lie: best on a cache line.
    pub temp: usize,
    /// Tiles that are multiplied at once: 4 or 6. It changes no bit.
    pub height: usize,
}

/// Floats from one position's matrix to the next: an odd number of cache lines, so that the same place in all of them
/// does not fall into one set of the cache.
fn spread(floats: usize) -> usize {
    (floats.div_ceil(16) | 1) * 16
}

impl Job<'_> {
    pub(super) fn grid(&self) -> Grid {
        Grid::of(&self.y, self.packed.tile)
    }

    fn tiles(&self) -> usize {
        self.grid().tiles()
    }

    /// A transformed tile's channels, with what fills up the last vector, be it of few.
    fn row(&self) -> usize {
        let last = self.spec.stride[1] * self.spec.in_channels;
        (self.packed.unit.in_channels - last + last.max(8)).next_multiple_of(8)
    }

    /// Output channels whose sums are transformed back together.
    pub(super) fn range(&self) -> usize {
        PANELS * self.packed.width
    }

    fn ranges(&self) -> usize {
        self.packed.panels().div_ceil(PANELS)
    }

    /// Two stages where the weights are large, and where the map is so small that blocks of tiles alone are too few
    /// chunks.
    pub fn stages(&self) -> usize {
        let weights = self.packed.positions * self.packed.unit.in_channels * self.spec.out_channels;
        let few = self.tiles() < CHUNKS / 2 * self.most_tiles(1);
        if weights as u64 > SMALL || few { 2 } else { 1 }
    }

    /// Tiles of a block of so many stages, of which the sums, and in one stage the inputs, are near.
    fn most_tiles(&self, stages: usize) -> usize {
        let [least, most] = TILES;
        let inputs = if stages == 1 { self.row() } else { 0 };
        let floats = self.packed.positions * (inputs + self.range());
        (NEAR[stages - 1] / floats / least * least).clamp(least, most)
    }

    /// Tiles of a block of the stage that multiplies.
    fn block(&self) -> usize {
        let ([least, _], tiles) = (TILES, self.tiles());
        if self.stages() == 1 {
            return (tiles / CHUNKS / least * least).clamp(least, self.most_tiles(1));
        }
        // Each block reads the weights anew, so half as many chunks must do.
        let wanted = (CHUNKS / 2).div_ceil(self.ranges()).min(tiles.div_ceil(least));
        tiles.div_ceil(tiles.div_ceil(self.most_tiles(2)).max(wanted))
    }

    fn blocks(&self) -> usize {
        self.tiles().div_ceil(self.block())
    }

    /// Parts that the tiles are cut into where they are only transformed.
    fn parts(&self) -> usize {
        par::split(self.tiles(), 2 * CHUNKS, 256 / self.row())
    }

    /// How many independent chunks a stage has.
    pub fn chunks(&self, stage: usize) -> usize {
        match (self.stages(), stage) {
            (1, _) => self.blocks(),
            (_, 0) => self.parts(),
            _ => self.blocks() * self.ranges(),
        }
    }

    /// The range of output channels and the block of tiles of a chunk of the second stage. Two ranges take turns: of two threads
    /// each then has the weights of one near for all blocks.
    fn place(&self, chunk: usize) -> (usize, usize) {
        let first = chunk / (2 * self.blocks()) * 2;
        let (ranges, chunk) = (2.min(self.ranges() - first), chunk % (2 * self.blocks()));
        (first + chunk % ranges, chunk / ranges)
    }

    /// Floats of the arena that hold transformed inputs between the stages.
    pub fn temp_floats(&self) -> usize {
        if self.stages() == 1 { 0 } else { self.packed.positions * spread(self.tiles() * self.row()) }
    }

    /// Floats that a tile's sums take, for a range of output channels.
    fn sums(&self) -> usize {
        spread(self.packed.positions * self.range())
    }

    /// Floats from an input channel's transformed weights to the next one's, where they are kept plain.
    fn apart(&self) -> usize {
        spread(self.packed.positions * self.packed.width)
    }

    /// Input channels whose weights are transformed together, where they are kept plain: parts of one size.
    fn deep(&self) -> usize {
        let depth = self.packed.unit.in_channels;
        depth.div_ceil(depth.div_ceil(WEIGHTS / (PANELS * self.apart())))
    }

    /// The lengths of `Scratch`'s parts.
    fn lengths(&self) -> [usize; 7] {
        let inputs =
            if self.stages() == 1 { self.packed.positions * spread(self.block() * self.row()) } else { 0 };
        let weights = if self.packed.plain { PANELS * self.deep() * self.apart() } else { 0 };
        [
            self.row().next_multiple_of(16),
            8 * MOST,
            8 * 8,
            self.block() * self.sums(),
            inputs,
            weights,
            self.patch(),
        ]
    }

    /// Floats that a tile sees of the map, where they are copied.
    fn patch(&self) -> usize {
        let &Conv2d { stride: [sy, sx], in_channels, .. } = self.spec;
        if [sy, sx] == [1; 2] { 0 } else { self.packed.positions * sy * sx * in_channels }
    }

    /// Floats of scratch that each member of the team needs.
    pub fn scratch(&self) -> usize {
        self.lengths().iter().sum()
    }

    /// Runs a chunk of a stage.
    ///
    /// # Safety
    /// The maps and `temp` must lie in the arena; nobody else may write the input, or touch this chunk's part of the
    /// output or of `temp`, meanwhile. `V` must be the vector that the weights were packed for.
    pub unsafe fn run<V: F32s>(&self, stage: usize, arena: Arena, scratch: &mut [f32], chunk: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            match (self.packed.tile.0, self.packed.unit.kernel) {
                ([2, 2], [3, 3]) => self.run_as::<V, 4, 2, 4, 2>(stage, arena, scratch, chunk),
                ([4, 4], [3, 3]) => self.run_as::<V, 6, 4, 6, 4>(stage, arena, scratch, chunk),
                ([4, 6], [3, 3]) => self.run_as::<V, 6, 4, 8, 6>(stage, arena, scratch, chunk),
                ([5, 5], [4, 4]) => self.run_as::<V, 8, 5, 8, 5>(stage, arena, scratch, chunk),
                ([4, 4], [5, 5]) => self.run_as::<V, 8, 4, 8, 4>(stage, arena, scratch, chunk),
                ([1, 4], [1, 3]) => self.run_as::<V, 1, 1, 6, 4>(stage, arena, scratch, chunk),
                ([4, 1], [3, 1]) => self.run_as::<V, 6, 4, 1, 1>(stage, arena, scratch, chunk),
                ([1, 2], [1, 7]) => self.run_as::<V, 1, 1, 8, 2>(stage, arena, scratch, chunk),
                ([2, 1], [7, 1]) => self.run_as::<V, 8, 2, 1, 1>(stage, arena, scratch, chunk),
                (tile, kernel) => unreachable!("no tiles of {tile:?} outputs for a kernel of {kernel:?}"),
            }
        }
    }

    /// # Safety
    /// As `run`.
    unsafe fn run_as<V: F32s, const AY: usize, const MY: usize, const AX: usize, const MX: usize>(
        &self,
        stage: usize,
        arena: Arena,
        scratch: &mut [f32],
        chunk: usize,
    ) {
        assert!(scratch.len() >= self.scratch());
        let mut rest = scratch;
        let [zeros, between, spare, sums, inputs, weights, patch] = self.lengths().map(|len| {
            let (part, behind) = std::mem::take(&mut rest).split_at_mut(len);
            rest = behind;
            part
        });
        zeros.fill(0.0);
        let scratch = Scratch {
            zeros: zeros.as_mut_ptr(),
            between: between.as_mut_ptr(),
            spare: spare.as_mut_ptr(),
            sums: sums.as_mut_ptr(),
            inputs: inputs.as_mut_ptr(),
            weights: weights.as_mut_ptr(),
            patch: patch.as_mut_ptr(),
        };
        // SAFETY: the scratch is long enough; the rest is the caller's promise.
        unsafe {
            if self.stages() == 1 {
                let (tiles, step) = (self.tiles_of(chunk), spread(self.block() * self.row()));
                self.transform::<V, AY, AX>(arena, tiles.clone(), scratch, scratch.inputs, step);
                for range in 0..self.ranges() {
                    let (tiles, v) = (tiles.clone(), scratch.inputs);
                    self.multiply::<V, AY, MY, AX, MX>(arena, tiles, range, scratch, v, step);
                }
                return;
            }
            let (temp, step) =
                (arena.write(self.temp, self.temp_floats()), spread(self.tiles() * self.row()));
            if stage == 0 {
                let tiles = par::part(self.tiles(), self.parts(), chunk);
                let v = temp.add(tiles.start * self.row());
                self.transform::<V, AY, AX>(arena, tiles, scratch, v, step);
            } else {
                let (range, block) = self.place(chunk);
                let tiles = self.tiles_of(block);
                let v = temp.add(tiles.start * self.row());
                self.multiply::<V, AY, MY, AX, MX>(arena, tiles, range, scratch, v, step);
            }
        }
    }

    /// The tiles of a block.
    fn tiles_of(&self, block: usize) -> Range<usize> {
        block * self.block()..self.tiles().min((block + 1) * self.block())
    }

    /// Transforms the inputs of some tiles: channel c of the i-th at position p goes to `v + p * step + i * row + c`.
    ///
    /// # Safety
    /// As `run`; `v` must have room.
    unsafe fn transform<V: F32s, const AY: usize, const AX: usize>(
        &self,
        arena: Arena,
        tiles: Range<usize>,
        scratch: Scratch,
        v: *mut f32,
        step: usize,
    ) {
        let grid = self.grid();
        for (i, tile) in tiles.enumerate() {
            // SAFETY: the caller's promise.
            unsafe { self.gather::<V, AY, AX>(arena, grid.tile(tile), scratch, v.add(i * self.row()), step) };
        }
    }

    /// Multiplies the transformed inputs of some tiles by the weights of a range of output channels, and stores the
    /// outputs.
    ///
    /// # Safety
    /// As `run`; `v` must hold what `transform` put there.
    unsafe fn multiply<V: F32s, const AY: usize, const MY: usize, const AX: usize, const MX: usize>(
        &self,
        arena: Arena,
        tiles: Range<usize>,
        range: usize,
        scratch: Scratch,
        v: *const f32,
        step: usize,
    ) {
        let (depth, width) = (self.packed.unit.in_channels, self.packed.width);
        let panels = range * PANELS..self.packed.panels().min((range + 1) * PANELS);
        let (row, height) = (self.row(), self.height);
        let sums = |tile: usize, position: usize, panel: usize| {
            let place = position * self.range() + (panel - panels.start) * width;
            Rows { first: scratch.sums.wrapping_add(tile * self.sums() + place), step: self.sums() }
        };
        let grid = self.grid();
        // The positions, and of the block's tiles those that need one, if there are any.
        let needed = || {
            let of = |position: usize| {
                let infinity = [AY > 1 && position / AX == AY - 1, AX > 1 && position % AX == AX - 1];
                let needing = grid.needing(infinity);
                let [first, end] = [needing.start, needing.end].map(|t| t.clamp(tiles.start, tiles.end));
                (position, first - tiles.start, end.saturating_sub(first))
            };
            (0..AY * AX).map(of).filter(|&(_, _, count)| count > 0)
        };
        // SAFETY: the caller's promise; a range's sums have room for its panels.
        unsafe {
            if self.packed.plain && [MY + 2, MX + 2] == [AY, AX] {
                for c in (0..depth).step_by(self.deep()) {
                    let deep = self.deep().min(depth - c);
                    let room = deep * self.apart();
                    let transformed =
                        |panel: usize| scratch.weights.wrapping_add((panel - panels.start) * room);
                    for panel in panels.clone() {
                        fetch(self.packed.plain(panel, c), deep * 9 * width);
                        self.transform_weights::<V, AY, AX>(panel, c..c + deep, transformed(panel));
                    }
                    let products = needed().flat_map(|(position, before, tiles)| {
                        panels.clone().map(move |panel| Product {
                            tiles,
                            v: Rows { first: v.wrapping_add(position * step + before * row + c), step: row },
                            u: Rows {
                                first: transformed(panel).wrapping_add(position * width).cast_const(),
                                step: self.apart(),
                            },
                            sums: sums(before, position, panel),
                            scale: if c + deep < depth { 1.0 } else { self.packed.scale(position) },
                        })
                    });
                    multiply::<V>(products, deep, height, c > 0);
                }
            } else {
                for (position, before, tiles) in needed() {
                    for panel in panels.clone() {
                        fetch(self.packed.panel(panel, position), depth * width);
                    }
                    let product = |panel| Product {
                        tiles,
                        v: Rows { first: v.wrapping_add(position * step + before * row), step: row },
                        u: Rows { first: self.packed.panel(panel, position), step: width },
                        sums: sums(before, position, panel),
                        scale: 1.0,
                    };
                    multiply::<V>(panels.clone().map(product), depth, height, false);
                }
            }
            for (i, tile) in tiles.enumerate() {
                let sums = scratch.sums.add(i * self.sums());
                self.scatter::<V, AY, MY, AX, MX>(arena, grid.tile(tile), range, sums, scratch);
            }
        }
    }

    /// Transforms the weights of a panel for a range of input channels: number (channel, position) of output channel o goes to
    /// `u + channel * apart + position * width + o`.
    ///
    /// # Safety
    /// The weights must be plain, and `u` have room.
    #[inline(never)]
    unsafe fn transform_weights<V: F32s, const AY: usize, const AX: usize>(
        &self,
        panel: usize,
        channels: Range<usize>,
        u: *mut f32,
    ) {
        let factors = Points::vectors::<V, AY, AX>(&self.packed.points);
        let g = self.packed.plain(panel, channels.start);
        let apart = self.apart();
        for i in 0..channels.len() {
            for lane in 0..N {
                let step = N * V::LANES;
                // SAFETY: the caller's promise.
                unsafe {
                    let g = g.add(9 * i * step + lane * V::LANES);
                    let u = u.add(i * apart + lane * V::LANES);
                    weights_tile::<V, AY, AX>(&factors, step, g, u);
                }
            }
        }
    }
}
