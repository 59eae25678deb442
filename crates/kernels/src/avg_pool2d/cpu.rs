//! The fast avg_pool2d.

use super::AvgPool2d;
use crate::layout::{Arena, Cells, Layout};
use crate::pool::pool;
use crate::rows;
use crate::simd::F32s;

/// One average pooling over given maps; a chunk is some rows of outputs.
pub struct Job<'a> {
    pub spec: &'a AvgPool2d,
    pub x: Layout,
    pub y: Layout,
}

impl Job<'_> {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena and not overlap; nobody else may write the input or touch this chunk's rows of the
    /// output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let [v, s] = &self.spec.windows;
        for (image, oy) in rows::rows(&self.y, chunk) {
            let (iy, rows) = v.taps(oy, self.x.h);
            for ox in 0..self.y.w {
                let (ix, cols) = s.taps(ox, self.x.w);
                let [row_step, col_step] = [v.dilation * self.x.row, s.dilation * self.x.pixel];
                let cells = Cells { rows, cols, row_step, col_step };
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
}

/// The sum of each channel over the cells, divided by `divisor`.
///
/// # Safety
/// `x` must have `cells.reach(channels)` readable floats, `y` room for `channels` in another place.
#[inline(always)]
pub(crate) unsafe fn mean<V: F32s>(
    cells: &Cells,
    divisor: usize,
    channels: usize,
    x: *const f32,
    y: *mut f32,
) {
    let scale = V::splat(1.0 / divisor as f32);
    // SAFETY: the caller's promise.
    unsafe { pool(cells, channels, x, y, 0.0, |sum: V, x| sum.add(x), |sum| sum.mul(scale)) }
}
