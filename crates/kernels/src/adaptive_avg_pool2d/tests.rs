use super::{Job, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements, largest, sum_tolerance};
use crate::window::adaptive;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `dims` is [n, c, h, w], `output` [oh, ow].
fn check<V: F32s>(
    random: &mut Random,
    dims: [usize; 4],
    output: [usize; 2],
    halo: [usize; 4],
    beside: [usize; 2],
) {
    let ([n, c, h, w], [oh, ow]) = (dims, output);
    let x = random.floats(n * c * h * w);
    let want = reference::adaptive_avg_pool2d(output, &x, [h, w]);
    let mut stage = Stage::new();
    let map = stage.map(dims, halo, beside);
    stage.put(&map, &x);
    let y = stage.map([n, c, oh, ow], halo, beside);
    let job = Job { x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let along = |(from, to): (usize, usize)| to - from;
    let tolerance = |i: usize| {
        let cells = along(adaptive(i / ow % oh, oh, h)) * along(adaptive(i % ow, ow, w));
        sum_tolerance(cells, largest(&x), 1.0 / cells as f64)
    };
    assert_within(&got, &want, tolerance, &(dims, output, V::LANES));
}

fn zoo<V: F32s>() {
    let random = &mut Random::new();
    check::<V>(random, [2, 40, 6, 6], [6, 6], [0; 4], [0; 2]); // AlexNet, the identity
    check::<V>(random, [1, 40, 8, 10], [6, 6], [0; 4], [0; 2]); // AlexNet on a larger image
    check::<V>(random, [1, 100, 13, 13], [1, 1], [0; 4], [0; 2]); // SqueezeNet
    check::<V>(random, [1, 600, 12, 12], [1, 1], [0; 4], [1, 2]); // the channels are cut into ranges
    check::<V>(random, [1, 40, 5, 3], [7, 7], [0; 4], [0; 2]); // VGG on a smaller image: cells are used twice
}

#[test]
fn layers_of_the_zoo() {
    every_vector!(zoo);
}

fn random_shapes<V: F32s>() {
    let random = &mut Random::new();
    for _ in 0..100 {
        let dims = [random.within(1, 3), random.within(1, 90), random.within(1, 12), random.within(1, 12)];
        let (output, halo, beside) = (random.several(1, 9), random.several(0, 2), random.several(0, 3));
        check::<V>(random, dims, output, halo, beside);
    }
}

#[test]
fn at_random() {
    every_vector!(random_shapes);
}
