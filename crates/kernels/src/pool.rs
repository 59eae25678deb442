//! What the poolings share: a fold over the cells of a window, channels being the vector.

use crate::layout::{Cells, Layout};
use crate::par;
use crate::simd::F32s;
use crate::window::adaptive;

/// Vectors that are folded together: in WebAssembly two cache lines, so that none is fetched again for its other parts, and
/// enough that finding the next cell costs little.
const BLOCK: usize = 8;

/// Sets each of `channels` floats at `y` to `end` of the fold of `f` over the cells, from `start`.
///
/// # Safety
/// `x` must have `cells.reach(channels)` readable floats, `y` room for `channels` in another place.
#[inline(always)]
pub unsafe fn pool<V: F32s>(
    cells: &Cells,
    channels: usize,
    x: *const f32,
    y: *mut f32,
    start: f32,
    f: impl Fn(V, V) -> V,
    end: impl Fn(V) -> V,
) {
    const { assert!(V::LANES <= 8) };
    let blocks = channels - channels % (BLOCK * V::LANES);
    // Rows are summed apart from one another, for the error of a sum grows with the number of its terms.
    let (row, column) = (Cells { rows: 1, ..*cells }, Cells { cols: 1, ..*cells });
    // SAFETY: the caller's promise; a buffer has room for a vector.
    unsafe {
        for c in (0..blocks).step_by(BLOCK * V::LANES) {
            let row = |x: *const f32| {
                row.fold(x, [V::splat(start); BLOCK], |mut sums, x| {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = f(*sum, V::load(x.add(j * V::LANES)));
                    }
                    sums
                })
            };
            let sums = column.fold(x.add(c), [V::splat(start); BLOCK], |mut sums, x| {
                for (sum, row) in sums.iter_mut().zip(row(x)) {
                    *sum = f(*sum, row);
                }
                sums
            });
            for (j, sum) in sums.into_iter().enumerate() {
                end(sum).store(y.add(c + j * V::LANES));
            }
        }
        for c in (blocks..channels).step_by(V::LANES) {
            if channels >= V::LANES {
                // The last vector may begin among channels that are done, which it computes as before.
                let c = c.min(channels - V::LANES);
                let row = |x| row.fold(x, V::splat(start), |sum, x| f(sum, V::load(x)));
                end(column.fold(x.add(c), V::splat(start), |sum, x| f(sum, row(x)))).store(y.add(c));
            } else {
                for c in c..channels {
                    let mut buffer = [0.0f32; 8];
                    let row = |x| row.fold(x, V::splat(start), |sum, x: *const f32| f(sum, V::splat(*x)));
                    let sum = column.fold(x.add(c), V::splat(start), |sum, x| f(sum, row(x)));
                    end(sum).store(buffer.as_mut_ptr());
                    *y.add(c) = buffer[0];
                }
            }
        }
    }
}

/// Channels that an adaptive pooling's chunks are multiples of: whole blocks of the widest vector.
const CHANNELS: usize = 64;
/// Chunks that it is cut into where it is big enough, and the floats that a chunk reads at least: some us of work.
const CHUNKS: usize = 32;
const LEAST: usize = 8192;

/// Ranges that the channels of an output cell are cut into: one cell is the usual output, and shared by the threads.
fn ranges(x: &Layout, y: &Layout) -> usize {
    let cells = x.h.div_ceil(y.h) * x.w.div_ceil(y.w);
    par::split(x.c.div_ceil(CHANNELS), CHUNKS.div_ceil(y.pixels()), LEAST.div_ceil(cells * CHANNELS))
}

/// How many chunks an adaptive pooling has: a chunk is a range of channels of one output cell.
pub fn adaptive_chunks(x: &Layout, y: &Layout) -> usize {
    y.pixels() * ranges(x, y)
}

/// What a chunk of an adaptive pooling reads and writes: the cells, the number of channels, and where the first cell and the
/// output lie.
pub fn adaptive_cells(x: &Layout, y: &Layout, chunk: usize) -> (Cells, usize, usize, usize) {
    let (pixel, range) = (chunk / ranges(x, y), chunk % ranges(x, y));
    let (image, oy, ox) = (pixel / (y.h * y.w), pixel / y.w % y.h, pixel % y.w);
    let blocks = par::part(x.c.div_ceil(CHANNELS), ranges(x, y), range);
    let (first, end) = (blocks.start * CHANNELS, x.c.min(blocks.end * CHANNELS));
    let (top, bottom) = adaptive(oy, y.h, x.h);
    let (left, right) = adaptive(ox, y.w, x.w);
    let cells = Cells { rows: bottom - top, cols: right - left, row_step: x.row, col_step: x.pixel };
    (cells, end - first, x.at(image, top, left) + first, y.at(image, oy, ox) + first)
}
