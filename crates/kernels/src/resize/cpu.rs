//! Resizing as it ships: weights computed once an axis, sums of pairs of products (`pairs.rs`).
//!
//! Integer sums are exact in any order, so that the result is the specification's to the byte. They wrap as the
//! machine's do; with weights that sum to one and negative lobes below a half, they never come near it.

use super::Filter;
use super::pairs::{Pairs, halves};
use super::reference::{PRECISION, byte, nearest_sources, weights};
use std::ops::Range;

const HALF: i32 = 1 << (PRECISION - 1);
/// Numbers of a vector.
const LANES: usize = 8;
/// Bytes that the vertical sum computes together.
const DOWN: usize = 16;
/// Rows that share the reading of their weights in the horizontal sum.
const ROWS: usize = 4;
/// Bytes that a row's last vector may reach beyond it.
const BEYOND: usize = 2 * LANES;

/// One output pixel's window: the first byte it reads, and its weights, a vector of the high halves before each of the low.
struct Window {
    first: usize,
    weights: Vec<i16>,
}

/// The windows of the outputs `wanted`, in vectors that fit what `Pairs` makes of as many channels.
fn windows(filter: Filter, from: usize, channels: usize, to: usize, wanted: Range<usize>) -> Vec<Window> {
    let step = if channels == 1 { LANES } else { 2 };
    let window = |i: usize| {
        let (first, w) = weights(filter, from, to, i);
        let mut weights = vec![0; w.len().div_ceil(step) * 2 * LANES];
        for (part, vectors) in w.chunks(step).zip(weights.chunks_exact_mut(2 * LANES)) {
            for lane in 0..LANES {
                if let Some(&weight) = part.get(lane % step) {
                    [vectors[lane], vectors[LANES + lane]] = halves(weight);
                }
            }
        }
        Window { first: first * channels, weights }
    };
    wanted.map(window).collect()
}

/// Of each row of `from` pixels of 1, 3 or 4 channels, the pixels `wanted` of the `to` that it is resized to.
pub fn horizontal<P: Pairs>(
    src: &[u8],
    from: usize,
    channels: usize,
    to: usize,
    wanted: Range<usize>,
    filter: Filter,
    out: &mut [u8],
) {
    let line = wanted.len() * channels;
    let windows = windows(filter, from, channels, to, wanted);
    let width = from * channels;
    let several = match channels {
        1 => several::<P, 1>,
        3 => several::<P, 3>,
        _ => several::<P, 4>,
    };
    // The last rows' vectors would reach beyond the image, so these rows are copied to where there is room.
    let mut copy = vec![0; ROWS * width + BEYOND];
    let mut made = vec![0; ROWS * line];
    for (y, out) in out.chunks_mut(ROWS * line).enumerate() {
        let rows = &src[y * ROWS * width..];
        if rows.len() >= copy.len() {
            several(rows, width, &windows, out);
        } else {
            let rows = &rows[..out.len() / line * width];
            copy[..rows.len()].copy_from_slice(rows);
            several(&copy, width, &windows, &mut made);
            out.copy_from_slice(&made[..out.len()]);
        }
    }
}

/// `ROWS` rows of `width` bytes; `src` goes on for `BEYOND` bytes at least.
fn several<P: Pairs, const C: usize>(src: &[u8], width: usize, windows: &[Window], out: &mut [u8]) {
    let line = windows.len() * C;
    let step = if C == 1 { LANES } else { 2 * C };
    assert!(src.len() >= ROWS * width + BEYOND && out.len() == ROWS * line);
    for (x, Window { first, weights }) in windows.iter().enumerate() {
        // A window ends within its row, so the last of its vectors keeps to the room there is.
        assert!(first + weights.len() / (2 * LANES) * step <= width + LANES);
        let mut sums = [[P::zero(); 2]; ROWS];
        for (k, weights) in weights.chunks_exact(2 * LANES).enumerate() {
            // SAFETY: two vectors of weights.
            let (high, low) = unsafe { (P::load(weights.as_ptr()), P::load(weights.as_ptr().add(LANES))) };
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as asserted.
                let pixels = unsafe {
                    let p = src.as_ptr().add(r * width + first + k * step);
                    match C {
                        1 => P::gray(p),
                        3 => P::rgb(p),
                        _ => P::rgba(p),
                    }
                };
                *sums = [pixels.dot(high, sums[0]), pixels.dot(low, sums[1])];
            }
        }
        for (r, [high, low]) in sums.into_iter().enumerate() {
            let sums = P::join(high, low);
            let out = &mut out[r * line + x * C..][..C];
            if C == 1 {
                out[0] = byte(sums.into_iter().fold(HALF, i32::wrapping_add));
            } else {
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = byte(HALF.wrapping_add(sum));
                }
            }
        }
    }
}

/// Of `from` rows of `width` bytes, of which `src` holds those from `above` on, the rows `wanted` of the `to` that they are
/// resized to.
pub fn vertical<P: Pairs>(
    src: &[u8],
    above: usize,
    from: usize,
    width: usize,
    to: usize,
    wanted: Range<usize>,
    filter: Filter,
    out: &mut [u8],
) {
    for (i, out) in wanted.zip(out.chunks_exact_mut(width)) {
        let (first, weights) = weights(filter, from, to, i);
        let rows = &src[(first - above) * width..][..weights.len() * width];
        // A last row without another stands for both, the second time for nothing.
        let pairs: Vec<(usize, usize, [P; 2])> = weights
            .chunks(2)
            .enumerate()
            .map(|(k, pair)| {
                let below = if pair.len() == 2 { 2 * k + 1 } else { 2 * k };
                let [a, b] = [halves(pair[0]), pair.get(1).map_or([0; 2], |&w| halves(w))];
                (2 * k * width, below * width, [P::splat([a[0], b[0]]), P::splat([a[1], b[1]])])
            })
            .collect();
        let (blocks, rest) = out.as_chunks_mut::<DOWN>();
        let done = blocks.len() * DOWN;
        for (b, block) in blocks.iter_mut().enumerate() {
            let (mut high, mut low) = ([P::zero(); 4], [P::zero(); 4]);
            for &(above, below, weights) in &pairs {
                // SAFETY: both rows have `width` bytes, of which this block is within.
                let bytes = unsafe {
                    let p = rows.as_ptr().add(b * DOWN);
                    P::rows(p.add(above), p.add(below))
                };
                for lane in 0..4 {
                    high[lane] = bytes[lane].dot(weights[0], high[lane]);
                    low[lane] = bytes[lane].dot(weights[1], low[lane]);
                }
            }
            // SAFETY: a block has `DOWN` bytes.
            unsafe { P::store(high, low, HALF, PRECISION, block.as_mut_ptr()) };
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
pub fn nearest(
    src: &[u8],
    size: (usize, usize),
    channels: usize,
    to: (usize, usize),
    wanted: (Range<usize>, Range<usize>),
    out: &mut [u8],
) {
    let columns: Vec<Option<usize>> =
        nearest_sources(size.0, to.0).skip(wanted.0.start).take(wanted.0.len()).collect();
    let rows = nearest_sources(size.1, to.1).skip(wanted.1.start).take(wanted.1.len());
    for (y, out) in rows.zip(out.chunks_exact_mut(columns.len() * channels)) {
        let Some(y) = y else { continue };
        let row = &src[y * size.0 * channels..][..size.0 * channels];
        for (x, out) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            if let Some(x) = x {
                out.copy_from_slice(&row[x * channels..][..channels]);
            }
        }
    }
}
