use super::{Job, MaxPool2d, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
use crate::window::Window;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn square([kernel, stride, padding]: [usize; 3], ceil: bool) -> MaxPool2d {
    MaxPool2d { windows: [Window { kernel, stride, padding: [padding; 2], dilation: 1, ceil }; 2] }
}

/// `dims` is [n, c, h, w]. What is around the input is larger than all in it, so that it would win.
fn check<V: F32s>(
    random: &mut Random,
    spec: &MaxPool2d,
    dims: [usize; 4],
    halo: [usize; 4],
    beside: [usize; 2],
    shift: f32,
) {
    let [n, c, h, w] = dims;
    let x: Vec<f32> = random.floats(n * c * h * w).iter().map(|x| x + shift).collect();
    let want = reference::max_pool2d(spec, &x, [h, w]);
    let [oh, ow] = spec.output(h, w).expect("the window fits");
    let mut stage = Stage::poisoned(f32::INFINITY);
    let map = stage.map(dims, halo, beside);
    stage.put(&map, &x);
    let y = stage.map([n, c, oh, ow], halo, beside);
    let job = Job { spec, x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    assert_within(&got, &want, |_| 0.0, &(spec, dims, V::LANES));
}

fn zoo<V: F32s>() {
    let random = &mut Random::new();
    let cases = [
        (square([2, 2, 0], false), [2, 6, 28, 28]),  // LeNet-5
        (square([3, 2, 0], false), [1, 64, 27, 27]), // AlexNet
        (square([3, 2, 0], true), [1, 12, 54, 55]),  // SqueezeNet
        (square([3, 2, 1], false), [1, 12, 28, 28]), // ResNet
        (square([3, 1, 1], true), [1, 20, 7, 7]),    // GoogLeNet
    ];
    for (spec, dims) in cases {
        check::<V>(random, &spec, dims, [0; 4], [0; 2], 0.0);
        // All below zero: a zero of a halo would win.
        check::<V>(random, &spec, dims, [1, 1, 2, 2], [3, 1], -5.0);
    }
}

#[test]
fn layers_of_the_zoo() {
    every_vector!(zoo);
}

fn edges<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=17 {
        check::<V>(random, &square([3, 2, 1], true), [1, c, 4, 5], [0; 4], [c % 2, c % 3], -2.0);
    }
    for size in 1..=9 {
        for ceil in [false, true] {
            check::<V>(random, &square([2, 2, 1], ceil), [1, 3, 1, size], [0; 4], [0; 2], -2.0);
            check::<V>(random, &square([3, 3, 1], ceil), [2, 9, size, 1], [0; 4], [0; 2], -2.0);
        }
    }
    // The input falls between the taps of a dilated window: the largest of nothing, at no address beyond the arena.
    let [v, h] = [(2, 1, 1, 2), (1, 11, 0, 1)].map(|(kernel, stride, padding, dilation)| Window {
        kernel,
        stride,
        padding: [padding; 2],
        dilation,
        ceil: false,
    });
    check::<V>(random, &MaxPool2d { windows: [v, h] }, [1, 80, 1, 12], [0; 4], [0; 2], 0.0);
}

#[test]
fn channels_and_sizes_around_vectors_and_windows() {
    every_vector!(edges);
}

fn random_shapes<V: F32s>() {
    let random = &mut Random::new();
    let mut checked = 0;
    while checked < 100 {
        let windows = [0, 1].map(|_| {
            let kernel = random.within(1, 4);
            let (stride, dilation) = (random.within(1, 4), random.within(1, 3));
            Window { kernel, stride, padding: random.several(0, kernel - 1), dilation, ceil: random.coin() }
        });
        let dims = [random.within(1, 3), random.within(1, 80), random.within(1, 12), random.within(1, 12)];
        let spec = MaxPool2d { windows };
        if spec.output(dims[2], dims[3]).is_some() {
            let (halo, beside) = (random.several(0, 2), random.several(0, 3));
            check::<V>(random, &spec, dims, halo, beside, -2.0);
            checked += 1;
        }
    }
}

#[test]
fn at_random() {
    every_vector!(random_shapes);
}
