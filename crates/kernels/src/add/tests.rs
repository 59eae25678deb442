use super::{Job, reference};
use crate::activation::Activation;
use crate::every_vector;
use crate::layout::Layout;
use crate::simd::F32s;
use crate::testing::{Ending, Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The sum of `count` maps of `dims`, [n, c, h, w], each with `beside` around its channels; `in_place` has the output where
/// the first input lies.
fn check<V: F32s>(
    random: &mut Random,
    count: usize,
    dims: [usize; 4],
    beside: usize,
    activation: Activation,
    in_place: bool,
) {
    let mut stage = Stage::new();
    let xs: Vec<Vec<f32>> = (0..count).map(|_| random.floats(dims.iter().product())).collect();
    let mut maps: Vec<Layout> = vec![];
    for x in &xs {
        let map = stage.map(dims, random.several(0, 2), random.several(0, beside));
        stage.put(&map, x);
        maps.push(map);
    }
    let y = if in_place { maps[0] } else { stage.map(dims, random.several(0, 2), random.several(0, beside)) };
    let job = Job { xs: &maps, y, activation };
    // SAFETY: the stage holds the maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let slices: Vec<&[f32]> = xs.iter().map(|x| &x[..]).collect();
    let mut want = reference::add(&slices);
    // A rounding for each sum, of at most `count`.
    let tolerance = f32::EPSILON as f64 * (count * (count - 1)) as f64;
    let tolerance = Ending::plain(activation).finish(&mut want, dims[2] * dims[3], tolerance);
    assert_within(&got, &want, |_| tolerance, &(count, dims, activation, V::LANES));
}

fn shapes<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=33 {
        check::<V>(random, 2, [2, c, 3, 3], c % 2, Activation::Relu, false);
    }
    check::<V>(random, 2, [2, 200, 9, 13], 0, Activation::Relu, false);
    for i in 0..80 {
        let (count, dims, beside) = (random.within(2, 5), random.several(1, 9), random.within(0, 1));
        let activation =
            [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Hardswish][i % 4];
        check::<V>(random, count, dims, beside, activation, i % 8 < 4);
    }
}

#[test]
fn of_any_shape() {
    every_vector!(shapes);
}
