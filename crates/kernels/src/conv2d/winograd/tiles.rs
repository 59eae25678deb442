//! From the map to transformed inputs, and from sums to the map: one tile, all that lies outside the map left out.

use super::N;
use super::cpu::{Job, PANELS};
use super::grid::Place;
use super::points::Points;
use super::transform::{MOST, input_tile, output_tile};
use crate::activation::curve;
use crate::conv2d::Conv2d;
use crate::layout::Arena;
use crate::rows;
use crate::simd::F32s;

/// Parts of a member's scratch.
#[derive(Clone, Copy)]
pub struct Scratch {
    /// A pixel of zeros.
    pub zeros: *mut f32,
    /// Room for `MOST` vectors: what one axis's transform leaves for the other.
    pub between: *mut f32,
    /// Room for a row of outputs, 8 vectors, which has no place in the map.
    pub spare: *mut f32,
    /// The sums of a block of tiles, for a range of output channels.
    pub sums: *mut f32,
    /// The transformed inputs of a block of tiles.
    pub inputs: *mut f32,
    /// Transformed weights of a panel.
    pub weights: *mut f32,
    /// What a tile sees, where a stride makes cells one pixel.
    pub patch: *mut f32,
}

impl Job<'_> {
    /// Transforms the inputs of a tile, all channels: number i goes to `v + i * step`.
    ///
    /// # Safety
    /// As `run`; `v` must have room for a tile's row at every step.
    #[inline(never)]
    pub(super) unsafe fn gather<V: F32s, const AY: usize, const AX: usize>(
        &self,
        arena: Arena,
        place: Place,
        scratch: Scratch,
        v: *mut f32,
        step: usize,
    ) {
        let (image, [rows, columns]) = place;
        let corner = [image, rows.start, columns.start];
        let [sy, sx] = self.spec.stride;
        let is_unit = [sy, sx] == [1; 2];
        // A row of cells is one run of floats of a pixel.
        let channels = sx * self.spec.in_channels;
        let factors = &Points::vectors::<V, AY, AX>(&self.packed.points);
        // SAFETY: the pixels have `channels` floats each, here and in the patch.
        unsafe {
            if !is_unit {
                self.copy::<V, AY, AX>(arena, corner, scratch.patch);
            }
            for phase in 0..sy {
                let mut pixels = if is_unit {
                    self.pixels::<AY, AX>(arena, corner, scratch.zeros)
                } else {
                    let row = |y: usize| (y * sy + phase) * AX;
                    // Wrapping: some of these are behind the tile's, and for nobody.
                    let pixel = |i: usize| (row(i / AX) + i % AX) * channels;
                    std::array::from_fn(|i| scratch.patch.wrapping_add(pixel(i)).cast_const())
                };
                const { assert!(V::LANES <= 8) };
                let mut few;
                if channels < V::LANES {
                    few = [[0.0f32; 8]; MOST];
                    for (few, pixel) in few.iter_mut().zip(&mut pixels).take(AY * AX) {
                        std::ptr::copy_nonoverlapping(*pixel, few.as_mut_ptr(), channels);
                        *pixel = few.as_ptr();
                    }
                }
                let last = channels.saturating_sub(V::LANES);
                for c in (0..channels).step_by(V::LANES) {
                    // The last vector begins among the channels of the one before, and computes them again.
                    let (c, v) = (c.min(last), v.add(phase * channels));
                    input_tile::<V, AY, AX>(factors, &pixels, c, scratch.between, v.add(c), step);
                }
            }
        }
    }

    /// The pixels that a tile sees, `zeros` for what is outside the map.
    #[inline(always)]
    fn pixels<const AY: usize, const AX: usize>(
        &self,
        arena: Arena,
        [image, oy, ox]: [usize; 3],
        zeros: *const f32,
    ) -> [*const f32; MOST] {
        let mut pixels = [zeros; MOST];
        for y in 0..AY {
            // Above the map the row number wraps and is larger than any.
            let iy = (oy + y).wrapping_sub(self.spec.padding[0]);
            if iy >= self.x.h {
                continue;
            }
            for x in 0..AX {
                let ix = (ox + x).wrapping_sub(self.spec.padding[1]);
                if ix < self.x.w {
                    // SAFETY: a pixel of the map.
                    pixels[y * AX + x] =
                        unsafe { arena.read(self.x.at(image, iy, ix), self.spec.in_channels) };
                }
            }
        }
        pixels
    }

    /// Copies what a tile of a convolution with a stride sees, cell by cell, zeros for what is outside the map.
    ///
    /// # Safety
    /// As `run`; `patch` must have room.
    #[inline(always)]
    unsafe fn copy<V: F32s, const AY: usize, const AX: usize>(
        &self,
        arena: Arena,
        [image, oy, ox]: [usize; 3],
        patch: *mut f32,
    ) {
        let Conv2d { stride: [sy, sx], in_channels: c, padding: [top, left, ..], .. } = *self.spec;
        let cells = AX * sx;
        let before = left.saturating_sub(ox * sx).min(cells);
        let from = (ox * sx + before).saturating_sub(left);
        let inside = self.x.w.saturating_sub(from).min(cells - before);
        for y in 0..AY * sy {
            let iy = (oy * sy + y).wrapping_sub(top);
            // SAFETY: a row of the patch, and the cells of the map.
            unsafe {
                let to = patch.add(y * cells * c);
                if iy >= self.x.h || inside == 0 {
                    to.write_bytes(0, cells * c);
                    continue;
                }
                to.write_bytes(0, before * c);
                to.add((before + inside) * c).write_bytes(0, (cells - before - inside) * c);
                let (runs, len) = if self.x.pixel == c { (1, inside * c) } else { (inside, c) };
                for i in 0..runs {
                    let from = arena.read(self.x.at(image, iy, from + i), len);
                    rows::zip::<V, 1>(0..len, [from], to.add((before + i) * c), |_, [x]| V::load(x));
                }
            }
        }
    }

    /// Transforms a tile's sums back, for a range of output channels, and stores what is inside the map.
    ///
    /// # Safety
    /// As `run`; `sums` must hold the tile's.
    #[inline(never)]
    pub(super) unsafe fn scatter<
        V: F32s,
        const AY: usize,
        const MY: usize,
        const AX: usize,
        const MX: usize,
    >(
        &self,
        arena: Arena,
        place: Place,
        range: usize,
        sums: *const f32,
        scratch: Scratch,
    ) {
        let (image, [rows, columns]) = place;
        let (oy, ox, rows, cols) = (rows.start, columns.start, rows.len(), columns.len());
        let start = range * self.range();
        let end = self.spec.out_channels.min(start + self.range());
        let add = self.epilogue.add;
        let to = |y: usize, x: usize, c: usize| self.y.at(image, oy + y, ox + x) + c;
        let factors = Points::vectors::<V, AY, AX>(&self.packed.points);
        let bounds = self.epilogue.activation.bounds();
        let [least, most] = [V::splat(bounds.0), V::splat(bounds.1)];
        for c in (start..end).step_by(V::LANES) {
            let used = V::LANES.min(end - c);
            // Rows that are stored as they are, without a look at each pixel.
            let is_whole = cols == MX && used == V::LANES;
            let spare = |x: usize| scratch.spare.wrapping_add(x * V::LANES);
            // SAFETY: the pixels inside the map have these channels. Rows that are not whole go by way of a buffer; an affine
            // has more numbers than channels.
            unsafe {
                let bias = V::load(self.packed.bias(c));
                let affine = self.epilogue.affine.map(|a| [V::load(a.scale(c)), V::load(a.shift(c))]);
                let sums = sums.add(c - start);
                let (between, step) = (scratch.between, const { PANELS * N * V::LANES });
                output_tile::<V, AY, MY, AX, MX>(&factors, sums, step, between, rows, |y, row: [V; MX]| {
                    let mut row = row.map(|sum| sum.add(bias));
                    if let Some([scale, shift]) = affine {
                        row = row.map(|sum| sum.madd(scale, shift));
                    }
                    if let Some(add) = add {
                        let (mut from, mut step) =
                            (arena.read(add.at(image, oy + y, ox) + c, used), add.pixel);
                        if !is_whole {
                            for x in 0..cols {
                                copy::<V>(from.add(x * step), spare(x), used);
                            }
                            (from, step) = (spare(0).cast_const(), V::LANES);
                        }
                        for (x, sum) in row.iter_mut().enumerate() {
                            *sum = sum.add(V::load(from.add(x * step)));
                        }
                    }
                    let place = arena.write(to(y, 0, c), used);
                    let (to, step) = if is_whole { (place, self.y.pixel) } else { (spare(0), V::LANES) };
                    for (x, sum) in row.into_iter().enumerate() {
                        sum.max(least).min(most).store(to.add(x * step));
                    }
                    if !is_whole {
                        for x in 0..cols {
                            copy::<V>(spare(x), place.add(x * self.y.pixel), used);
                        }
                    }
                });
            }
        }
        if self.epilogue.activation.is_curve() {
            for (y, x) in (0..rows).flat_map(|y| (0..cols).map(move |x| (y, x))) {
                // SAFETY: what was just stored.
                unsafe {
                    let pixel = arena.write(to(y, x, start), end - start);
                    curve::<V>(self.epilogue.activation, pixel, end - start);
                }
            }
        }
    }
}

/// Copies a vector or what there is of one.
///
/// # Safety
/// `len` floats must be readable and writable.
#[inline(always)]
unsafe fn copy<V: F32s>(from: *const f32, to: *mut f32, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if len == V::LANES {
            V::load(from).store(to);
        } else {
            std::ptr::copy_nonoverlapping(from, to, len);
        }
    }
}
