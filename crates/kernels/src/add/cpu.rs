//! The fast add: a row at a time, where it can be as one run of floats.

use crate::activation::Activation;
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;

/// One add over given maps; a chunk is some rows. The output may be the first input's place.
pub struct Job<'a> {
    /// Two or more.
    pub xs: &'a [Layout],
    pub y: Layout,
    pub activation: Activation,
}

impl Job<'_> {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the inputs or touch this chunk's rows of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let (least, most) = self.activation.bounds();
        let clamp = |y: V| y.max(V::splat(least)).min(V::splat(most));
        let [first, others @ .., last] = self.xs else { panic!("an add has two inputs or more") };
        let (count, len) = rows::runs(&self.y, self.xs);
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..count {
                // SAFETY: the caller's promise. What is summed of a run so far is in its place in the output, which
                // stays in the nearest cache.
                unsafe {
                    let at = |x: &Layout| arena.read(x.at(image, row, column), len);
                    let y = arena.write(self.y.at(image, row, column), len);
                    let mut sum = at(first);
                    for x in others {
                        rows::zip::<V, 2>(0..len, [sum, at(x)], y, |_, [a, b]| V::load(a).add(V::load(b)));
                        sum = y;
                    }
                    rows::zip::<V, 2>(0..len, [sum, at(last)], y, |_, [a, b]| {
                        clamp(V::load(a).add(V::load(b)))
                    });
                }
            }
            // SAFETY: the caller's promise.
            unsafe { rows::curve::<V>(self.activation, arena, &self.y, image, row) };
        }
    }
}
