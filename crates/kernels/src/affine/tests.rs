use super::{Job, reference};
use crate::activation::Activation;
use crate::epilogue::{Affine, Epilogue};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Ending, Random, Stage, assert_within, elements, largest};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `dims` is [n, c, h, w]. Scale and shift of each channel, nothing else.
fn check<V: F32s>(random: &mut Random, dims: [usize; 4]) {
    let [_, c, h, w] = dims;
    let x = random.floats(dims.iter().product());
    let (scale, shift) = (random.floats(c), random.floats(c));
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, &x);
    let y = stage.map(dims, random.several(0, 2), random.several(0, 3));
    let affine = Affine::new(c, |c| (scale[c], shift[c])).expect("memory");
    let job = Job { x: map, y, epilogue: Epilogue { affine: Some(&affine), ..Epilogue::default() } };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let want = reference::affine(&x, h * w, &scale, &shift);
    // A rounding of the product, which is below 1, and one of the sum.
    let tolerance = f32::EPSILON as f64 * (1.0 + largest(&got));
    assert_within(&got, &want, |_| tolerance, &(dims, V::LANES));
}

/// Any epilogue; `in_place` has the output where the input lies.
fn check_ending<V: F32s>(random: &mut Random, dims: [usize; 4], activation: Activation, in_place: bool) {
    let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x * 8.0).collect();
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, &x);
    let y = if in_place { map } else { stage.map(dims, random.several(0, 2), random.several(0, 3)) };
    let ending = Ending::random(random, &mut stage, dims, activation);
    let job = Job { x: map, y, epilogue: ending.epilogue() };
    let mut want: Vec<f64> = x.iter().map(|&x| x as f64).collect();
    let tolerance = ending.finish(&mut want, dims[2] * dims[3], 0.0);
    // SAFETY: the stage holds the maps, and its arena has no other user.
    let work = |arena: crate::layout::Arena, chunk| unsafe { job.run::<V>(arena, chunk) };
    let got = stage.run(random, &elements(&y), job.chunks(), work);
    assert_within(&got, &want, |_| tolerance, &(dims, activation, V::LANES));
}

fn shapes<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=33 {
        check::<V>(random, [1, c, 3, 2]);
    }
    check::<V>(random, [2, 200, 9, 13]); // several rows a chunk, several chunks
    check::<V>(random, [1, 3, 40, 150]); // a net's input
    for i in 0..60 {
        let dims = random.several(1, 9);
        check::<V>(random, dims);
        let activation =
            [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Hardswish][i % 4];
        check_ending::<V>(random, dims, activation, i % 8 < 4);
    }
}

#[test]
fn of_any_shape() {
    every_vector!(shapes);
}
