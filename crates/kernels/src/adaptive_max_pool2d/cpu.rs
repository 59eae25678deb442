//! The fast adaptive_max_pool2d.

use crate::layout::{Arena, Layout};
use crate::max_pool2d::largest;
use crate::pool;
use crate::simd::F32s;

/// One adaptive pooling over given maps; a chunk is a range of channels of one output cell.
pub struct Job {
    pub x: Layout,
    pub y: Layout,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        pool::adaptive_chunks(&self.x, &self.y)
    }

    /// # Safety
    /// The maps must lie in the arena and not overlap; nobody else may write the input or touch this chunk's part of the
    /// output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let (cells, channels, from, to) = pool::adaptive_cells(&self.x, &self.y, chunk);
        // SAFETY: the caller's promise; the cells lie inside the input.
        unsafe {
            let x = arena.read(from, cells.reach(channels));
            let y = arena.write(to, channels);
            largest::<V>(&cells, channels, x, y);
        }
    }
}
