//! What the operators share that compute a pixel from the pixel in the same place: how rows are dealt out to chunks, and a
//! loop over channels.

use crate::activation::{self, Activation};
use crate::epilogue::Epilogue;
use crate::layout::{Arena, Layout};
use crate::par;
use crate::simd::F32s;
use std::ops::Range;

/// Chunks that a map is cut into where it is big enough: several for each thread, so that none waits long.
const CHUNKS: usize = 32;
/// Floats a chunk has at least: some us of work against some 100 ns to claim it.
const LEAST: usize = 8192;

/// How many chunks of whole rows a map is cut into.
pub fn chunks(y: &Layout) -> usize {
    par::split(y.n * y.h, CHUNKS, LEAST.div_ceil(y.w * y.c))
}

/// The rows of a chunk, as (image, row).
pub fn rows(y: &Layout, chunk: usize) -> impl Iterator<Item = (usize, usize)> {
    let h = y.h;
    par::part(y.n * h, chunks(y), chunk).map(move |row| (row / h, row % h))
}

/// How many runs of how many floats a row of `y` is, beside maps of the same size: one where none has gaps between its
/// pixels.
pub fn runs(y: &Layout, xs: &[Layout]) -> (usize, usize) {
    let dense = y.pixel == y.c && xs.iter().all(|x| x.pixel == y.c);
    if dense { (1, y.w * y.c) } else { (y.w, y.c) }
}

/// Sets the floats of a range at `y` to `f(i, xs)`, a vector at a time: `i` is the first one's number, `xs` where the same
/// ones lie in each of the inputs. What is left at the end and fills no vector goes through the same instructions by way
/// of buffers, zeros behind it, so that a number's bits do not depend on where it stands.
///
/// # Safety
/// The range must be readable in each of `xs` and writable in `y`, which may also be one of them.
#[inline(always)]
pub unsafe fn zip<V: F32s, const K: usize>(
    range: Range<usize>,
    xs: [*const f32; K],
    y: *mut f32,
    f: impl Fn(usize, [*const f32; K]) -> V,
) {
    const { assert!(V::LANES <= 8) };
    let rest = range.len() % V::LANES;
    let end = range.end - rest;
    // SAFETY: the caller's promise; a buffer has room for a vector.
    unsafe {
        for i in range.clone().step_by(V::LANES).take(range.len() / V::LANES) {
            f(i, xs.map(|x| x.add(i))).store(y.add(i));
        }
        if rest > 0 {
            let mut buffers = [[0.0f32; 8]; K];
            for (buffer, x) in buffers.iter_mut().zip(xs) {
                for (j, number) in buffer[..rest].iter_mut().enumerate() {
                    *number = *x.add(end + j);
                }
            }
            let mut result = [0.0f32; 8];
            f(end, buffers.each_ref().map(|buffer| buffer.as_ptr())).store(result.as_mut_ptr());
            for (j, number) in result[..rest].iter().enumerate() {
                y.add(end + j).write(*number);
            }
        }
    }
}

/// Sets a pixel's channels at `y` to the epilogue of `f(xs)`, but for a curve. The last of `xs` is where the summands lie;
/// without an `add` in the epilogue it is not looked at. What there is to do is asked once: at each vector that would take two
/// and a half times as long.
///
/// # Safety
/// As for `zip`.
#[inline(always)]
pub unsafe fn finish<V: F32s, const K: usize>(
    epilogue: &Epilogue,
    channels: usize,
    xs: [*const f32; K],
    y: *mut f32,
    f: impl Fn([*const f32; K]) -> V,
) {
    let (least, most) = epilogue.activation.bounds();
    let clamp = |y: V| y.max(V::splat(least)).min(V::splat(most));
    let affine = epilogue.affine.map(|affine| (affine.scale(0), affine.shift(0)));
    let range = 0..channels;
    // SAFETY: the caller's promise; an affine has more numbers than channels.
    unsafe {
        match (affine, epilogue.add) {
            (None, None) => zip(range, xs, y, |_, xs| clamp(f(xs))),
            (None, Some(_)) => zip(range, xs, y, |_, xs| clamp(f(xs).add(V::load(xs[K - 1])))),
            (Some((scale, shift)), None) => {
                zip(range, xs, y, |c, xs| clamp(f(xs).madd(V::load(scale.add(c)), V::load(shift.add(c)))))
            }
            (Some((scale, shift)), Some(_)) => zip(range, xs, y, |c, xs| {
                let y = f(xs).madd(V::load(scale.add(c)), V::load(shift.add(c)));
                clamp(y.add(V::load(xs[K - 1])))
            }),
        }
    }
}

/// Applies an activation that is a curve to a row of `y`; does nothing for the others.
///
/// # Safety
/// The map must lie in the arena, and nobody else may touch this row of it meanwhile.
#[inline(always)]
pub unsafe fn curve<V: F32s>(activation: Activation, arena: Arena, y: &Layout, image: usize, row: usize) {
    if activation.is_curve() {
        let (count, len) = runs(y, &[]);
        for column in 0..count {
            // SAFETY: the caller's promise.
            unsafe { activation::curve::<V>(activation, arena.write(y.at(image, row, column), len), len) };
        }
    }
}
