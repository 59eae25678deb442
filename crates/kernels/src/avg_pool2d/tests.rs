use super::{AvgPool2d, Job, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements, largest, sum_tolerance};
use crate::window::Window;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn square([kernel, stride, padding]: [usize; 3], ceil: bool, count_include_pad: bool) -> AvgPool2d {
    let window = Window { kernel, stride, padding: [padding; 2], dilation: 1, ceil };
    AvgPool2d { windows: [window; 2], count_include_pad }
}

fn dilated(spec: AvgPool2d, dilation: usize) -> AvgPool2d {
    AvgPool2d { windows: spec.windows.map(|window| Window { dilation, ..window }), ..spec }
}

/// `dims` is [n, c, h, w]. An average is a sum of as many products as the divisor says, each of a cell and 1 / divisor.
fn check<V: F32s>(
    random: &mut Random,
    spec: &AvgPool2d,
    dims: [usize; 4],
    halo: [usize; 4],
    beside: [usize; 2],
) {
    let [n, c, h, w] = dims;
    let x = random.floats(n * c * h * w);
    let want = reference::avg_pool2d(spec, &x, [h, w]);
    let [oh, ow] = spec.output(h, w).expect("the window fits");
    let mut stage = Stage::new();
    let map = stage.map(dims, halo, beside);
    stage.put(&map, &x);
    let y = stage.map([n, c, oh, ow], halo, beside);
    let job = Job { spec, x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let tolerance = |i: usize| {
        let cells = spec.divisor([i / ow % oh, i % ow], [h, w]);
        sum_tolerance(cells, largest(&x), 1.0 / cells as f64)
    };
    assert_within(&got, &want, tolerance, &(spec, dims, V::LANES));
}

fn zoo<V: F32s>() {
    let random = &mut Random::new();
    let cases = [
        (square([2, 2, 0], false, true), [2, 6, 28, 28]), // LeNet-5 as published
        (square([13, 1, 0], false, true), [1, 40, 15, 13]), // SqueezeNet, convolutionized
        (square([3, 1, 1], false, false), [1, 20, 9, 9]), // Inception v4
        (square([3, 1, 1], false, true), [1, 20, 9, 9]),  // Inception v3
        (square([2, 2, 0], true, false), [1, 24, 7, 7]),  // ResNet-D's shortcut
        (dilated(square([7, 1, 0], false, true), 2), [1, 20, 15, 14]), // GoogLeNet, made fine
        (dilated(square([3, 1, 2], false, false), 2), [1, 20, 9, 9]), // BN-Inception, made fine
    ];
    for (spec, dims) in cases {
        check::<V>(random, &spec, dims, [0; 4], [0; 2]);
        check::<V>(random, &spec, dims, [1, 1, 2, 2], [3, 1]);
    }
}

#[test]
fn layers_of_the_zoo() {
    every_vector!(zoo);
}

fn edges<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=17 {
        check::<V>(random, &square([3, 2, 1], true, c % 2 == 0), [1, c, 4, 5], [0; 4], [c % 2, c % 3]);
    }
    for size in 1..=9 {
        for (ceil, pad) in [(false, false), (false, true), (true, false), (true, true)] {
            check::<V>(random, &square([2, 2, 1], ceil, pad), [1, 3, 1, size], [0; 4], [0; 2]);
            check::<V>(random, &square([3, 3, 1], ceil, pad), [2, 9, size, 1], [0; 4], [0; 2]);
        }
    }
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
            let (kernel, dilation) = (random.within(1, 4), random.within(1, 3));
            // The cells of a dilated window can be all in the padding, and then there is no average.
            let padding = random.several(0, if dilation == 1 { kernel - 1 } else { 0 });
            Window { kernel, stride: random.within(1, 4), padding, dilation, ceil: random.coin() }
        });
        let dims = [random.within(1, 3), random.within(1, 80), random.within(1, 12), random.within(1, 12)];
        let spec = AvgPool2d { windows, count_include_pad: random.coin() };
        if spec.output(dims[2], dims[3]).is_some() {
            let (halo, beside) = (random.several(0, 2), random.several(0, 3));
            check::<V>(random, &spec, dims, halo, beside);
            checked += 1;
        }
    }
}

#[test]
fn at_random() {
    every_vector!(random_shapes);
}

#[test]
fn a_dilated_average_counts_its_own_cells() {
    // Cells two apart, one of them in the padding: it counts as a zero or not at all.
    let window = Window { kernel: 3, stride: 1, padding: [2; 2], dilation: 2, ceil: false };
    let one = Window { kernel: 1, padding: [0; 2], dilation: 1, ..window };
    let averages = |count_include_pad| {
        let spec = AvgPool2d { windows: [one, window], count_include_pad };
        reference::avg_pool2d(&spec, &[3.0, 6.0, 9.0, 12.0], [1, 4])
    };
    assert_eq!(averages(true), [4.0, 6.0, 4.0, 6.0]);
    assert_eq!(averages(false), [6.0, 9.0, 6.0, 9.0]);
}

#[test]
fn counts_padding_as_pytorch_does() {
    // One row of ones under a window of 2 with a column of padding: avg_pool2d of PyTorch 2 gives these.
    let window =
        |kernel, padding, ceil| Window { kernel, stride: 2, padding: [padding; 2], dilation: 1, ceil };
    let averages = |ceil, count_include_pad| {
        let windows = [Window { stride: 1, ..window(1, 0, false) }, window(2, 1, ceil)];
        reference::avg_pool2d(&AvgPool2d { windows, count_include_pad }, &[1.0; 4], [1, 4])
    };
    assert_eq!(averages(false, true), [0.5, 1.0, 0.5]);
    assert_eq!(averages(false, false), [1.0, 1.0, 1.0]);
    // Beyond the padding, where ceil mode reaches, nothing counts.
    let windows = [Window { stride: 1, ..window(1, 0, false) }, window(3, 0, true)];
    let spec = AvgPool2d { windows, count_include_pad: true };
    assert_eq!(reference::avg_pool2d(&spec, &[1.0, 2.0, 3.0, 4.0], [1, 4]), [2.0, 3.5]);
    assert_eq!([spec.divisor([0, 0], [1, 4]), spec.divisor([0, 1], [1, 4])], [3, 2]);
}
