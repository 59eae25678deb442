//! The fast halo: rows of zeros above and below, runs of them beside.

use crate::layout::{Arena, Layout};

/// Zeros around `map`: top, left, bottom, right cells. A chunk is an image.
pub struct Job {
    pub map: Layout,
    pub halo: [usize; 4],
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        self.map.n
    }

    /// # Safety
    /// The map with its halo must lie in the arena; nobody else may touch the halo meanwhile.
    pub unsafe fn run(&self, arena: Arena, chunk: usize) {
        let Layout { h, w, row, pixel, .. } = self.map;
        let [top, left, bottom, right] = self.halo;
        let start = self.map.at(chunk, 0, 0) - top * row - left * pixel;
        let zero = |at: usize, len: usize| {
            // SAFETY: the caller's promise.
            unsafe { arena.write(at, len).write_bytes(0, len) }
        };
        zero(start, top * row);
        for y in top..top + h {
            zero(start + y * row, left * pixel);
            zero(start + y * row + (left + w) * pixel, right * pixel);
        }
        zero(start + (top + h) * row, bottom * row);
    }
}
