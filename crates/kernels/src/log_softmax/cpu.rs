//! The fast log_softmax: exponentials in f32, their sum and its logarithm in f64.

use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;
use crate::softmax::exponentials;

/// One log_softmax over given maps, which must not overlap; a chunk is some rows.
pub struct Job {
    pub x: Layout,
    pub y: Layout,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's rows of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise; `zip` gives addresses of vectors.
                unsafe {
                    let x = arena.read(self.x.at(image, row, column), self.x.c);
                    let y = arena.write(self.y.at(image, row, column), self.y.c);
                    // The exponentials are wanted for their sum alone; the output is where there is room for them.
                    let (max, sum) = exponentials::<V>(x, y, self.y.c);
                    // Two differences: the sum of both would round away what the logarithm adds to a large maximum.
                    let (max, log) = (V::splat(max), V::splat(sum.ln() as f32));
                    rows::zip::<V, 1>(0..self.y.c, [x], y, |_, [x]| V::load(x).sub(max).sub(log));
                }
            }
        }
    }
}
