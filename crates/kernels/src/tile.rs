//! The inner loop of convolution and linear layers: a tile of `R` rows (pixels, images) by `V::LANES * N` columns
//! (output channels), summed in registers.
//!
//! A row of the left operand is not one run of floats but a rectangle of runs (a convolution's window over a
//! channels-last map), so nothing is copied together first; the right operand is packed into panels, one for each
//! `V::LANES * N` columns, in the order in which it is read.

use crate::epilogue::Epilogue;
use crate::panels::{At, MOST_WIDTH, Panels};
use crate::simd::{F32s, anew};
use crate::storage::Weight;

/// The rectangle of runs that makes up a row: `rows * cols` runs of `len` floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    pub rows: usize,
    pub cols: usize,
    pub len: usize,
    /// Floats from a run to the one below and to the one beside it.
    pub row_step: usize,
    pub col_step: usize,
}

impl Runs {
    /// One run.
    pub fn single(len: usize) -> Self {
        Runs { rows: 1, cols: 1, len, row_step: 0, col_step: 0 }
    }

    /// Products a sum has.
    pub fn total(&self) -> usize {
        self.rows * self.cols * self.len
    }

    /// Floats from a row's first to behind its last.
    pub fn reach(&self) -> usize {
        (self.rows - 1) * self.row_step + (self.cols - 1) * self.col_step + self.len
    }
}

/// Reads a float of each cache line, so that many lines are on their way at once: multiplying asks for them too slowly.
///
/// # Safety
/// `len` floats at `p` must be readable.
#[inline(never)]
pub unsafe fn fetch(p: *const f32, len: usize) {
    for i in (0..len).step_by(16) {
        // SAFETY: the caller's promise.
        unsafe { p.add(i).read_volatile() };
    }
}

/// Rows of the next tile where `left` are left, in as few tiles as there must be and evenly: a tile of less than four rows has
/// too few sums for a processor not to wait for them.
#[inline(always)]
pub fn height(most: usize, left: usize) -> usize {
    left.div_ceil(left.div_ceil(most))
}

/// All that becomes of the sums of some panels, whatever their rows: each row is clamp((bias + sum) * scale + shift + add).
// Made once for all the tiles that the panels go over.
#[derive(Clone, Copy)]
pub struct End {
    /// Those of the first panel's first column.
    bias: *const f32,
    scale: *const f32,
    shift: *const f32,
    /// Floats from a panel's scales to the next one's: 0 where there are none, and what stands in for them serves all.
    affine_step: usize,
    /// Where in a row the first panel's results go.
    column: usize,
    /// Where in a row's summands the first panel's lie, and how far it is from them to the next one's.
    add: [usize; 2],
    bounds: (f32, f32),
    /// Columns from the first panel's first on: those that the last panel is filled up with are not stored.
    used: usize,
}

impl End {
    /// For the panels from `p` on, as wide as a tile (or parts, of those that are wider), whose outputs' channels begin at `c`.
    #[inline(always)]
    pub fn new<V: F32s, const N: usize>(panels: &Panels, p: usize, c: usize, epilogue: &Epilogue) -> Self {
        let width = N * V::LANES;
        let column = p * width;
        let (scale, shift) = match epilogue.affine {
            Some(affine) => (affine.scale(c + column), affine.shift(c + column)),
            None => (UNITS.as_ptr(), NOTHING.as_ptr()),
        };
        End {
            bias: panels.bias(column),
            scale,
            shift,
            affine_step: if epilogue.affine.is_some() { width } else { 0 },
            column,
            add: if epilogue.add.is_some() { [column, width] } else { [0; 2] },
            bounds: epilogue.activation.bounds(),
            used: panels.columns - column,
        }
    }
}

/// What stands in for the summands of a row that has none.
pub fn nothing() -> *const f32 {
    NOTHING.as_ptr()
}

/// Sums `count` panels, whose numbers lie at `w`, for the `R` rows at `x` and stores the results in the rows at `y`. Panels of
/// `P` vectors that are wider than the tile's `N` are read in parts of `N` vectors, which are then what is counted, one at a
/// time.
///
/// # Safety
/// `w` must be where the first of the panels (or parts) that `end` was made for lies, or where they were widened to.
/// Each `x` must have `runs.reach()` readable floats; each `y` must have room for the panels' used columns, which nobody
/// else reads or writes, and each `add` as many to read where the epilogue adds, else be `nothing()`. The panels must be
/// `P * V::LANES` wide and `runs.total()` deep, and the channels behind `end`'s first channels of the output.
#[inline(always)]
pub unsafe fn tile<V: F32s, W: Weight, const R: usize, const N: usize, const P: usize>(
    runs: &Runs,
    w: At<W>,
    count: usize,
    x: &[*const f32; R],
    y: &[*mut f32; R],
    add: &[*const f32; R],
    end: &End,
) {
    debug_assert!(P == N || count == 1);
    const { assert!(N * V::LANES <= NOTHING.len() && N * V::LANES <= MOST_WIDTH && V::LANES <= 8) };
    let whole = count.min(end.used / (N * V::LANES));
    // SAFETY: the caller's promises.
    unsafe {
        // For the large tiles of convolutions alone: each is code of its own.
        let is_large = P == N && R >= 4;
        let adds = !is_large || end.add[1] > 0;
        let single = RELAXED && is_large && runs.rows * runs.cols == 1;
        match (adds, single) {
            (true, true) => sum::<V, W, R, N, P, true, true>(runs, w, whole, x, y, add, end),
            (true, false) => sum::<V, W, R, N, P, true, false>(runs, w, whole, x, y, add, end),
            (false, true) => sum::<V, W, R, N, P, false, true>(runs, w, whole, x, y, add, end),
            (false, false) => sum::<V, W, R, N, P, false, false>(runs, w, whole, x, y, add, end),
        }
        if whole < count {
            last::<V, W, R, N, P>(runs, w, whole, x, y, add, end);
        }
    }
}

/// Sums panel `p`, of which not all columns are used: these go by way of buffers.
///
/// # Safety
/// As `tile`.
#[inline(never)]
unsafe fn last<V: F32s, W: Weight, const R: usize, const N: usize, const P: usize>(
    runs: &Runs,
    w: At<W>,
    p: usize,
    x: &[*const f32; R],
    y: &[*mut f32; R],
    add: &[*const f32; R],
    end: &End,
) {
    let done = p * N * V::LANES;
    let (used, affine) = (end.used - done, p * end.affine_step);
    let mut sums = [[[0.0f32; 8]; N]; R];
    let mut summands = [[[0.0f32; 8]; N]; R];
    // SAFETY: the caller's promises; a buffer's row has room for a panel's width.
    unsafe {
        for (row, add) in summands.iter_mut().zip(add) {
            let add = std::slice::from_raw_parts(add.add(end.add[0] + p * end.add[1]), used);
            row.as_flattened_mut()[..used].copy_from_slice(add);
        }
        let rows = sums.each_mut().map(|row| row.as_mut_ptr().cast::<f32>());
        let add = summands.each_ref().map(|row| row.as_ptr().cast());
        let w = At { numbers: w.numbers.add(done * runs.total()), factors: w.factors.wrapping_add(done) };
        let (bias, scale, shift) = (end.bias.add(done), end.scale.add(affine), end.shift.add(affine));
        let buffered = End { bias, scale, shift, column: 0, add: [0; 2], ..*end };
        sum::<V, W, R, N, P, true, false>(runs, w, 1, x, &rows, &add, &buffered);
        for (row, y) in rows.iter().zip(y) {
            row.copy_to_nonoverlapping(y.add(end.column + done), used);
        }
    }
}

/// Products of each sum in a turn of the loop, where there is one row: reading the panel then takes all of the time, and what a
/// processor has on its way from memory is as much as it can look ahead, counted in instructions.
const TURNS: usize = 4;

/// Whether there are two products a turn, and code of its own for single runs: in builds without relaxed-simd, which Node 20 runs,
/// they take 1.00 to 1.04 of the time (bench/README.md).
const RELAXED: bool = cfg!(target_feature = "relaxed-simd");

/// What stands in for the parts that an epilogue lacks.
static UNITS: [f32; 32] = [1.0; 32];
static NOTHING: [f32; 32] = [0.0; 32];

/// Sums the products of the `R` rows at `x` and each of `count` panels from `w` on, finishes the sums and stores them at `y`.
/// `ADD`: with summands; to add zeros takes a twentieth of the time where a sum has 16 products. `SINGLE`: each row is one run;
/// to count runs takes another 0.07 there (bench/README.md).
///
/// # Safety
/// Each `x` must have `runs.reach()` readable floats, `w` `count` panels of `runs.total()` rows and their
/// factors; each `y` must have room for a row of the panels, and each address of `end` and each `add` one to read.
// A function of its own, without a branch behind the loop: Firefox gives a sum that is used in many places a place in
// memory, and LLVM does where the loops behind are too large to unroll (28 GFLOPS instead of 55).
#[inline(never)]
unsafe fn sum<
    V: F32s,
    W: Weight,
    const R: usize,
    const N: usize,
    const P: usize,
    const ADD: bool,
    const SINGLE: bool,
>(
    runs: &Runs,
    w: At<W>,
    count: usize,
    x: &[*const f32; R],
    y: &[*mut f32; R],
    add: &[*const f32; R],
    end: &End,
) {
    let At { numbers: mut w, factors } = w;
    // SAFETY: the caller's promises; w moves over the panels once, from their start to their end.
    unsafe {
        for p in 0..count {
            let at = p * N * V::LANES;
            let factors = std::array::from_fn(|j| W::factors(factors.wrapping_add(at + j * V::LANES)));
            let mut sums = [std::array::from_fn(|j| V::load(end.bias.add(at + j * V::LANES))); R];
            let [rows, cols] = if SINGLE { [1; 2] } else { [runs.rows, runs.cols] };
            for row in 0..rows {
                for col in 0..cols {
                    let step = row * runs.row_step + col * runs.col_step;
                    let mut x = x.map(|x| x.add(step));
                    // Not counted: beside the addresses V8 has no register left for it (bench/README.md).
                    let behind = w.wrapping_add(runs.len * P * V::LANES);
                    while R == 1 && (behind.addr() - w.addr()) / size_of::<W>() >= TURNS * P * V::LANES {
                        for turn in 0..TURNS {
                            let w = w.wrapping_add(turn * P * V::LANES);
                            accumulate::<V, W, R, N>(&mut sums, &x, turn, w, &factors);
                        }
                        w = w.wrapping_add(TURNS * P * V::LANES);
                        x = x.map(|x| x.wrapping_add(TURNS));
                    }
                    while w != behind {
                        // Read anew, or LLVM adds one index to all addresses at each use.
                        let step = if RELAXED { anew(&2) } else { 1 };
                        accumulate::<V, W, R, N>(&mut sums, &x, 0, w, &factors);
                        // Wrapping, for behind a panel's last row it may lie beyond the last panel: a part begins within its panel.
                        w = w.wrapping_add(P * V::LANES);
                        if RELAXED {
                            // Without a look between the two LLVM would order the products by sum, and what it keeps waiting does
                            // not fit the registers (34 GFLOPS instead of 57 at 4 x 8, bench/README.md).
                            if w == behind {
                                break;
                            }
                            accumulate::<V, W, R, N>(&mut sums, &x, 1, w, &factors);
                            w = w.wrapping_add(P * V::LANES);
                        }
                        x = x.map(|x| x.wrapping_add(step));
                    }
                }
            }
            let (least, most) = (V::splat(end.bounds.0), V::splat(end.bounds.1));
            let (affine, from) = (p * end.affine_step, end.add[0] + p * end.add[1]);
            let to = end.column + at;
            let scale: [V; N] = std::array::from_fn(|j| V::load(end.scale.add(affine + j * V::LANES)));
            let shift: [V; N] = std::array::from_fn(|j| V::load(end.shift.add(affine + j * V::LANES)));
            for ((sums, y), add) in sums.iter().zip(y).zip(add) {
                for (j, sum) in sums.iter().enumerate() {
                    let mut sum = sum.madd(scale[j], shift[j]);
                    if ADD {
                        sum = sum.add(V::load(add.add(from).add(j * V::LANES)));
                    }
                    sum.max(least).min(most).store(y.add(to).add(j * V::LANES));
                }
            }
        }
    }
}

/// # Safety
/// Float `k` of each `x` and `N * LANES` numbers at `w` must be readable.
#[inline(always)]
unsafe fn accumulate<V: F32s, W: Weight, const R: usize, const N: usize>(
    sums: &mut [[V; N]; R],
    x: &[*const f32; R],
    k: usize,
    w: *const W,
    factors: &[V; N],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let w: [V; N] = std::array::from_fn(|j| W::load(w.add(j * V::LANES), factors[j]));
        for (sums, x) in sums.iter_mut().zip(x) {
            let x = V::splat(*x.add(k));
            for (sum, w) in sums.iter_mut().zip(w) {
                *sum = x.madd(w, *sum);
            }
        }
    }
}
