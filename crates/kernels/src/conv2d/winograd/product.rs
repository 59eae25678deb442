//! The matrix products at one position: transformed inputs by transformed weights.

use super::N;
use crate::simd::F32s;

/// Where rows of floats lie: the first, and how many floats from one to the next.
#[derive(Clone, Copy)]
pub struct Rows<P> {
    pub first: P,
    pub step: usize,
}

/// Multiplies `tiles` rows of transformed inputs by a panel of weights, `depth` rows, at most `height` tiles at a time: each
/// tile's sums, on top of what is there where there is `more`, and then times `scale`, go to its row of `sums`.
///
/// # Safety
/// `depth` floats of each row of `v` must be readable, and a panel's width of each of `u`; the sums must be writable, and
/// readable where there is more.
pub unsafe fn multiply<V: F32s>(
    v: Rows<*const f32>,
    tiles: usize,
    u: Rows<*const f32>,
    depth: usize,
    sums: Rows<*mut f32>,
    height: usize,
    more: bool,
    scale: f32,
) {
    let Rows { first: u, step: u_row } = u;
    let [row, sums_row] = [v.step, sums.step];
    let height = height.min(6);
    let mut t = 0;
    while t < tiles {
        // Evenly: fewer than 4 rows take as long as 4.
        let left = tiles - t;
        let (v, y) = (v.first.wrapping_add(t * row), sums.first.wrapping_add(t * sums_row));
        let rows = left.div_ceil(left.div_ceil(height));
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                1 => sum::<V, 1>(v, row, u, u_row, depth, y, sums_row, more, scale),
                2 => sum::<V, 2>(v, row, u, u_row, depth, y, sums_row, more, scale),
                3 => sum::<V, 3>(v, row, u, u_row, depth, y, sums_row, more, scale),
                4 => sum::<V, 4>(v, row, u, u_row, depth, y, sums_row, more, scale),
                5 => sum::<V, 5>(v, row, u, u_row, depth, y, sums_row, more, scale),
                _ => sum::<V, 6>(v, row, u, u_row, depth, y, sums_row, more, scale),
            }
        }
        t += rows;
    }
}

/// # Safety
/// As `multiply`, for `R` rows.
// A function of its own: in a larger one Firefox runs out of registers.
#[inline(never)]
unsafe fn sum<V: F32s, const R: usize>(
    v: *const f32,
    row: usize,
    u: *const f32,
    u_row: usize,
    depth: usize,
    y: *mut f32,
    y_row: usize,
    more: bool,
    scale: f32,
) {
    // SAFETY: the caller's promise; u moves over the panel once, from its start to its end.
    unsafe {
        let v: [*const f32; R] = std::array::from_fn(|r| v.add(r * row));
        let mut sums = [[V::splat(0.0); N]; R];
        if more {
            let row = |r: usize| std::array::from_fn(|j| V::load(y.add(r * y_row + j * V::LANES)));
            sums = std::array::from_fn(row);
        }
        let mut u = u;
        for k in 0..depth {
            let weights: [V; N] = std::array::from_fn(|j| V::load(u.add(j * V::LANES)));
            for (sums, v) in sums.iter_mut().zip(&v) {
                let v = V::splat(*v.add(k));
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = v.madd(weight, *sum);
                }
            }
            // Wrapping, as in tile.rs: behind the last row it may lie beyond all weights.
            u = u.wrapping_add(u_row);
        }
        let scale = V::splat(scale);
        for (r, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                sum.mul(scale).store(y.add(r * y_row + j * V::LANES));
            }
        }
    }
}
