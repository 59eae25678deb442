//! The fast prelu: channels are the vector.

use crate::layout::{Arena, Floats, Layout};
use crate::rows;
use crate::simd::F32s;

/// Slopes for `channels` channels from a slope each or one for all. `None` where there is no memory.
pub fn pack(weight: &[f32], channels: usize) -> Option<Floats> {
    // A whole vector is read from the last channel on.
    let mut slopes = Floats::zeros(channels + 8)?;
    for (c, slope) in slopes[..channels].iter_mut().enumerate() {
        *slope = if weight.len() == 1 { weight[0] } else { weight[c] };
    }
    Some(slopes)
}

/// One prelu over given maps; a chunk is some rows. Both maps may be the same place.
pub struct Job<'a> {
    pub slopes: &'a Floats,
    pub x: Layout,
    pub y: Layout,
}

impl Job<'_> {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's rows of the output meanwhile.
    /// `pack` must have made the slopes, for as many channels.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        const { assert!(V::LANES <= 8) };
        let (slopes, zero) = (self.slopes.as_ptr(), V::splat(0.0));
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise; `zip` gives the address of a vector and its first channel.
                unsafe {
                    let x = arena.read(self.x.at(image, row, column), self.x.c);
                    let y = arena.write(self.y.at(image, row, column), self.y.c);
                    rows::zip::<V, 1>(0..self.y.c, [x], y, |c, [x]| {
                        let x = V::load(x);
                        x.min(zero).mul(V::load(slopes.add(c))).add(x.max(zero))
                    });
                }
            }
        }
    }
}
