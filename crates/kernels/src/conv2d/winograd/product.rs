//! The matrix products at one position: transformed inputs by transformed weights.

use super::N;
use crate::simd::F32s;

/// Multiplies `tiles` rows of transformed inputs by a panel of weights, at most `height` rows at a time: row t's sums go
/// to `sums + t * sums_row`.
///
/// # Safety
/// `depth` floats of each row of `v` must be readable, and `depth` rows of a panel at `u`; the sums must be writable.
pub unsafe fn multiply<V: F32s>(
    v: *const f32,
    row: usize,
    tiles: usize,
    u: *const f32,
    depth: usize,
    sums: *mut f32,
    sums_row: usize,
    height: usize,
) {
    let height = height.min(6);
    let mut t = 0;
    while t < tiles {
        // Evenly: fewer than 4 rows take as long as 4.
        let (left, v, y) = (tiles - t, v.wrapping_add(t * row), sums.wrapping_add(t * sums_row));
        let rows = left.div_ceil(left.div_ceil(height));
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                1 => sum::<V, 1>(v, row, u, depth, y, sums_row),
                2 => sum::<V, 2>(v, row, u, depth, y, sums_row),
                3 => sum::<V, 3>(v, row, u, depth, y, sums_row),
                4 => sum::<V, 4>(v, row, u, depth, y, sums_row),
                5 => sum::<V, 5>(v, row, u, depth, y, sums_row),
                _ => sum::<V, 6>(v, row, u, depth, y, sums_row),
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
    depth: usize,
    y: *mut f32,
    y_row: usize,
) {
    // SAFETY: the caller's promise; u moves over the panel once, from its start to its end.
    unsafe {
        let v: [*const f32; R] = std::array::from_fn(|r| v.add(r * row));
        let mut sums = [[V::splat(0.0); N]; R];
        let mut u = u;
        for k in 0..depth {
            let weights: [V; N] = std::array::from_fn(|j| V::load(u.add(j * V::LANES)));
            for (sums, v) in sums.iter_mut().zip(&v) {
                let v = V::splat(*v.add(k));
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = v.madd(weight, *sum);
                }
            }
            u = u.add(N * V::LANES);
        }
        for (r, sums) in sums.iter().enumerate() {
            for (j, sum) in sums.iter().enumerate() {
                sum.store(y.add(r * y_row + j * V::LANES));
            }
        }
    }
}
