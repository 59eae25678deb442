use super::{Job, reference};
use crate::activation::Activation;
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Ending, Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `dims` is [n, c, h, w]; `broadcast` has one factor for each channel of an image, `in_place` the output where the first
/// input lies.
fn check<V: F32s>(
    random: &mut Random,
    dims: [usize; 4],
    activation: Activation,
    broadcast: bool,
    in_place: bool,
) {
    let [n, c, h, w] = dims;
    let b_dims = if broadcast { [n, c, 1, 1] } else { dims };
    let (a, b) = (random.floats(dims.iter().product()), random.floats(b_dims.iter().product()));
    let mut stage = Stage::new();
    let a_map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&a_map, &a);
    let b_map = stage.map(b_dims, random.several(0, 2), random.several(0, 3));
    stage.put(&b_map, &b);
    let y = if in_place { a_map } else { stage.map(dims, random.several(0, 2), random.several(0, 3)) };
    let ending = Ending::random(random, &mut stage, dims, activation);
    let job = Job { a: a_map, b: b_map, y, epilogue: ending.epilogue() };
    // SAFETY: the stage holds the maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let mut want = reference::mul(&a, &b);
    // The product's rounding.
    let tolerance = ending.finish(&mut want, h * w, f32::EPSILON as f64);
    assert_within(&got, &want, |_| tolerance, &(dims, activation, broadcast, V::LANES));
}

fn shapes<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=33 {
        check::<V>(random, [2, c, 3, 2], Activation::Identity, c % 2 == 0, false);
    }
    check::<V>(random, [2, 200, 9, 13], Activation::Relu, true, false);
    check::<V>(random, [1, 70, 20, 11], Activation::Identity, false, false);
    for i in 0..60 {
        let activation =
            [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Hardswish][i % 4];
        let (dims, broadcast) = (random.several(1, 9), random.coin());
        check::<V>(random, dims, activation, broadcast, i % 8 < 4);
    }
}

#[test]
fn of_any_shape() {
    every_vector!(shapes);
}
