//! The fast affine: nothing but an epilogue over a map that is there already. Channels are the vector.

use crate::epilogue::Epilogue;
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;

/// One affine over given maps; a chunk is some rows. The output may be the input's place.
pub struct Job<'a> {
    pub x: Layout,
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
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise.
                unsafe {
                    let x = arena.read(self.x.at(image, row, column), c);
                    let y = arena.write(self.y.at(image, row, column), c);
                    let add = epilogue.add.map_or(x, |map| arena.read(map.at(image, row, column), c));
                    rows::finish(&epilogue, c, [x, add], y, |[x, _]| V::load(x));
                }
            }
            // SAFETY: the caller's promise.
            unsafe { rows::curve::<V>(epilogue.activation, arena, &self.y, image, row) };
        }
    }
}
