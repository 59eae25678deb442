//! The fast mul: channels are the vector; an epilogue goes over the products as over a convolution's sums.

use crate::epilogue::Epilogue;
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;

/// One mul over given maps; a chunk is some rows. The output may be the first input's place.
pub struct Job<'a> {
    pub a: Layout,
    /// Of the size of `a`, or [n, c, 1, 1].
    pub b: Layout,
    pub y: Layout,
    pub epilogue: Epilogue<'a>,
}

impl Job<'_> {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the inputs or touch this chunk's rows of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let c = self.y.c;
        let epilogue = self.epilogue;
        // One pixel in all places.
        let b = match self.b {
            b @ Layout { h: 1, w: 1, .. } => Layout { row: 0, pixel: 0, ..b },
            b => b,
        };
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise.
                unsafe {
                    let a = arena.read(self.a.at(image, row, column), c);
                    let b = arena.read(b.at(image, row, column), c);
                    let y = arena.write(self.y.at(image, row, column), c);
                    let add = epilogue.add.map_or(a, |map| arena.read(map.at(image, row, column), c));
                    rows::finish(&epilogue, c, [a, b, add], y, |[a, b, _]| V::load(a).mul(V::load(b)));
                }
            }
            // SAFETY: the caller's promise.
            unsafe { rows::curve::<V>(epilogue.activation, arena, &self.y, image, row) };
        }
    }
}
