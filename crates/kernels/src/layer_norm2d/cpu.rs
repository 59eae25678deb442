//! The fast layer_norm2d: channels are the vector; three times over a pixel, which stays in the nearest cache.

use crate::epilogue::Epilogue;
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;

/// One layer_norm2d over given maps; a chunk is some rows. The output may be the input's place.
pub struct Job<'a> {
    pub eps: f32,
    pub x: Layout,
    pub y: Layout,
    /// Its affine is weight and bias.
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
                    let mean = sum::<V>(x, c, 0.0, |x| x) / c as f32;
                    let centre = V::splat(mean);
                    let square = |x: V| x.sub(centre).mul(x.sub(centre));
                    // Around the mean, not the mean of squares less the mean's square, in which digits cancel.
                    let variance = sum::<V>(x, c, mean, square) / c as f32;
                    let scale = V::splat(1.0 / (variance + self.eps).sqrt());
                    rows::finish(&epilogue, c, [x, add], y, |[x, _]| V::load(x).sub(centre).mul(scale));
                }
            }
            // SAFETY: the caller's promise.
            unsafe { rows::curve::<V>(epilogue.activation, arena, &self.y, image, row) };
        }
    }
}

/// The sum of `f` over `len` numbers, in four vectors that do not wait for one another. `f(rest)` must be zero: it stands
/// for the numbers that the last vector lacks.
///
/// # Safety
/// `len` floats must be readable at `x`.
#[inline(always)]
unsafe fn sum<V: F32s>(x: *const f32, len: usize, rest: f32, f: impl Fn(V) -> V) -> f32 {
    let mut sums = [V::splat(0.0); 4];
    let block = 4 * V::LANES;
    let end = len - len % block;
    let mut last = [rest; 32];
    const { assert!(4 * V::LANES <= 32) };
    // SAFETY: the caller's promise; the last block lies in its buffer.
    unsafe {
        for (i, number) in last[..len - end].iter_mut().enumerate() {
            *number = *x.add(end + i);
        }
        for at in (0..end).step_by(block).map(|i| x.add(i)).chain((end < len).then_some(last.as_ptr())) {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum = sum.add(f(V::load(at.add(j * V::LANES))));
            }
        }
        let mut lanes = [0.0f32; 8];
        sums[0].add(sums[1]).add(sums[2].add(sums[3])).store(lanes.as_mut_ptr());
        lanes.iter().sum()
    }
}
