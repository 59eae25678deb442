//! The transforms of a tile along one axis, and of whole tiles along both, `V::LANES` channels at a time.

use super::points::Factors;
use crate::simd::F32s;

/// Inputs a tile has at most: 8 by 8.
pub const MOST: usize = 64;

/// `A` inputs of a tile at the points: even and odd coefficients of a pair are summed once for both.
#[inline(always)]
pub fn input<V: F32s, const A: usize>(factors: &Factors<V>, d: [V; A]) -> [V; A] {
    if A == 1 {
        return d;
    }
    let pairs = A / 2 - 1;
    // The last coefficient of each polynomial is 1.
    let sum = |factors: &[V], first: usize| {
        let (last, mut sum) = (factors.len() - 1, d[first + 2 * (factors.len() - 1)]);
        for k in (0..last).rev() {
            sum = d[first + 2 * k].madd(factors[k], sum);
        }
        sum
    };
    let mut v = d;
    v[0] = sum(&factors.all[..pairs + 1], 0);
    v[A - 1] = sum(&factors.all[..pairs + 1], 1);
    for i in 0..pairs {
        let point = factors.powers[i][1];
        let even = sum(&factors.others[i][..pairs], 2);
        let odd = sum(&factors.others[i][..pairs], 1);
        v[1 + 2 * i] = odd.madd(point, even);
        v[2 + 2 * i] = odd.nmadd(point, even);
    }
    v
}

/// Three weights at the points, but for their scales: the sums of products are multiplied by these.
#[inline(always)]
pub fn weights<V: F32s, const A: usize>(factors: &Factors<V>, g: [V; 3]) -> [V; A] {
    let mut u = [g[2]; A];
    u[0] = g[0];
    for i in 0..A / 2 - 1 {
        [u[1 + 2 * i], u[2 + 2 * i]] = pair(factors, i, g);
    }
    u
}

/// Three weights at pair `i` of points.
#[inline(always)]
fn pair<V: F32s>(factors: &Factors<V>, i: usize, g: [V; 3]) -> [V; 2] {
    let [_, point, square, ..] = factors.powers[i];
    let even = g[2].madd(square, g[0]);
    [g[1].madd(point, even), g[1].nmadd(point, even)]
}

/// `M` outputs from the products at the points.
#[inline(always)]
pub fn output<V: F32s, const A: usize, const M: usize>(factors: &Factors<V>, m: [V; A]) -> [V; M] {
    if A == 1 {
        return [m[0]; M];
    }
    let pairs = A / 2 - 1;
    // Even powers of a pair are the same for both, odd ones differ by their sign.
    let mut halves = [[m[0]; 3]; 2];
    for i in 0..pairs {
        halves[0][i] = m[1 + 2 * i].add(m[2 + 2 * i]);
        halves[1][i] = m[1 + 2 * i].sub(m[2 + 2 * i]);
    }
    let mut y = [m[0]; M];
    for k in 0..M {
        let half = &halves[k % 2];
        let power = |i: usize| factors.powers[i][k];
        let start = if k == 0 {
            half[0].add(m[0])
        } else if k == M - 1 {
            half[0].madd(power(0), m[A - 1])
        } else {
            half[0].mul(power(0))
        };
        y[k] = (1..pairs).fold(start, |sum, i| half[i].madd(power(i), sum));
    }
    y
}

/// Transforms channels `c..c + LANES` of the tile whose inputs lie at `pixels`, row by row, and stores number i at
/// `v + i * step`. `between` holds what one axis leaves for the other: 64 vectors.
///
/// # Safety
/// The pixels must be readable there, and the others writable.
#[inline(always)]
pub unsafe fn input_tile<V: F32s, const AY: usize, const AX: usize>(
    factors: &[Factors<V>; 2],
    pixels: &[*const f32; MOST],
    c: usize,
    between: *mut f32,
    v: *mut f32,
    step: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for x in 0..AX {
            let d = std::array::from_fn(|y| V::load(pixels[y * AX + x].add(c)));
            let column: [V; AY] = input::<V, AY>(&factors[0], d);
            let between = between.add(x * V::LANES);
            for (y, number) in column.into_iter().enumerate() {
                number.store(between.add(y * AX * V::LANES));
            }
        }
        for y in 0..AY {
            let (between, v) = (between.add(y * AX * V::LANES), v.add(y * AX * step));
            let d = std::array::from_fn(|x| V::load(between.add(x * V::LANES)));
            let row: [V; AX] = input::<V, AX>(&factors[1], d);
            for (x, number) in row.into_iter().enumerate() {
                number.store(v.add(x * step));
            }
        }
    }
}

/// Transforms the 3 x 3 weights of `LANES` output channels, of which row i, column j lies at `g + (3 * i + j) * step`, and
/// stores number i at `u + i * step`.
///
/// # Safety
/// The weights must be readable, and the numbers writable.
#[inline(always)]
pub unsafe fn weights_tile<V: F32s, const AY: usize, const AX: usize>(
    factors: &[Factors<V>; 2],
    step: usize,
    g: *const f32,
    u: *mut f32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let down = |x: usize| std::array::from_fn(|y| V::load(g.add((3 * y + x) * step)));
        let across = |y: usize, column: [V; 3]| {
            let row: [V; AX] = weights(&factors[1], column);
            for (x, number) in row.into_iter().enumerate() {
                number.store(u.add((y * AX + x) * step));
            }
        };
        // A pair of rows at a time: all of them at once do not fit the registers.
        across(0, std::array::from_fn(|x| V::load(g.add(x * step))));
        for i in 0..AY / 2 - 1 {
            let rows: [[V; 2]; 3] = std::array::from_fn(|x| pair(&factors[0], i, down(x)));
            across(1 + 2 * i, rows.map(|row| row[0]));
            across(2 + 2 * i, rows.map(|row| row[1]));
        }
        across(AY - 1, std::array::from_fn(|x| V::load(g.add((6 + x) * step))));
    }
}

/// Transforms `LANES` channels of a tile's products back, of which number i lies at `m + i * step`, and hands on the
/// first `rows` rows of outputs. `between` is as above.
///
/// # Safety
/// The products must be readable, and `between` writable.
#[inline(always)]
pub unsafe fn output_tile<V: F32s, const AY: usize, const MY: usize, const AX: usize, const MX: usize>(
    factors: &[Factors<V>; 2],
    m: *const f32,
    step: usize,
    between: *mut f32,
    rows: usize,
    hand_on: impl Fn(usize, [V; MX]),
) {
    // SAFETY: the caller's promise.
    unsafe {
        for x in 0..AX {
            let m = m.add(x * step);
            let products = std::array::from_fn(|y| V::load(m.add(y * AX * step)));
            let column: [V; MY] = output::<V, AY, MY>(&factors[0], products);
            let between = between.add(x * V::LANES);
            for (y, number) in column.into_iter().enumerate() {
                number.store(between.add(y * AX * V::LANES));
            }
        }
        for y in 0..rows {
            let between = between.add(y * AX * V::LANES);
            let products = std::array::from_fn(|x| V::load(between.add(x * V::LANES)));
            hand_on(y, output::<V, AX, MX>(&factors[1], products));
        }
    }
}
