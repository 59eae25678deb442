//! From the map to transformed inputs, and from sums to the map: one tile, all that lies outside the map left out.

use super::Tile;
use super::cpu::Job;
use super::points::Points;
use super::transform::{MOST, input_tile, output_tile};
use crate::activation::curve;
use crate::layout::Arena;
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
}

impl Job<'_> {
    /// The image of a tile, and its first output row and column.
    fn corner(&self, tile: usize) -> [usize; 3] {
        let ([down, across], Tile([h, w])) = (self.grid(), self.packed.tile);
        let in_image = tile % (down * across);
        [tile / (down * across), in_image / across * h, in_image % across * w]
    }

    /// Transforms the inputs of a tile, all channels: number i goes to `v + i * step`.
    ///
    /// # Safety
    /// As `run`; `v` must have room for a tile's row at every step.
    #[inline(never)]
    pub(super) unsafe fn gather<V: F32s, const AY: usize, const AX: usize>(
        &self,
        arena: Arena,
        tile: usize,
        scratch: Scratch,
        v: *mut f32,
        step: usize,
    ) {
        let [image, oy, ox] = self.corner(tile);
        let channels = self.spec.in_channels;
        let mut pixels = [scratch.zeros.cast_const(); MOST];
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
                    pixels[y * AX + x] = unsafe { arena.read(self.x.at(image, iy, ix), channels) };
                }
            }
        }
        let whole = channels / V::LANES * V::LANES;
        // SAFETY: `whole` channels of each pixel can be loaded by vectors; the rest by way of a buffer.
        unsafe {
            let (factors, between) = (&Points::vectors::<V, AY, AX>(&self.packed.points), scratch.between);
            for c in (0..whole).step_by(V::LANES) {
                input_tile::<V, AY, AX>(factors, &pixels, c, between, v.add(c), step);
            }
            if whole < channels {
                const { assert!(V::LANES <= 8) };
                let mut rest = [[0.0f32; 8]; MOST];
                for (rest, pixel) in rest.iter_mut().zip(&mut pixels).take(AY * AX) {
                    std::ptr::copy_nonoverlapping(pixel.add(whole), rest.as_mut_ptr(), channels - whole);
                    *pixel = rest.as_ptr();
                }
                input_tile::<V, AY, AX>(factors, &pixels, 0, between, v.add(whole), step);
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
        tile: usize,
        range: usize,
        sums: *const f32,
        scratch: Scratch,
    ) {
        let [image, oy, ox] = self.corner(tile);
        let (rows, cols) = (MY.min(self.y.h - oy), MX.min(self.y.w - ox));
        let start = range * self.range();
        let end = self.spec.out_channels.min(start + self.range());
        let add = self.epilogue.add.unwrap_or(self.y);
        let (first, first_add) = (self.y.at(image, oy, ox), add.at(image, oy, ox));
        let to = |y: usize, x: usize, c: usize| first + y * self.y.row + x * self.y.pixel + c;
        let from = |y: usize, x: usize, c: usize| first_add + y * add.row + x * add.pixel + c;
        let factors = Points::vectors::<V, AY, AX>(&self.packed.points);
        for c in (start..end).step_by(V::LANES) {
            let used = V::LANES.min(end - c);
            // SAFETY: the pixels inside the map have these channels; the last ones go by way of a buffer, and what is
            // outside goes there and stays.
            unsafe {
                let bias = V::load(self.packed.bias(c));
                let sums = sums.add(c - start);
                let (between, step) = (scratch.between, self.range());
                output_tile::<V, AY, MY, AX, MX>(&factors, sums, step, between, rows, |y, row: [V; MX]| {
                    let row = row.map(|sum| [sum.add(bias)]);
                    let spare: [*mut f32; MX] = std::array::from_fn(|x| scratch.spare.add(x * V::LANES));
                    if used == V::LANES {
                        let places = std::array::from_fn(|x| match x < cols {
                            true => arena.write(to(y, x, c), used),
                            false => spare[x],
                        });
                        let summands = std::array::from_fn(|x| match x < cols {
                            true => arena.read(from(y, x, c), used),
                            false => spare[x].cast_const(),
                        });
                        self.epilogue.store(row, c, summands, places);
                        return;
                    }
                    if self.epilogue.add.is_some() {
                        for (x, place) in spare.iter().enumerate().take(cols) {
                            std::ptr::copy_nonoverlapping(arena.read(from(y, x, c), used), *place, used);
                        }
                    }
                    self.epilogue.store(row, c, spare.map(|place| place.cast_const()), spare);
                    for (x, place) in spare.iter().enumerate().take(cols) {
                        std::ptr::copy_nonoverlapping(*place, arena.write(to(y, x, c), used), used);
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
