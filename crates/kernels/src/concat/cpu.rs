//! The fast concat: a copy, pixel by pixel.

use crate::layout::{Arena, Layout};

/// Copies one branch into its channels `y` of the joined map; a chunk is a row.
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
    /// The maps must lie in the arena and not overlap; nobody else may write the input or touch this chunk's row of the
    /// output meanwhile.
    pub unsafe fn run(&self, arena: Arena, chunk: usize) {
        let (image, row) = (chunk / self.y.h, chunk % self.y.h);
        for column in 0..self.y.w {
            // SAFETY: the caller's promise.
            unsafe {
                let x = arena.read(self.x.at(image, row, column), self.x.c);
                let y = arena.write(self.y.at(image, row, column), self.y.c);
                std::ptr::copy_nonoverlapping(x, y, self.x.c);
            }
        }
    }
}
