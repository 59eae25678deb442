//! The fast pad2d: a copy, row by row.

use super::Pad2d;
use crate::layout::{Arena, Layout};
use crate::rows;

/// One padding over given maps; a chunk is some rows.
pub struct Job<'a> {
    pub spec: &'a Pad2d,
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
    pub unsafe fn run(&self, arena: Arena, chunk: usize) {
        let [top, left, _, _] = self.spec.padding;
        let c = self.y.c;
        // `i - before` where that lies in `0..size`.
        let inside =
            |i: usize, before: isize, size: usize| i.checked_add_signed(-before).filter(|&from| from < size);
        for (image, row) in rows::rows(&self.y, chunk) {
            let from = inside(row, top, self.x.h);
            for column in 0..self.y.w {
                // SAFETY: the caller's promise; the pixel that is read lies in the input.
                unsafe {
                    let y = arena.write(self.y.at(image, row, column), c);
                    match from.zip(inside(column, left, self.x.w)) {
                        Some((iy, ix)) => {
                            std::ptr::copy_nonoverlapping(arena.read(self.x.at(image, iy, ix), c), y, c)
                        }
                        None => y.write_bytes(0, c),
                    }
                }
            }
        }
    }
}
