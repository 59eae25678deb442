//! The fast softmax: exponentials in f32, their sum in f64.

use crate::layout::{Arena, Layout};

/// One softmax over given maps; a chunk is a pixel.
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
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's pixel of the output meanwhile.
    pub unsafe fn run(&self, arena: Arena, chunk: usize) {
        let (image, cell) = (chunk / (self.y.h * self.y.w), chunk % (self.y.h * self.y.w));
        let (row, column) = (cell / self.y.w, cell % self.y.w);
        // SAFETY: the caller's promise; input and output are different buffers.
        let (x, y) = unsafe {
            (
                std::slice::from_raw_parts(arena.read(self.x.at(image, row, column), self.x.c), self.x.c),
                std::slice::from_raw_parts_mut(
                    arena.write(self.y.at(image, row, column), self.y.c),
                    self.y.c,
                ),
            )
        };
        // The largest exponent is 0, so that no exponential overflows and their sum is at least 1.
        let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (y, x) in y.iter_mut().zip(x) {
            *y = (x - max).exp();
            sum += *y as f64;
        }
        for y in y {
            *y = (*y as f64 / sum) as f32;
        }
    }
}
