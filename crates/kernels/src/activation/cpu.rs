//! The fast activations, over runs of floats.

use super::{Activation, math};
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;

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
                    apply::<V>(self.activation, &mut std::iter::once(Piece { x, y, len }));
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
    // SAFETY: the caller's promise.
    unsafe { curves::<V>(activation, std::iter::once(y), len) }
}

/// As `curve`, for pieces of `len` floats each: those that touch go together.
///
/// # Safety
/// As `curve`, for each piece.
pub unsafe fn curves<V: F32s>(
    activation: Activation,
    mut pieces: impl Iterator<Item = *mut f32>,
    len: usize,
) {
    if !activation.is_curve() {
        return;
    }
    let mut next = pieces.next();
    let mut together = std::iter::from_fn(|| {
        let y = next?;
        let mut all = len;
        loop {
            next = pieces.next();
            if next != Some(y.wrapping_add(all)) {
                return Some(Piece { x: y, y, len: all });
            }
            all += len;
        }
    });
    // SAFETY: the caller's promise.
    unsafe { apply::<V>(activation, &mut together) }
}

/// `len` floats at `x`, whose results go to `y`.
struct Piece {
    x: *const f32,
    y: *mut f32,
    len: usize,
}

/// # Safety
/// The pieces must be readable at `x` and writable at `y`, which may be the same place.
// One copy for all the kernels that end in a curve.
#[inline(never)]
unsafe fn apply<V: F32s>(activation: Activation, pieces: &mut dyn Iterator<Item = Piece>) {
    // SAFETY: the caller's promise.
    unsafe {
        match activation {
            Activation::Identity | Activation::Relu | Activation::Relu6 => {
                let (least, most) = activation.bounds();
                for Piece { x, y, len } in pieces {
                    rows::zip::<V, 1>(0..len, [x], y, |_, [x]| {
                        V::load(x).max(V::splat(least)).min(V::splat(most))
                    });
                }
            }
            Activation::Hardswish => each(pieces, math::hardswish::<V>()),
            Activation::Hardsigmoid => each(pieces, math::hardsigmoid::<V>()),
            Activation::Sigmoid => each(pieces, math::sigmoid::<V>()),
            Activation::Silu => each(pieces, math::silu::<V>()),
            Activation::Gelu => each(pieces, math::gelu::<V>()),
            Activation::Tanh => each(pieces, math::tanh::<V>()),
        }
    }
}

/// Sets the floats at `y` of each piece to `f` of those at `x`.
///
/// # Safety
/// As `apply`.
#[inline(always)]
unsafe fn each<V: F32s>(pieces: &mut dyn Iterator<Item = Piece>, f: impl Fn(V) -> V) {
    for Piece { x, y, len } in pieces {
        // SAFETY: the caller's promise; `zip` gives the address of a vector.
        unsafe { rows::zip::<V, 1>(0..len, [x], y, |_, [x]| f(V::load(x))) }
    }
}
