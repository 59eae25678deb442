use super::{Job, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn run<V: F32s>(
    random: &mut Random,
    x: &[f32],
    dims: [usize; 4],
    halo: [usize; 4],
    beside: [usize; 2],
) -> Vec<f32> {
    let mut stage = Stage::new();
    let map = stage.map(dims, halo, beside);
    stage.put(&map, x);
    let y = stage.map(dims, [0; 4], [beside[1], beside[0]]);
    let job = Job { x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) })
}

fn check<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=20 {
        let dims = [random.within(1, 3), c, random.within(1, 5), random.within(1, 5)];
        let x = random.floats(dims.iter().product());
        let got = run::<V>(random, &x, dims, [c % 2, 1, 0, c % 3], [c % 3, c % 2]);
        assert_within(&got, &reference::relu(&x), |_| 0.0, &(dims, V::LANES));
    }
}

#[test]
fn equals_the_reference() {
    every_vector!(check);
}

fn special<V: F32s>() {
    let random = &mut Random::new();
    let row = [
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        f32::MAX,
        f32::MIN,
        1e-45,
    ];
    // Each value in every lane, and in the rest that no vector fills.
    for c in 1..=17 {
        let x: Vec<f32> = (0..c * row.len()).map(|i| row[i % row.len()]).collect();
        let got = run::<V>(random, &x, [1, c, 1, row.len()], [0; 4], [0; 2]);
        assert_within(&got, &reference::relu(&x), |_| 0.0, &(c, V::LANES));
        // What is no number must not become one.
        let got = run::<V>(random, &vec![f32::NAN; c], [1, c, 1, 1], [0; 4], [0; 2]);
        assert!(got.iter().all(|y| y.is_nan()), "{c} channels: {got:?}");
    }
}

#[test]
fn of_special_numbers() {
    every_vector!(special);
}
