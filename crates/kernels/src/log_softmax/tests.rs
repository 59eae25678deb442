use super::{Job, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// How far a result may be from the reference `want` at a distance d from the maximum.
///
/// Let u be half of epsilon. Rounding a difference changes it by at most u d, and so an exponential by that part of it, which
/// itself is good to 4 u. Where the distance is D the exponential is e^-D, so an error of u D there is at most u of the
/// sum for each of c channels, D e^-D being less than 1: the logarithm is off by at most u (c + 4) for all of them, then
/// rounded, as are both differences. Twice that covers the products of errors.
fn tolerance(want: f64, distance: f64, channels: usize, log: f64) -> f64 {
    f32::EPSILON as f64 * (distance + channels as f64 + 4.0 + log + want.abs())
}

/// `dims` is [n, c, h, w].
fn check<V: F32s>(random: &mut Random, x: &[f32], dims: [usize; 4]) {
    let [n, c, h, w] = dims;
    let want = reference::log_softmax(x, [n, c, h * w]);
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, x);
    let y = stage.map(dims, random.several(0, 2), random.several(0, 3));
    let job = Job { x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let tolerance = |i: usize| {
        let of_pixel = |channel: usize| (i / (c * h * w) * c + channel) * h * w + i % (h * w);
        let max = (0..c).map(|channel| x[of_pixel(channel)] as f64).fold(f64::NEG_INFINITY, f64::max);
        let distance = max - x[i] as f64;
        tolerance(want[i], distance, c, -want[i] - distance)
    };
    assert_within(&got, &want, tolerance, &(dims, V::LANES));
}

fn sizes_and_spreads<V: F32s>() {
    let random = &mut Random::new();
    for spread in [0.0, 1.0, 10.0, 60.0, 200.0, 1e30] {
        for dims in [[1, 1000, 1, 1], [3, 10, 1, 1], [2, 7, 3, 4], [1, 1, 2, 2]] {
            let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x * spread).collect();
            check::<V>(random, &x, dims);
        }
    }
    for _ in 0..50 {
        let dims = [random.within(1, 3), random.within(1, 30), random.within(1, 4), random.within(1, 4)];
        let (shift, spread) = (random.floats(1)[0] * 1000.0, random.within(1, 30) as f32);
        let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x * spread + shift).collect();
        check::<V>(random, &x, dims);
    }
    check::<V>(random, &[-f32::MAX; 5], [1, 5, 1, 1]);
    check::<V>(random, &[0.0, -103.0, -104.0, -150.0], [1, 4, 1, 1]);
}

#[test]
fn of_any_size_and_spread() {
    every_vector!(sizes_and_spreads);
}
