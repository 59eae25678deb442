//! The fast channel_shuffle: a transposition within each pixel.

use crate::layout::{Arena, Layout};
use crate::rows;

/// One channel_shuffle over given maps; a chunk is some rows.
pub struct Job {
    /// A divisor of the channels.
    pub groups: usize,
    pub x: Layout,
    pub y: Layout,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena and not overlap; nobody else may write the input or touch this chunk's rows of the
    /// output meanwhile.
    pub unsafe fn run(&self, arena: Arena, chunk: usize) {
        let c = self.y.c;
        let each = c / self.groups;
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise; `each * groups` channels are there.
                unsafe {
                    let x = arena.read(self.x.at(image, row, column), c);
                    let y = arena.write(self.y.at(image, row, column), c);
                    for group in 0..self.groups {
                        for i in 0..each {
                            *y.add(i * self.groups + group) = *x.add(group * each + i);
                        }
                    }
                }
            }
        }
    }
}
