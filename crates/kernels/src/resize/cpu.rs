//! Resizing as it ships: weights computed once an axis, sums over short arrays that the compiler turns into vectors.
//!
//! Integer sums are exact in any order, so that the result is the specification's to the byte. They wrap as the
//! machine's do; with weights that sum to one and negative lobes below a half, they never come near it.

use super::Filter;
use super::reference::{PRECISION, byte, nearest_sources, weights};

const HALF: i32 = 1 << (PRECISION - 1);

/// Lanes of the horizontal sum: a multiple of 1 and of 3 channels, and of a vector's 4 lanes.
const ACROSS: usize = 12;
/// Lanes of the vertical sum.
const DOWN: usize = 16;

/// Each row of `from` pixels to one of `to` pixels. `channels` is 1 or 3.
pub fn horizontal(src: &[u8], from: usize, channels: usize, to: usize, filter: Filter, out: &mut [u8]) {
    let axis: Vec<(usize, Vec<i32>)> = (0..to)
        .map(|i| {
            let (first, w) = weights(filter, from, to, i);
            // A weight for each byte: the sum then runs over bytes, whatever pixel they belong to.
            (first * channels, w.iter().flat_map(|&w| std::iter::repeat_n(w, channels)).collect())
        })
        .collect();
    for (row, out) in src.chunks_exact(from * channels).zip(out.chunks_exact_mut(to * channels)) {
        for ((first, weights), out) in axis.iter().zip(out.chunks_exact_mut(channels)) {
            let bytes = &row[*first..first + weights.len()];
            let sums = sums_across(bytes, weights);
            for (c, out) in out.iter_mut().enumerate() {
                *out = byte(sums.iter().skip(c).step_by(channels).fold(HALF, |a, &b| a.wrapping_add(b)));
            }
        }
    }
}

/// The products summed by their place modulo `ACROSS`.
#[inline]
fn sums_across(bytes: &[u8], weights: &[i32]) -> [i32; ACROSS] {
    let mut sums = [0i32; ACROSS];
    let (bytes, last_bytes) = bytes.as_chunks::<ACROSS>();
    let (weights, last_weights) = weights.as_chunks::<ACROSS>();
    for (b, w) in bytes.iter().zip(weights) {
        for lane in 0..ACROSS {
            sums[lane] = sums[lane].wrapping_add(i32::from(b[lane]).wrapping_mul(w[lane]));
        }
    }
    for ((sum, b), w) in sums.iter_mut().zip(last_bytes).zip(last_weights) {
        *sum = sum.wrapping_add(i32::from(*b).wrapping_mul(*w));
    }
    sums
}

/// `from` rows of `width` bytes to `to` rows.
pub fn vertical(src: &[u8], from: usize, width: usize, to: usize, filter: Filter, out: &mut [u8]) {
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        let (first, weights) = weights(filter, from, to, i);
        let rows = &src[first * width..];
        let (blocks, rest) = out.as_chunks_mut::<DOWN>();
        let done = blocks.len() * DOWN;
        for (b, block) in blocks.iter_mut().enumerate() {
            let mut sums = [HALF; DOWN];
            for (k, w) in weights.iter().enumerate() {
                let start = k * width + b * DOWN;
                let bytes = &rows[start..start + DOWN];
                for lane in 0..DOWN {
                    sums[lane] = sums[lane].wrapping_add(i32::from(bytes[lane]).wrapping_mul(*w));
                }
            }
            *block = sums.map(byte);
        }
        for (j, out) in rest.iter_mut().enumerate() {
            let terms = weights
                .iter()
                .enumerate()
                .map(|(k, w)| i32::from(rows[k * width + done + j]).wrapping_mul(*w));
            *out = byte(terms.fold(HALF, i32::wrapping_add));
        }
    }
}

/// The pixel under each output pixel's centre; `out` holds zeros, which stay where there is none.
pub fn nearest(src: &[u8], size: (usize, usize), channels: usize, to: (usize, usize), out: &mut [u8]) {
    let columns: Vec<Option<usize>> = nearest_sources(size.0, to.0).collect();
    for (y, out) in nearest_sources(size.1, to.1).zip(out.chunks_exact_mut(to.0 * channels)) {
        let Some(y) = y else { continue };
        let row = &src[y * size.0 * channels..][..size.0 * channels];
        for (x, out) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            if let Some(x) = x {
                out.copy_from_slice(&row[x * channels..][..channels]);
            }
        }
    }
}
