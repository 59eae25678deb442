use super::{Job, Weights, fits};
use crate::activation::Activation;
use crate::conv2d::{Conv2d, reference};
use crate::every_vector;
use crate::layout::Arena;
use crate::simd::{Best, F32s, Scalar};
use crate::testing::{Ending, Random, Stage, assert_within, elements, largest, sum_tolerance};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `groups` groups of so many inputs and outputs.
fn grouped(groups: usize, [inputs, outputs]: [usize; 2], [kernel, stride, padding]: [usize; 3]) -> Conv2d {
    Conv2d {
        in_channels: groups * inputs,
        out_channels: groups * outputs,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 4],
        dilation: [1; 2],
        groups,
    }
}

fn depthwise(channels: usize, kernel: usize, stride: usize, padding: usize) -> Conv2d {
    grouped(channels, [1, 1], [kernel, stride, padding])
}

/// Everything else about the case is random: how the maps lie, the bias, what follows.
fn check<V: F32s>(random: &mut Random, spec: &Conv2d, [n, h, w]: [usize; 3]) {
    if !fits::<V>(spec) {
        return;
    }
    let channels = spec.out_channels;
    let [oh, ow] = spec.output(h, w).expect("the kernel fits");
    let x = random.floats(n * spec.in_channels * h * w);
    let weight = random.floats(channels * spec.depth());
    let most = largest(&x) * largest(&weight);
    let bias: Vec<f32> = random.floats(channels).iter().map(|b| b * most as f32).collect();
    let activations = [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Silu];
    let activation = activations[random.within(0, 3)];
    let what = (spec, [n, h, w], activation, V::LANES);

    let mut stage = Stage::new();
    let extra: [usize; 4] = random.several(0, 2);
    let beside = if random.coin() { random.several(0, 3) } else { [0; 2] };
    let map =
        stage.map([n, spec.in_channels, h, w], std::array::from_fn(|i| spec.padding[i] + extra[i]), beside);
    stage.zero_around(&map, spec.padding);
    stage.put(&map, &x);
    let beside = if random.coin() { random.several(0, 3) } else { [0; 2] };
    let y = stage.map([n, channels, oh, ow], extra, beside);
    let ending = Ending::random(random, &mut stage, [n, channels, oh, ow], activation);

    let mut weights = Weights::zeros::<V>(spec).expect("memory");
    let first = random.within(0, channels);
    weights.fill(0..first, &weight[..first * spec.depth()]);
    weights.fill(first..channels, &weight[first * spec.depth()..]);
    weights.bias_mut().copy_from_slice(&bias);
    let job = Job { spec, weights: &weights, x: map, y, epilogue: ending.epilogue() };

    let mut want = reference::conv2d(spec, &x, [n, h, w], &weight, Some(&bias));
    let tolerance = sum_tolerance(spec.depth(), largest(&x), largest(&weight));
    let tolerance = ending.finish(&mut want, oh * ow, tolerance);
    // SAFETY: the stage holds the maps with the padding, and its arena has no other user.
    let work = |arena: Arena, chunk| unsafe { job.run::<V>(arena, chunk) };
    let got = stage.run(random, &elements(&y), job.chunks(), work);
    assert_within(&got, &want, |_| tolerance, &what);
}

/// The layers of the zoo with fewer channels or pixels: what the specification can do in time.
fn zoo<V: F32s>() {
    let random = &mut Random::new();
    let cases = [
        (grouped(1, [3, 32], [3, 2, 1]), [1, 29, 30]), // MobileNet V2's first
        (grouped(1, [3, 64], [3, 1, 1]), [1, 12, 11]), // VGG's first
        (depthwise(32, 3, 1, 1), [1, 28, 28]),         // MobileNet V2
        (depthwise(96, 3, 2, 1), [1, 14, 14]),         //
        (depthwise(960, 3, 1, 1), [1, 7, 7]),          //
        (depthwise(144, 5, 2, 2), [1, 14, 14]),        // EfficientNet
        (depthwise(240, 5, 1, 2), [2, 7, 7]),          //
        (depthwise(96, 7, 1, 3), [1, 14, 14]),         // ConvNeXt
        (depthwise(42, 7, 2, 3), [1, 21, 21]),         // NASNet
        (depthwise(728, 3, 1, 1), [1, 5, 5]),          // Xception
        (grouped(32, [4, 4], [3, 1, 1]), [1, 14, 14]), // ResNeXt 32x4d
        (grouped(16, [8, 8], [3, 2, 1]), [1, 14, 14]), // RegNet
    ];
    cases.iter().for_each(|(spec, size)| check::<V>(random, spec, *size));
}

#[test]
fn layers_of_the_zoo() {
    every_vector!(zoo);
}

fn edges<V: F32s>() {
    let random = &mut Random::new();
    // Around the tiles of 7 and 4 pixels, and around vectors and lines of channels.
    for w in 1..=24 {
        for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (2, 3)] {
            let [h, w] = [3, (w - 1) * stride + 1];
            let channels = random.within(8, 20);
            check::<V>(random, &depthwise(channels, kernel, stride, kernel / 2), [1, h, w]);
        }
    }
    for channels in (1..=35).chain(47..=49) {
        check::<V>(random, &depthwise(channels, 3, 1, 1), [1, 5, 9]);
    }
    for groups in 1..=9 {
        check::<V>(random, &grouped(groups, [4, 4], [3, 1, 1]), [1, 5, 9]);
        check::<V>(random, &grouped(groups, [groups, 8], [3, 2, 1]), [1, 5, 9]);
    }
    // Every way to cut the columns of a kernel, and its heights.
    for kernel in 1..=9 {
        for stride in 1..=3 {
            check::<V>(random, &depthwise(19, kernel, stride, kernel / 2), [2, 10, 11]);
            check::<V>(random, &grouped(3, [2, 8], [kernel, stride, kernel / 2]), [2, 10, 11]);
        }
    }
}

#[test]
fn around_tiles_vectors_and_columns() {
    every_vector!(edges);
}

/// Depthwise and narrow groups where tiles, vectors and strips all leave something over: few enough for Miri.
#[test]
fn smallest() {
    let random = &mut Random::new();
    // Tall windows, whose rows make several strips of a narrow map.
    let mut tall = depthwise(34, 25, 1, 12);
    (tall.kernel, tall.padding) = ([25, 1], [12, 0, 12, 0]);
    for (spec, size) in [
        (tall, [1, 1, 15]),
        (depthwise(6, 3, 1, 1), [1, 3, 11]),
        (depthwise(5, 5, 2, 2), [2, 4, 9]),
        (depthwise(3, 3, 3, 1), [1, 4, 6]),
        (grouped(2, [3, 4], [3, 1, 1]), [1, 3, 8]),
        (grouped(1, [3, 8], [3, 2, 1]), [1, 5, 9]),
    ] {
        check::<Best>(random, &spec, size);
    }
}

fn random_shapes<V: F32s>() {
    let random = &mut Random::new();
    let mut checked = 0;
    while checked < 200 {
        let (groups, inputs) = (random.within(1, 20), random.within(1, 5));
        let channels = match random.coin() {
            true => grouped(2 * groups, [1, 1], [1, 1, 0]),
            false => grouped(groups, [inputs, random.within(1, 3) * V::LANES], [1, 1, 0]),
        };
        let spec = Conv2d {
            kernel: random.several(1, 6),
            stride: random.several(1, 3),
            padding: random.several(0, 3),
            dilation: if random.coin() { [1; 2] } else { random.several(1, 3) },
            ..channels
        };
        let size = [random.within(1, 3), random.within(1, 16), random.within(1, 16)];
        if spec.output(size[1], size[2]).is_some() {
            check::<V>(random, &spec, size);
            checked += 1;
        }
    }
}

#[test]
fn at_random() {
    every_vector!(random_shapes);
}

#[test]
fn what_fits() {
    let nine = depthwise(9, 3, 1, 1);
    assert!(fits::<Scalar<1>>(&nine) && fits::<Scalar<8>>(&nine));
    assert!(!fits::<Scalar<1>>(&Conv2d { groups: 1, ..nine }));
    // A vector of outputs must not reach into the next group; wide groups fill conv2d's panels.
    let four = |width| grouped(4, [width; 2], [3, 1, 1]);
    assert!(fits::<Scalar<4>>(&four(4)) && fits::<Scalar<4>>(&four(12)) && fits::<Scalar<8>>(&four(8)));
    assert!(!fits::<Scalar<8>>(&four(4)) && !fits::<Scalar<4>>(&four(6)) && !fits::<Scalar<4>>(&four(16)));
    // What reads an image.
    let image = |outputs, kernel| grouped(1, [3, outputs], [kernel, 2, 0]);
    assert!(fits::<Scalar<4>>(&image(32, 3)));
    assert!(!fits::<Scalar<4>>(&image(32, 7)) && !fits::<Scalar<4>>(&image(30, 3)));
}
