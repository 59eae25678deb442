use super::{Job, reference};
use crate::activation::Activation;
use crate::epilogue::{Affine, Epilogue};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Ending, Random, Stage, assert_within, elements, largest};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const EPS: f32 = 1e-6;

/// How far a normalised number may be from the reference, before weight and bias. `want` are the references of numbers `x`.
///
/// Let u be half of epsilon, d the most additions that a number goes through in a sum, M the largest number, s the standard
/// deviation. The mean is off by at most (d + 1) u M, which moves a result by that over s. The variance has relative errors
/// of (d + 4) u (its own sum, products, differences, quotient), and what the wrong mean adds, which is of second order.
/// Its root halves that; the sum with eps, root, inverse, difference and product add a rounding each. Taking epsilon for u
/// covers what is of second order while M / s is far below 1 / (d u).
fn tolerance<V: F32s>(x: &[f32], want: &[f64], c: usize, spread: f64) -> f64 {
    let d = (c / (4 * V::LANES) + 3 + 8) as f64;
    let result = want.iter().fold(0.0, |most: f64, y| y.abs().max(most));
    f32::EPSILON as f64 * ((d + 1.0) * largest(x) / spread + result * ((d + 4.0) / 2.0 + 5.0))
}

/// The least standard deviation of a cell's channels.
fn least_deviation(x: &[f32], [n, c, h, w]: [usize; 4]) -> f64 {
    let cells = (0..n).flat_map(|image| (0..h * w).map(move |cell| image * c * h * w + cell));
    let deviation = |first: usize| {
        let numbers = || (0..c).map(|i| x[first + i * h * w] as f64);
        let mean = numbers().sum::<f64>() / c as f64;
        (numbers().map(|x| (x - mean).powi(2)).sum::<f64>() / c as f64 + EPS as f64).sqrt()
    };
    cells.map(deviation).fold(f64::INFINITY, f64::min)
}

/// `dims` is [n, c, h, w]; inputs lie within 1 of `centre`.
fn check<V: F32s>(
    random: &mut Random,
    dims: [usize; 4],
    centre: f32,
    activation: Activation,
    in_place: bool,
) {
    let [_, c, h, w] = dims;
    let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x + centre).collect();
    let mut want = reference::layer_norm2d(EPS, &x, h * w, &vec![1.0; c], &vec![0.0; c]);
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, &x);
    let y = if in_place { map } else { stage.map(dims, random.several(0, 2), random.several(0, 3)) };
    let ending = Ending::random(random, &mut stage, dims, activation);
    let job = Job { eps: EPS, x: map, y, epilogue: ending.epilogue() };
    // SAFETY: the stage holds the maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let tolerance = tolerance::<V>(&x, &want, c, least_deviation(&x, dims));
    let tolerance = ending.finish(&mut want, h * w, tolerance);
    assert_within(&got, &want, |_| tolerance, &(dims, centre, activation, V::LANES));
}

fn shapes<V: F32s>() {
    let random = &mut Random::new();
    // ConvNeXt's widths, and one that is larger.
    for c in [96, 192, 384, 768, 1536, 5000] {
        check::<V>(random, [1, c, 3, 2], 0.0, Activation::Identity, false);
        check::<V>(random, [1, c, 2, 2], 20.0, Activation::Identity, true);
    }
    for c in 2..=70 {
        check::<V>(random, [1, c, 2, 2], 0.5, Activation::Relu, c % 2 == 0);
    }
    for _ in 0..40 {
        let [n, c, h, w] = random.several(1, 9);
        check::<V>(random, [n, c + 3, h, w], -1.0, Activation::Silu, false);
    }
}

#[test]
fn of_any_shape() {
    every_vector!(shapes);
}

fn weighted<V: F32s>() {
    let random = &mut Random::new();
    let dims @ [_, c, h, w] = [2, 37, 3, 4];
    let x = random.floats(dims.iter().product());
    let (weight, bias) = (random.floats(c), random.floats(c));
    let affine = Affine::new(c, |c| (weight[c], bias[c])).expect("memory");
    let mut stage = Stage::new();
    let (map, y) = (stage.map(dims, [1; 4], [0; 2]), stage.map(dims, [0; 4], [1, 2]));
    stage.put(&map, &x);
    let epilogue = Epilogue { affine: Some(&affine), ..Epilogue::default() };
    let job = Job { eps: EPS, x: map, y, epilogue };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let want = reference::layer_norm2d(EPS, &x, h * w, &weight, &bias);
    // Weight and bias are at most 1: a rounding of their product and of their sum.
    let tolerance = tolerance::<V>(&x, &want, c, least_deviation(&x, dims));
    assert_within(&got, &want, |_| tolerance + 2.0 * f32::EPSILON as f64 * largest(&got), &V::LANES);
}

#[test]
fn with_weight_and_bias() {
    every_vector!(weighted);
}

fn flat<V: F32s>() {
    // One channel, and equal ones: the variance is zero, eps is all that is divided by.
    for (c, x) in [(1, 3.0), (40, 7.0), (33, 0.0)] {
        let mut stage = Stage::new();
        let (map, y) = (stage.map([1, c, 1, 1], [0; 4], [0; 2]), stage.map([1, c, 1, 1], [0; 4], [0; 2]));
        stage.put(&map, &vec![x; c]);
        let job = Job { eps: EPS, x: map, y, epilogue: Epilogue::default() };
        // SAFETY: the stage holds both maps, and its arena has no other user.
        let work = |arena: crate::layout::Arena, chunk| unsafe { job.run::<V>(arena, chunk) };
        let got = stage.run(&mut Random::new(), &elements(&y), job.chunks(), work);
        assert_eq!(got, vec![0.0; c]);
    }
}

#[test]
fn of_equal_numbers_is_zero() {
    every_vector!(flat);
}
