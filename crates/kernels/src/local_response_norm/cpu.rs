//! The fast local_response_norm: channels are the vector, and their neighbours the vectors some channels further on.

use super::LocalResponseNorm;
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;

/// One local_response_norm over given maps; a chunk is some rows.
pub struct Job<'a> {
    pub spec: &'a LocalResponseNorm,
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
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let channels = self.y.c;
        let LocalResponseNorm { size, alpha, beta, k } = *self.spec;
        let (alpha, k) = (V::splat(alpha / size as f32), V::splat(k));
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..self.y.w {
                // SAFETY: the caller's promise; `neighbours` reads no other channels than the map's.
                unsafe {
                    let pixel = arena.read(self.x.at(image, row, column), channels);
                    let y = arena.write(self.y.at(image, row, column), channels);
                    rows::zip::<V, 1>(0..channels, [pixel], y, |c, [x]| {
                        let mut squares = V::splat(0.0);
                        for tap in 0..size {
                            let x =
                                neighbours::<V>(pixel, channels, (c + tap) as isize - (size / 2) as isize);
                            squares = x.madd(x, squares);
                        }
                        V::load(x).div(power(squares.madd(alpha, k), beta))
                    });
                }
            }
        }
    }
}

/// The channels from `first` on, with zeros for those that are not there.
///
/// # Safety
/// The pixel must have as many channels to read.
#[inline(always)]
unsafe fn neighbours<V: F32s>(pixel: *const f32, channels: usize, first: isize) -> V {
    // SAFETY: the caller's promise; a buffer has room for a vector.
    unsafe {
        if first >= 0 && first as usize + V::LANES <= channels {
            return V::load(pixel.offset(first));
        }
        let mut buffer = [0.0f32; 8];
        for (i, number) in buffer.iter_mut().enumerate() {
            let c = first + i as isize;
            if (0..channels as isize).contains(&c) {
                *number = *pixel.offset(c);
            }
        }
        V::load(buffer.as_ptr())
    }
}

/// Each number to the power `beta`. All networks have 3/4, which is two square roots and a product.
#[inline(always)]
fn power<V: F32s>(base: V, beta: f32) -> V {
    if beta == 0.75 {
        return base.sqrt().mul(base.sqrt().sqrt());
    }
    let mut buffer = [0.0f32; 8];
    // SAFETY: a buffer has room for a vector.
    unsafe {
        base.store(buffer.as_mut_ptr());
        for number in &mut buffer[..V::LANES] {
            *number = number.powf(beta);
        }
        V::load(buffer.as_ptr())
    }
}
