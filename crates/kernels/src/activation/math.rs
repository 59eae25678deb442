//! Functions over vectors, the same instructions for every vector type. The coefficients are minimax fits of our own,
//! searched among those that floats can hold.
//!
//! Bounds are in ULP, the distance of neighbouring floats at the exact result; tests hold them over the floats of every
//! exponent. What is not a number stays so.

use crate::simd::F32s;

/// Above 2^23 floats are whole: a sum with this is rounded to a whole number, whose power of 2 has the sum's lowest bits for
/// its exponent, 127 being an exponent's bias.
const EXPONENT: f32 = 12_582_912.0 + 127.0;

/// Numbers as vectors. They are hidden from LLVM, which would write each as a constant where it is used, and an engine makes a
/// constant of two integers in every turn of a loop; so it is read from memory instead.
#[inline(always)]
fn vectors<V: F32s, const N: usize>(numbers: [f32; N]) -> [V; N] {
    std::hint::black_box(numbers).map(V::splat)
}

/// The polynomial with these coefficients, that of the highest power first.
#[inline(always)]
fn polynomial<V: F32s, const N: usize>(x: V, coefficients: [V; N]) -> V {
    coefficients[1..].iter().fold(coefficients[0], |y, c| y.madd(x, *c))
}

/// With x = n ln 2 + r, n whole and r at most half of ln 2: 2^n and r. `MINUS`: with x = r - n ln 2, so that r is what is left
/// of -x with its sign changed.
#[inline(always)]
fn split<V: F32s, const MINUS: bool>() -> impl Fn(V) -> (V, V) + Copy {
    let sign = if MINUS { -1.0 } else { 1.0 };
    // ln 2 in two parts: n times the first, of 9 bits, is exact, and so is what it leaves of x.
    let [log2_e, exponent, high, low] =
        vectors([sign * std::f32::consts::LOG2_E, EXPONENT, sign * -0.693_359_4, sign * 2.121_944_4e-4]);
    move |x| {
        let sum = x.madd(log2_e, exponent);
        let n = sum.sub(exponent);
        (sum.exponent(), n.madd(low, n.madd(high, x)))
    }
}

/// (e^r - 1) / r.
#[inline(always)]
fn slope<V: F32s>() -> impl Fn(V) -> V + Copy {
    let slope = vectors([0.001_381_398_4, 0.008_368_899, 0.041_668_34, 0.166_665_2, 0.499_999_94, 1.0]);
    move |r| polynomial(r, slope)
}

/// The exponential, to 2 ULP where it is a normal float below 2^127.5; infinite above, zero below 2^-126.5.
#[inline(always)]
pub fn exp<V: F32s>() -> impl Fn(V) -> V + Copy {
    // At the limits 2^n is zero or infinite.
    let ([least, most, one], split, slope) = (vectors([-88.0, 89.0, 1.0]), split::<V, false>(), slope());
    move |x| {
        let (power, r) = split(x.max(least).min(most));
        slope(r).madd(r, one).mul(power)
    }
}

/// 1 / (1 + e^-x), to 3 ULP or 2^-127.
// e^-r is (g - r) / (g + r) with g = r coth(r / 2), which is even: fewer steps behind one another than a polynomial has, and one
// division is needed in any case.
#[inline(always)]
pub fn sigmoid<V: F32s>() -> impl Fn(V) -> V + Copy {
    let ([least, most, a, b, two], split) =
        (vectors([-89.0, 88.0, -0.002_766_027, 0.166_666_18, 2.0]), split::<V, true>());
    move |x| {
        let (power, r) = split(x.max(least).min(most));
        let g = polynomial(r.mul(r), [a, b, two]);
        let below = g.add(r);
        below.div(g.sub(r).madd(power, below))
    }
}

/// x / (1 + e^-x), to 3 ULP or 2^-120.
#[inline(always)]
pub fn silu<V: F32s>() -> impl Fn(V) -> V + Copy {
    let sigmoid = sigmoid::<V>();
    move |x| x.mul(sigmoid(x))
}

/// The hyperbolic tangent, to 4 ULP.
#[inline(always)]
pub fn tanh<V: F32s>() -> impl Fn(V) -> V + Copy {
    // By e^2x - 1, which loses nothing near zero. At these limits a 2 more or less is rounded away: the result is ±1.
    let ([least, most, one, two], split) = (vectors([-10.0, 10.0, 1.0, 2.0]), split::<V, false>());
    let slope = slope::<V>();
    move |x| {
        let x = x.max(least).min(most);
        let (power, r) = split(x.add(x));
        let y = slope(r).mul(r).madd(power, power.sub(one));
        y.div(y.add(two))
    }
}

/// x Φ(x) with the normal distribution's Φ, (1 + erf(x / √2)) / 2: to 4 ULP from 0 on; below, where Φ is a difference, to
/// 2^-22 |x|, and exactly zero below -5.7.
#[inline(always)]
pub fn gelu<V: F32s>() -> impl Fn(V) -> V + Copy {
    // Φ(x) - 1/2 is x p(x²) / q(x²) up to an edge that is a rounding from its limits.
    let p = [2.005_727_9e-8, 5.757_195e-6, 1.574_591_2e-4, 0.004_263_424_3, 0.031_134_89, 0.361_326_78];
    let q = [1.068_932_9e-6, 6.802_087_6e-5, 0.001_732_609_7, 0.026_211_409, 0.228_994_74, 0.905_712_07];
    let (p, q, [edge, half]) = (vectors(p), vectors(q), vectors([5.6, 0.5]));
    let zero = V::splat(0.0);
    move |x| {
        let inside = x.max(zero.sub(edge)).min(edge);
        let square = inside.mul(inside);
        let y = inside.mul(polynomial(square, p)).div(polynomial(square, q));
        // What lies beyond the edge is added so that the clamp gives exactly a limit: x, however large, is a factor of the sum.
        let y = y.add(x.sub(inside)).max(zero.sub(half)).min(half);
        x.mul(y.add(half))
    }
}

/// relu6(x + 3) / 6, to 2 ULP.
#[inline(always)]
pub fn hardsigmoid<V: F32s>() -> impl Fn(V) -> V + Copy {
    let [three, zero, six, sixth] = vectors([3.0, 0.0, 6.0, 1.0 / 6.0]);
    move |x| x.add(three).max(zero).min(six).mul(sixth)
}

/// x relu6(x + 3) / 6, to 3 ULP.
#[inline(always)]
pub fn hardswish<V: F32s>() -> impl Fn(V) -> V + Copy {
    let hardsigmoid = hardsigmoid::<V>();
    move |x| x.mul(hardsigmoid(x))
}
