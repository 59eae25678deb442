//! The fast pad_channels: a copy, pixel by pixel.

use crate::layout::{Arena, Layout};
use crate::rows;

/// Copies a map into an output that has more channels, `before` of them in front; a chunk is some rows.
pub struct Job {
    pub before: usize,
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
        let behind = self.before + self.x.c;
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise; all channels of the output lie behind its first.
                unsafe {
                    let x = arena.read(self.x.at(image, row, column), self.x.c);
                    let y = arena.write(self.y.at(image, row, column), self.y.c);
                    y.write_bytes(0, self.before);
                    std::ptr::copy_nonoverlapping(x, y.add(self.before), self.x.c);
                    y.add(behind).write_bytes(0, self.y.c - behind);
                }
            }
        }
    }
}
