//! The fast max_pool2d: channels are the vector, a chunk is a row of outputs.

use super::MaxPool2d;
use crate::layout::{Arena, Cells, Layout};
use crate::simd::F32s;

/// One max pooling over given maps.
pub struct Job<'a> {
    pub spec: &'a MaxPool2d,
    pub x: Layout,
    pub y: Layout,
}

impl Job<'_> {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        self.y.n * self.y.h
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's row of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let (image, oy) = (chunk / self.y.h, chunk % self.y.h);
        let [v, h] = &self.spec.windows;
        let (row_step, col_step) = (v.dilation * self.x.row, h.dilation * self.x.pixel);
        let (iy, rows) = v.taps(oy, self.x.h);
        for ox in 0..self.y.w {
            let (ix, cols) = h.taps(ox, self.x.w);
            let cells = Cells { rows, cols, row_step, col_step };
            // SAFETY: the caller's promise; `taps` gives only cells inside the input.
            unsafe {
                let x = arena.read(self.x.at(image, iy, ix), cells.reach(self.x.c));
                let y = arena.write(self.y.at(image, oy, ox), self.y.c);
                let whole = self.y.c - self.y.c % V::LANES;
                for c in (0..whole).step_by(V::LANES) {
                    let least = V::splat(f32::NEG_INFINITY);
                    cells.fold(x.add(c), least, |max, x| max.max(V::load(x))).store(y.add(c));
                }
                for c in whole..self.y.c {
                    *y.add(c) = cells.fold(x.add(c), f32::NEG_INFINITY, |max, x| max.max(*x));
                }
            }
        }
    }
}
