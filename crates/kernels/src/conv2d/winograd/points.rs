//! The matrices of Winograd's convolutions, made from their points.
//!
//! A tile of `a` inputs along an axis is evaluated at 0, at pairs of points p and -p, and at infinity. With the monic
//! polynomials M_j, the product of (x - p) over all points but the j-th, and M over all: row j of the input's matrix has
//! M_j's coefficients (the last row M's), row j of the weights' has p_j^k / M_j(p_j) (the last row the last weight), and
//! row i of the output's has p_j^i (the last row 1 at infinity besides).

use crate::simd::F32s;

/// The points besides 0 and infinity, each of which stands for itself and its negative. For 6 inputs these give a fifth
/// to two fifths less error over whole networks than 1 and 2; for 8 inputs none were found that are better.
fn points(a: usize) -> &'static [f64] {
    match a {
        1 => &[],
        4 => &[1.0],
        6 => &[0.75, 1.5],
        8 => &[1.0, 2.0, 0.5],
        _ => panic!("no tile has so many inputs"),
    }
}

/// Pairs of points of a tile of 8: the most.
const PAIRS: usize = 3;
/// Inputs of a tile, at most.
const MOST: usize = 8;
/// Outputs of F(6, 3): the most.
const OUTPUTS: usize = 6;

/// What the transforms of a tile multiply by along one axis; all but the scales is exact in f32. It is data and not constants:
/// measured, 56 x 56 x 64 takes 0.97 of the time that it does with constants.
pub struct Points {
    pub factors: Factors<f32>,
    /// What weights that are evaluated at the points must be multiplied by, 1 / M_j(p_j), in the order of the matrices' rows.
    pub scales: [f32; MOST],
}

/// The factors of inputs, plain weights and outputs; for a loop, as vectors: read before it, since what it writes could be
/// them for all that the compiler knows.
#[derive(Clone, Copy)]
pub struct Factors<T> {
    /// `powers[i][k]` is the k-th power of point i.
    pub powers: [[T; OUTPUTS]; PAIRS],
    /// Coefficients of the product of (x^2 - p^2) over all points but the i-th, in powers of x^2.
    pub others: [[T; PAIRS + 1]; PAIRS],
    /// The same over all points.
    pub all: [T; PAIRS + 1],
}

impl Factors<f32> {
    #[inline(always)]
    pub fn splat<V: F32s>(&self) -> Factors<V> {
        Factors {
            powers: self.powers.map(|powers| powers.map(V::splat)),
            others: self.others.map(|others| others.map(V::splat)),
            all: self.all.map(V::splat),
        }
    }
}

impl Points {
    /// Both axes' factors, for a loop over a tile of `AY` by `AX` inputs.
    #[inline(always)]
    pub fn vectors<V: F32s, const AY: usize, const AX: usize>(points: &[Self; 2]) -> [Factors<V>; 2] {
        let down = points[0].factors.splat();
        [down, if AY == AX { down } else { points[1].factors.splat() }]
    }

    /// Those of a tile of `a` inputs.
    pub fn new(a: usize) -> Self {
        let points = points(a);
        let factors = Factors {
            powers: std::array::from_fn(|i| {
                std::array::from_fn(|k| points.get(i).map_or(0.0, |p| p.powi(k as i32) as f32))
            }),
            others: std::array::from_fn(|i| product(points, i)),
            all: product(points, PAIRS),
        };
        Points { factors, scales: scales(a) }
    }
}

/// The scales of a tile of `a` inputs.
fn scales(a: usize) -> [f32; MOST] {
    let finite = finite(a);
    std::array::from_fn(|j| if j < finite.len() { (1.0 / at_its_point(&finite, j)) as f32 } else { 1.0 })
}

/// M_j(p_j).
fn at_its_point(finite: &[f64], j: usize) -> f64 {
    finite.iter().enumerate().filter(|&(l, _)| l != j).map(|(_, q)| finite[j] - q).product()
}

fn product(points: &[f64], without: usize) -> [f32; PAIRS + 1] {
    let mut factors = [0.0; PAIRS + 1];
    factors[0] = 1.0;
    for (i, point) in points.iter().enumerate() {
        if i != without {
            let square = (point * point) as f32;
            for k in (1..=PAIRS).rev() {
                factors[k] = factors[k - 1] - square * factors[k];
            }
            factors[0] *= -square;
        }
    }
    factors
}

/// The finite points in the order of the matrices' rows.
fn finite(a: usize) -> Vec<f64> {
    std::iter::once(0.0).chain(points(a).iter().flat_map(|&p| [p, -p])).collect()
}

/// The matrix of the weights: `a` rows of `kernel` numbers.
pub fn weights(a: usize, kernel: usize) -> Vec<Vec<f64>> {
    if a == 1 {
        return vec![vec![1.0]];
    }
    let finite = finite(a);
    let row = |(j, &p): (usize, &f64)| {
        let scale = at_its_point(&finite, j);
        (0..kernel).map(|k| p.powi(k as i32) / scale).collect()
    };
    let mut rows: Vec<Vec<f64>> = finite.iter().enumerate().map(row).collect();
    rows.push((0..kernel).map(|k| if k + 1 == kernel { 1.0 } else { 0.0 }).collect());
    rows
}
