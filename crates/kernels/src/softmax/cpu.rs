//! The fast softmax: exponentials in f32, their sum in f64.

use crate::activation::math::exp;
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;

/// One softmax over given maps; a chunk is some rows. Both maps may be the same place.
pub struct Job {
    pub x: Layout,
    pub y: Layout,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's rows of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise; `zip` gives addresses of vectors.
                unsafe {
                    let x = arena.read(self.x.at(image, row, column), self.x.c);
                    let y = arena.write(self.y.at(image, row, column), self.y.c);
                    let (_, sum) = exponentials::<V>(x, y, self.y.c);
                    let sum = V::splat(sum as f32);
                    rows::zip::<V, 1>(0..self.y.c, [y.cast_const()], y, |_, [y]| V::load(y).div(sum));
                }
            }
        }
    }
}

/// Sets `len` floats at `y` to e^(x - max), max being the largest of those at `x`, so that none is infinite and their sum is
/// at least 1; gives the maximum and the sum.
///
/// # Safety
/// `len` floats, one at least, must be readable at `x` and writable at `y`, which may be the same place.
// One copy for softmax and log_softmax.
#[inline(never)]
pub unsafe fn exponentials<V: F32s>(x: *const f32, y: *mut f32, len: usize) -> (f32, f64) {
    // SAFETY: the caller's promise.
    unsafe {
        let xs = std::slice::from_raw_parts(x, len);
        // Eight at a time, since one maximum, or sum, would wait for the other.
        let mut most = [f32::NEG_INFINITY; 8];
        for xs in xs.chunks(8) {
            most.iter_mut().zip(xs).for_each(|(most, &x)| *most = if x > *most { x } else { *most });
        }
        let max = most.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let (largest, exp) = (V::splat(max), exp::<V>());
        rows::zip::<V, 1>(0..len, [x], y, |_, [x]| exp(V::load(x).sub(largest)));
        let mut sums = [0.0f64; 8];
        for ys in std::slice::from_raw_parts(y, len).chunks(8) {
            sums.iter_mut().zip(ys).for_each(|(sum, &y)| *sum += y as f64);
        }
        (max, sums.into_iter().sum())
    }
}
