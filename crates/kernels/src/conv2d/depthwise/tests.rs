use super::{Job, Weights, fits};
use crate::activation::Activation;
use crate::conv2d::{Conv2d, reference};
use crate::every_vector;
use crate::layout::{Arena, Layout};
use crate::simd::F32s;
use crate::testing::{Ending, Random, Stage, assert_within, elements, largest, sum_tolerance};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn depthwise(channels: usize, kernel: usize, stride: usize, padding: usize) -> Conv2d {
    Conv2d {
        in_channels: channels,
        out_channels: channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 4],
        dilation: [1; 2],
        groups: channels,
    }
}

/// Everything else about the case is random: how the maps lie, the bias, what follows.
fn check<V: F32s>(random: &mut Random, spec: &Conv2d, [n, h, w]: [usize; 3]) {
    assert!(fits(spec));
    let channels = spec.in_channels;
    let [oh, ow] = spec.output(h, w).expect("the kernel fits");
    let x = random.floats(n * channels * h * w);
    let weight = random.floats(channels * spec.depth());
    let most = largest(&x) * largest(&weight);
    let bias: Vec<f32> = random.floats(channels).iter().map(|b| b * most as f32).collect();
    let activations = [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Silu];
    let activation = activations[random.within(0, 3)];
    let what = (spec, [n, h, w], activation, V::LANES);

    let mut stage = Stage::new();
    let extra: [usize; 4] = random.several(0, 2);
    let beside = if random.coin() { random.several(0, 3) } else { [0; 2] };
    let map = stage.map([n, channels, h, w], std::array::from_fn(|i| spec.padding[i] + extra[i]), beside);
    stage.zero_around(&map, spec.padding);
    stage.put(&map, &x);
    let beside = if random.coin() { random.several(0, 3) } else { [0; 2] };
    let y = stage.map([n, channels, oh, ow], extra, beside);
    let ending = Ending::random(random, &mut stage, [n, channels, oh, ow], activation);

    let mut weights = Weights::zeros(spec).expect("memory");
    let first = random.within(0, channels);
    weights.fill(0..first, &weight[..first * spec.depth()]);
    weights.fill(first..channels, &weight[first * spec.depth()..]);
    weights.bias_mut().copy_from_slice(&bias);
    let mut job = Job { spec, weights: &weights, x: map, y, epilogue: ending.epilogue(), sums: None };
    let mut places = elements(&y);
    if random.coin() {
        let bands = job.bands();
        let sums = Layout::dense(n, bands, 1, channels, stage.room(n * bands * channels));
        places.extend(elements(&sums));
        job.sums = Some(sums);
    }

    let mut want = reference::conv2d(spec, &x, [n, h, w], &weight, Some(&bias));
    let tolerance = sum_tolerance(spec.depth(), largest(&x), largest(&weight));
    let tolerance = ending.finish(&mut want, oh * ow, tolerance);
    // SAFETY: the stage holds the maps with the padding, and its arena has no other user.
    let work = |arena: Arena, chunk| unsafe { job.run::<V>(arena, chunk) };
    let got = stage.run(random, &places, job.chunks(), work);
    let (got, sums) = got.split_at(want.len());
    assert_within(got, &want, |_| tolerance, &what);

    // A channel's bands together are the sum of what was stored; each of the additions rounds at most the sum of all.
    let bands = sums.len() / (n * channels);
    let together = |numbers: &[f32]| numbers.iter().map(|&x| x as f64).sum::<f64>();
    for (got, sums) in got.chunks_exact(oh * ow).zip(sums.chunks_exact(bands.max(1))) {
        let all: f64 = got.iter().map(|x| x.abs() as f64).sum();
        let tolerance = (oh * ow) as f64 * f32::EPSILON as f64 * all;
        assert!((together(got) - together(sums)).abs() <= tolerance, "{what:?}: a sum");
    }
}

/// The layers of the zoo with fewer channels or pixels: what the specification can do in time.
fn zoo<V: F32s>() {
    let random = &mut Random::new();
    let cases = [
        (depthwise(32, 3, 1, 1), [1, 28, 28]),  // MobileNet V2
        (depthwise(96, 3, 2, 1), [1, 14, 14]),  //
        (depthwise(960, 3, 1, 1), [1, 7, 7]),   //
        (depthwise(144, 5, 2, 2), [1, 14, 14]), // EfficientNet
        (depthwise(240, 5, 1, 2), [2, 7, 7]),   //
        (depthwise(96, 7, 1, 3), [1, 14, 14]),  // ConvNeXt
        (depthwise(42, 7, 2, 3), [1, 21, 21]),  // NASNet
        (depthwise(728, 3, 1, 1), [1, 5, 5]),   // Xception
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
    // Every way to cut the columns of a kernel, and its heights.
    for kernel in 1..=9 {
        for stride in 1..=3 {
            check::<V>(random, &depthwise(19, kernel, stride, kernel / 2), [2, 10, 11]);
        }
    }
}

#[test]
fn around_tiles_vectors_and_columns() {
    every_vector!(edges);
}

fn random_shapes<V: F32s>() {
    let random = &mut Random::new();
    let mut checked = 0;
    while checked < 200 {
        let channels = random.within(1, 40);
        let spec = Conv2d {
            kernel: random.several(1, 6),
            stride: random.several(1, 3),
            padding: random.several(0, 3),
            dilation: if random.coin() { [1; 2] } else { random.several(1, 3) },
            ..depthwise(channels, 1, 1, 0)
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
fn a_convolution_that_mixes_channels_does_not_fit() {
    let spec = depthwise(8, 3, 1, 1);
    assert!(fits(&spec));
    assert!(!fits(&Conv2d { groups: 4, ..spec.clone() }));
    assert!(!fits(&Conv2d { out_channels: 16, ..spec }));
}
