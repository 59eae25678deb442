//! The fast activations, over runs of floats.

use super::{Activation, math};
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::{F32s, Several};

/// Vectors that a curve takes at a time: engines make its constants anew in every turn of the loop. Four take 0.64 to
/// 0.95 of the time of one, by curve and build (Node 24).
const K: usize = 4;

/// One activation over given maps; a chunk is some rows. Both maps may be the same place.
pub struct Job {
    pub x: Layout,
    pub y: Layout,
    pub activation: Activation,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        rows::chunks(&self.y)
    }

    /// # Safety
    /// The maps must lie in the arena; nobody else may write the input or touch this chunk's rows of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        let (runs, len) = rows::runs(&self.y, &[self.x]);
        for (image, row) in rows::rows(&self.y, chunk) {
            for column in 0..runs {
                // SAFETY: the caller's promise.
                unsafe {
                    let x = arena.read(self.x.at(image, row, column), len);
                    let y = arena.write(self.y.at(image, row, column), len);
                    apply::<V>(self.activation, x, y, len);
                }
            }
        }
    }
}

/// Puts `len` floats through an activation that is a curve, in place; leaves them as they are where it is a clamp, which is
/// done when a sum is stored.
///
/// # Safety
/// The floats must be there to read and write, and nobody else may touch them meanwhile.
pub unsafe fn curve<V: F32s>(activation: Activation, y: *mut f32, len: usize) {
    if activation.is_curve() {
        // SAFETY: the caller's promise.
        unsafe { apply::<V>(activation, y, y, len) }
    }
}

/// # Safety
/// `len` floats must be readable at `x` and writable at `y`, which may be the same place.
// One copy for all the kernels that end in a curve.
#[inline(never)]
unsafe fn apply<V: F32s>(activation: Activation, x: *const f32, y: *mut f32, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match activation {
            Activation::Identity | Activation::Relu | Activation::Relu6 => {
                let (least, most) = activation.bounds();
                rows::zip::<V, 1>(0..len, [x], y, |_, [x]| {
                    V::load(x).max(V::splat(least)).min(V::splat(most))
                });
            }
            Activation::Hardswish => each(x, y, len, math::hardswish::<Several<V, K>>, math::hardswish::<V>),
            Activation::Hardsigmoid => {
                each(x, y, len, math::hardsigmoid::<Several<V, K>>, math::hardsigmoid::<V>)
            }
            Activation::Sigmoid => each(x, y, len, math::sigmoid::<Several<V, K>>, math::sigmoid::<V>),
            Activation::Silu => each(x, y, len, math::silu::<Several<V, K>>, math::silu::<V>),
            Activation::Gelu => each(x, y, len, math::gelu::<Several<V, K>>, math::gelu::<V>),
            Activation::Tanh => each(x, y, len, math::tanh::<Several<V, K>>, math::tanh::<V>),
        }
    }
}

/// Sets `len` floats at `y` to `f` of those at `x`. `f` and `one` are the same function, of four vectors and of one.
///
/// # Safety
/// As `apply`.
#[inline(always)]
unsafe fn each<V: F32s>(
    x: *const f32,
    y: *mut f32,
    len: usize,
    f: impl Fn(Several<V, K>) -> Several<V, K>,
    one: impl Fn(V) -> V,
) {
    let whole = len - len % (K * V::LANES);
    // SAFETY: the caller's promise; `zip` gives the address of a vector.
    unsafe {
        for i in (0..whole).step_by(K * V::LANES) {
            f(Several::load(x.add(i))).store(y.add(i));
        }
        rows::zip::<V, 1>(whole..len, [x], y, |_, [x]| one(V::load(x)))
    }
}
