//! The fast avg_pool2d: channels are the vector, a chunk is a row of outputs.

use super::AvgPool2d;
use crate::layout::{Arena, Cells, Layout};
use crate::simd::F32s;

/// One average pooling over given maps.
pub struct Job<'a> {
    pub spec: &'a AvgPool2d,
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
        let (iy, rows) = self.spec.windows[0].taps(oy, self.x.h);
        for ox in 0..self.y.w {
            let (ix, cols) = self.spec.windows[1].taps(ox, self.x.w);
            let cells = Cells { rows, cols, row_step: self.x.row, col_step: self.x.pixel };
            let divisor = self.spec.divisor([oy, ox], [self.x.h, self.x.w]);
            // SAFETY: the caller's promise; `taps` gives only cells inside the input.
            unsafe {
                let x = arena.read(self.x.at(image, iy, ix), cells.reach(self.x.c));
                let y = arena.write(self.y.at(image, oy, ox), self.y.c);
                mean::<V>(&cells, divisor, self.x.c, x, y);
            }
        }
    }
}

/// The sum of each channel over the cells, divided by `divisor`.
///
/// # Safety
/// `x` must have `cells.reach(channels)` readable floats, `y` room for `channels`.
pub(crate) unsafe fn mean<V: F32s>(
    cells: &Cells,
    divisor: usize,
    channels: usize,
    x: *const f32,
    y: *mut f32,
) {
    let scale = 1.0 / divisor as f32;
    let whole = channels - channels % V::LANES;
    // SAFETY: the caller's promise.
    unsafe {
        for c in (0..whole).step_by(V::LANES) {
            let sum = cells.fold(x.add(c), V::splat(0.0), |sum, x| sum.add(V::load(x)));
            sum.mul(V::splat(scale)).store(y.add(c));
        }
        for c in whole..channels {
            *y.add(c) = cells.fold(x.add(c), 0.0, |sum, x| sum + *x) * scale;
        }
    }
}
