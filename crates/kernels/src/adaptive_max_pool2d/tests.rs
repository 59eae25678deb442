use super::{Job, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `dims` is [n, c, h, w], `output` [oh, ow]. What is around the input is larger than all in it, so that it would win.
fn check<V: F32s>(random: &mut Random, dims: [usize; 4], output: [usize; 2]) {
    let ([n, c, h, w], [oh, ow]) = (dims, output);
    let x: Vec<f32> = random.floats(n * c * h * w).iter().map(|x| x - 2.0).collect();
    let want = reference::adaptive_max_pool2d(output, &x, [h, w]);
    let mut stage = Stage::poisoned(f32::INFINITY);
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, &x);
    let y = stage.map([n, c, oh, ow], random.several(0, 2), random.several(0, 3));
    let job = Job { x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    assert_within(&got, &want, |_| 0.0, &(dims, output, V::LANES));
}

fn shapes<V: F32s>() {
    let random = &mut Random::new();
    check::<V>(random, [2, 40, 6, 6], [6, 6]); // the identity
    check::<V>(random, [1, 600, 12, 12], [1, 1]); // the channels are cut into ranges
    check::<V>(random, [1, 40, 5, 3], [7, 7]); // cells are used twice
    for _ in 0..100 {
        let dims = [random.within(1, 3), random.within(1, 90), random.within(1, 12), random.within(1, 12)];
        let output = random.several(1, 9);
        check::<V>(random, dims, output);
    }
}

#[test]
fn of_any_shape() {
    every_vector!(shapes);
}
