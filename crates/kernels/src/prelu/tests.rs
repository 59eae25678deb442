use super::{Job, pack, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn run<V: F32s>(random: &mut Random, x: &[f32], weight: &[f32], dims: [usize; 4]) -> Vec<f32> {
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, x);
    let y = if random.coin() { map } else { stage.map(dims, random.several(0, 2), random.several(0, 3)) };
    let slopes = pack(weight, dims[1]).expect("memory");
    let job = Job { slopes: &slopes, x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) })
}

fn check<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=20 {
        let dims = [random.within(1, 3), c, random.within(1, 5), random.within(1, 5)];
        let x = random.floats(dims.iter().product());
        let slopes = if random.coin() { c } else { 1 };
        let weight = random.floats(slopes);
        let got = run::<V>(random, &x, &weight, dims);
        let want = reference::prelu(&x, &weight, [c, dims[2] * dims[3]]);
        // The product is rounded once.
        assert_within(&got, &want, |i| f32::EPSILON as f64 / 2.0 * want[i].abs(), &(dims, V::LANES));
    }
}

#[test]
fn equals_the_reference() {
    every_vector!(check);
}

fn special<V: F32s>() {
    let random = &mut Random::new();
    let x = [f32::INFINITY, f32::NEG_INFINITY, -0.0, f32::MAX, f32::MIN, 1e-45, f32::NAN];
    for c in 1..=17 {
        let x: Vec<f32> = (0..c * x.len()).map(|i| x[i % x.len()]).collect();
        let got = run::<V>(random, &x, &[0.25], [1, c, 1, 7]);
        let want = reference::prelu(&x, &[0.25], [c, 7]);
        for (got, want) in got.iter().zip(want) {
            assert!(*got as f64 == want || got.is_nan() && want.is_nan(), "{got}, not {want}");
        }
    }
}

#[test]
fn of_special_numbers() {
    every_vector!(special);
}
