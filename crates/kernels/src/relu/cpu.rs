//! The fast relu: channels are the vector.

use crate::layout::{Arena, Layout};
use crate::simd::F32s;

/// One relu over given maps; a chunk is a row.
pub struct Job {
    pub x: Layout,
    pub y: Layout,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        self.y.n * self.y.h
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's row of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let (image, row) = (chunk / self.y.h, chunk % self.y.h);
        let whole = self.x.c - self.x.c % V::LANES;
        for column in 0..self.y.w {
            // SAFETY: the caller's promise.
            unsafe {
                let x = arena.read(self.x.at(image, row, column), self.x.c);
                let y = arena.write(self.y.at(image, row, column), self.y.c);
                for c in (0..whole).step_by(V::LANES) {
                    V::load(x.add(c)).max(V::splat(0.0)).store(y.add(c));
                }
                for c in whole..self.x.c {
                    let x = *x.add(c);
                    *y.add(c) = if x < 0.0 { 0.0 } else { x };
                }
            }
        }
    }
}
