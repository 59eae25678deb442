use super::{Job, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// How far each probability may be from the reference `want`.
///
/// Let u be half of epsilon and d = x - max. Rounding d changes it by at most u |d|, so its exponential by that part of it;
/// the exponential itself is good to 4 u, the sum's and the quotient's roundings to u each. The sum, in f64, has its terms'
/// errors, weighted by their probabilities. So the error relative to the probability is at most u (|d| + 10 + sum of p |d|);
/// doubling it, which is taking epsilon for u, covers the products of errors. Exponentials below the smallest normal float
/// may become zero.
fn tolerances(x: &[f32], want: &[f64], [n, c, cells]: [usize; 3]) -> Vec<f64> {
    let mut tolerances = vec![0.0; x.len()];
    for (image, cell) in (0..n).flat_map(|image| (0..cells).map(move |cell| (image, cell))) {
        let at = |channel: usize| (image * c + channel) * cells + cell;
        let max = (0..c).map(|i| x[at(i)] as f64).fold(f64::NEG_INFINITY, f64::max);
        let distance = |i: usize| max - x[at(i)] as f64;
        let mean: f64 = (0..c).map(|i| want[at(i)] * distance(i)).sum();
        for i in 0..c {
            let relative = f32::EPSILON as f64 * (distance(i) + 10.0 + mean);
            tolerances[at(i)] = relative * want[at(i)] + f32::MIN_POSITIVE as f64;
        }
    }
    tolerances
}

/// `dims` is [n, c, h, w].
fn check<V: F32s>(random: &mut Random, x: &[f32], dims: [usize; 4]) {
    let [n, c, h, w] = dims;
    let want = reference::softmax(x, [n, c, h * w]);
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, x);
    let y = if random.coin() { map } else { stage.map(dims, random.several(0, 2), random.several(0, 3)) };
    let job = Job { x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let tolerances = tolerances(x, &want, [n, c, h * w]);
    assert_within(&got, &want, |i| tolerances[i], &(dims, V::LANES));
}

fn sizes_and_spreads<V: F32s>() {
    let random = &mut Random::new();
    for spread in [0.0, 1.0, 10.0, 60.0, 200.0, 1e30] {
        for dims in [[1, 1000, 1, 1], [3, 10, 1, 1], [2, 7, 3, 4], [1, 1, 2, 2]] {
            let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x * spread).collect();
            check::<V>(random, &x, dims);
        }
    }
}

#[test]
fn of_any_size_and_spread() {
    every_vector!(sizes_and_spreads);
}

fn random_sizes<V: F32s>() {
    let random = &mut Random::new();
    for _ in 0..50 {
        let dims = [random.within(1, 3), random.within(1, 30), random.within(1, 4), random.within(1, 4)];
        let (shift, spread) = (random.floats(1)[0] * 1000.0, random.within(1, 30) as f32);
        let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x * spread + shift).collect();
        check::<V>(random, &x, dims);
    }
}

#[test]
fn at_random() {
    every_vector!(random_sizes);
}

fn extremes<V: F32s>() {
    let random = &mut Random::new();
    check::<V>(random, &[f32::MAX, f32::MIN, 0.0, f32::MAX], [1, 4, 1, 1]);
    check::<V>(random, &[-f32::MAX; 5], [1, 5, 1, 1]);
    check::<V>(random, &[0.0, -103.0, -104.0, -150.0], [1, 4, 1, 1]);
}

#[test]
fn of_extremes() {
    every_vector!(extremes);
}
