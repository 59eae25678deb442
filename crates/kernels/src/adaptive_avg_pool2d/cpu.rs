//! The fast adaptive_avg_pool2d: channels are the vector, a chunk is one output cell of one image.

use crate::avg_pool2d::mean;
use crate::layout::{Arena, Cells, Layout};
use crate::simd::F32s;
use crate::window::adaptive;

/// One adaptive pooling over given maps.
pub struct Job {
    pub x: Layout,
    pub y: Layout,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        self.y.pixels()
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's cell of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let (image, cell) = (chunk / (self.y.h * self.y.w), chunk % (self.y.h * self.y.w));
        let (oy, ox) = (cell / self.y.w, cell % self.y.w);
        let (top, bottom) = adaptive(oy, self.y.h, self.x.h);
        let (left, right) = adaptive(ox, self.y.w, self.x.w);
        let cells =
            Cells { rows: bottom - top, cols: right - left, row_step: self.x.row, col_step: self.x.pixel };
        // SAFETY: the caller's promise; the cells lie inside the input.
        unsafe {
            let x = arena.read(self.x.at(image, top, left), cells.reach(self.x.c));
            let y = arena.write(self.y.at(image, oy, ox), self.y.c);
            mean::<V>(&cells, cells.rows * cells.cols, self.x.c, x, y);
        }
    }
}
