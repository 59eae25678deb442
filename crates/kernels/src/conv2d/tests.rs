use super::{Before, Conv2d, Job, Scaling, fill, reference, set_bias, zeros};
use crate::activation::Activation;
use crate::epilogue::Affine;
use crate::every_vector;
use crate::linear::{self, Linear};
use crate::simd::{Best, F32s};
use crate::storage::Storage;
use crate::testing::{
    Ending, POISON, Random, STORAGES, Stage, assert_within, elements, kept, largest, sum_tolerance,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A convolution over [n, h, w], and how the maps lie: the halo that is there beyond the padding, and the channels of a
/// wider map before and behind.
#[derive(Clone, Debug)]
struct Case {
    spec: Conv2d,
    size: [usize; 3],
    extra: [usize; 4],
    x_beside: [usize; 2],
    y_beside: [usize; 2],
    bias: bool,
    activation: Activation,
    /// Whether an affine and a summand may follow.
    ending: bool,
    /// Whether the input is scaled while it is read.
    before: bool,
}

/// Square kernel, stride and padding; maps without gaps.
fn square(channels: [usize; 2], [kernel, stride, padding]: [usize; 3], size: [usize; 3]) -> Case {
    let [in_channels, out_channels] = channels;
    let spec = Conv2d {
        in_channels,
        out_channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 4],
        dilation: [1; 2],
        groups: 1,
    };
    let activation = Activation::Identity;
    Case {
        spec,
        size,
        extra: [0; 4],
        x_beside: [0; 2],
        y_beside: [0; 2],
        bias: true,
        activation,
        ending: false,
        before: false,
    }
}

fn check<V: F32s>(random: &mut Random, case: &Case) {
    STORAGES.iter().for_each(|&storage| check_kept::<V>(random, case, storage));
}

fn check_kept<V: F32s>(random: &mut Random, case: &Case, storage: Storage) {
    let Case { spec, size: [n, h, w], .. } = case;
    let x = random.floats(n * spec.in_channels * h * w);
    let given = random.floats(spec.out_channels * spec.depth());
    let weight = kept(storage, spec.depth(), &given);
    // The bias is one product more, so it must not be larger than one.
    let most = largest(&x) * largest(&weight);
    let bias: Vec<f32> = random.floats(spec.out_channels).iter().map(|b| b * most as f32).collect();
    let bias = case.bias.then_some(&bias[..]);
    let mut preparing = Preparing::none();
    if case.before {
        preparing = Preparing::random(random, *n, spec.in_channels);
    }
    let prepared = preparing.apply(&x, h * w);
    let mut want = reference::conv2d(spec, &prepared, [*n, *h, *w], &weight, bias);

    let [oh, ow] = spec.output(*h, *w).expect("the kernel fits");
    let mut stage = Stage::new();
    let halo = std::array::from_fn(|i| spec.padding[i] + case.extra[i]);
    let map = stage.map([*n, spec.in_channels, *h, *w], halo, case.x_beside);
    stage.zero_around(&map, spec.padding);
    stage.put(&map, &x);
    let y = stage.map([*n, spec.out_channels, oh, ow], case.extra, case.y_beside);
    let pack = |storage, weight: &[f32], first| {
        let mut panels = zeros::<V>(spec, storage).expect("memory");
        // The weights may come in pieces.
        let (front, back) = weight.split_at(first * spec.depth());
        fill(spec, &mut panels, 0..first, front);
        fill(spec, &mut panels, first..spec.out_channels, back);
        bias.iter().for_each(|bias| set_bias(&mut panels, bias));
        panels
    };
    let panels = pack(storage, &given, random.within(0, spec.out_channels));
    let wide = pack(Storage::Float32, &weight, 0);
    let ending = match case.ending {
        true => Ending::random(random, &mut stage, [*n, spec.out_channels, oh, ow], case.activation),
        false => Ending::plain(case.activation),
    };
    let before = preparing.before(&mut stage);
    let job = |panels, height| Job { spec, panels, x: map, y, before, epilogue: ending.epilogue(), height };
    let (places, chunks) = (elements(&y), job(&panels[..], 4).chunks());
    // Preparing rounds once, or twice where there is no fused multiply-add, at numbers of at most 2.
    let prepared_badly = spec.depth() as f64 * 4.0 * f32::EPSILON as f64 * largest(&weight);
    let tolerance = sum_tolerance(spec.depth(), largest(&prepared), largest(&weight)) + prepared_badly;
    let tolerance = ending.finish(&mut want, oh * ow, tolerance);
    let mut run = |panels, height| {
        let job = job(panels, height);
        stage.run(random, &places, chunks, |arena, chunk| {
            let mut scratch = vec![POISON; job.scratch()];
            // SAFETY: the stage holds both maps with the padding, and its arena has no other user.
            unsafe { job.run::<V>(arena, &mut scratch, chunk) }
        })
    };
    let results = [1, 3, 4, 6].map(|height| run(&panels[..], height));
    for (got, height) in results.iter().zip([1, 3, 4, 6]) {
        assert_within(got, &want, |_| tolerance, &(case, V::LANES, height, storage));
    }
    // What is kept narrow is only rounded.
    let bits = storage == Storage::Float32 || results[0] == run(&wide[..], 4);
    assert!(bits, "{case:?}, {storage:?}: other bits");
    // A pixel's products are summed in one order, whatever tile it falls into.
    assert!(results.iter().all(|got| *got == results[0]), "{case:?}: the tile's height changes the bits");
    // Nor do the wider panels of the linear layer that the convolution may once have been change any.
    if spec.groups == 1 {
        let linear = Linear { in_features: spec.depth(), out_features: spec.out_channels };
        let mut wide = [linear::zeros::<V>(&linear, storage).expect("memory")];
        linear::fill(&mut wide[0], spec.in_channels, 0..spec.out_channels, &given);
        bias.iter().for_each(|bias| set_bias(&mut wide, bias));
        let job = job(&wide[..], 6);
        let got = stage.run(random, &places, job.chunks(), |arena, chunk| {
            let mut scratch = vec![POISON; job.scratch()];
            // SAFETY: as above.
            unsafe { job.run::<V>(arena, &mut scratch, chunk) }
        });
        assert!(got == results[0], "{case:?}: the width of panels changes the bits");
    }
}

/// The layers of the zoo with fewer channels or pixels: what the specification can do in time.
fn zoo<V: F32s>() {
    let random = &mut Random::new();
    let cases = [
        square([1, 6], [5, 1, 2], [2, 28, 28]),   // LeNet-5
        square([6, 16], [5, 1, 0], [1, 14, 14]),  //
        square([16, 120], [5, 1, 0], [3, 5, 5]),  //
        square([3, 16], [11, 4, 2], [1, 63, 67]), // AlexNet
        square([16, 24], [5, 1, 2], [1, 15, 13]), //
        square([192, 17], [3, 1, 1], [2, 3, 3]),  //
        square([256, 9], [6, 1, 0], [1, 7, 8]),   // AlexNet's first linear layer, convolutionized
        square([3, 24], [7, 2, 0], [1, 41, 39]),  // SqueezeNet 1.0
        square([3, 16], [3, 2, 0], [1, 41, 39]),  // SqueezeNet 1.1
        square([64, 16], [1, 1, 0], [1, 13, 13]), // a Fire module's squeeze
        square([512, 20], [1, 1, 0], [1, 5, 4]),  // SqueezeNet's classifier
        square([3, 20], [7, 2, 3], [1, 32, 35]),  // ResNet
    ];
    for case in cases {
        check::<V>(random, &Case { activation: Activation::Relu, ..case });
    }
    // A Fire module's expansions, each in its half of the joined map, which a padded convolution reads next.
    for (kernel, y_beside) in [(1, [0, 20]), (3, [20, 0])] {
        let case = square([16, 20], [kernel, 1, kernel / 2], [1, 14, 14]);
        check::<V>(random, &Case { y_beside, extra: [1; 4], ..case });
    }
}

#[test]
fn layers_of_the_zoo() {
    every_vector!(zoo);
}

fn pixels<V: F32s>() {
    let random = &mut Random::new();
    // Around every multiple of each tile height, and around one and two blocks of 96.
    for pixels in (1..=20).chain(90..=104).chain(185..=2 * 96 + 1) {
        check::<V>(random, &square([3, 5], [1, 1, 0], [1, 1, pixels]));
        check::<V>(random, &square([2, 3], [3, 1, 1], [1, pixels, 1]));
    }
    for n in [2, 47, 48, 49, 97] {
        check::<V>(random, &square([3, 5], [2, 1, 0], [n, 2, 3]));
    }
}

#[test]
fn pixels_around_tiles_and_blocks() {
    every_vector!(pixels);
}

fn channels<V: F32s>() {
    let random = &mut Random::new();
    for out in 1..=33 {
        let case = square([3, out], [2, 1, 0], [1, 3, 4]);
        check::<V>(random, &Case { y_beside: [out % 3, out % 2], ..case });
    }
    for input in 1..=18 {
        let case = square([input, 5], [3, 2, 1], [1, 4, 5]);
        check::<V>(random, &Case { x_beside: [input % 3, input % 2], ..case });
    }
    // Enough panels and work that they are cut into ranges.
    check::<V>(random, &square([160, 200], [3, 1, 1], [1, 4, 4]));
}

#[test]
fn channels_around_panels() {
    every_vector!(channels);
}

fn strange<V: F32s>() {
    let random = &mut Random::new();
    let plain = square([4, 6], [3, 1, 0], [2, 7, 6]);
    let with = |change: &dyn Fn(&mut Conv2d)| {
        let mut case = plain.clone();
        change(&mut case.spec);
        case
    };
    let cases = [
        with(&|s| s.padding = [0, 1, 2, 3]),
        with(&|s| s.padding = [3, 0, 0, 4]), // a whole window of padding
        with(&|s| (s.stride, s.padding) = ([2, 3], [0, 0, 1, 1])), // TensorFlow's SAME
        with(&|s| s.stride = [5, 9]),
        with(&|s| (s.dilation, s.padding) = ([2, 3], [2, 3, 2, 3])),
        with(&|s| (s.kernel, s.padding) = ([1, 5], [0, 2, 0, 2])),
        with(&|s| (s.kernel, s.dilation) = ([4, 1], [2, 7])),
        with(&|s| s.groups = 2),
        with(&|s| (s.groups, s.out_channels, s.padding) = (4, 4, [1; 4])), // depthwise
        with(&|s| (s.groups, s.out_channels, s.dilation) = (4, 12, [2, 2])), // depthwise, times 3
    ];
    for case in cases {
        check::<V>(random, &case);
        check::<V>(
            random,
            &Case { x_beside: [2, 1], y_beside: [1, 3], extra: [1, 2, 0, 1], bias: false, ..case },
        );
    }
    // AlexNet's as first published, and a depthwise layer as wide as a panel.
    let mut grouped = square([24, 20], [5, 1, 2], [1, 6, 6]);
    grouped.spec.groups = 2;
    check::<V>(random, &grouped);
    let mut depthwise = square([17, 17], [3, 2, 1], [1, 9, 9]);
    depthwise.spec.groups = 17;
    check::<V>(random, &depthwise);
}

#[test]
fn strides_paddings_dilations_and_groups() {
    every_vector!(strange);
}

/// Panels, tiles, runs of taps and groups that all leave something over, with all that may stand before and behind: few enough
/// for Miri.
#[test]
fn smallest() {
    let random = &mut Random::new();
    let all = |case: Case| Case { ending: true, x_beside: [1, 2], y_beside: [2, 1], ..case };
    let dense = square([3, 11], [3, 1, 1], [1, 3, 3]);
    let mut strange = square([2, 3], [2, 2, 1], [2, 3, 4]);
    (strange.spec.dilation, strange.extra, strange.activation) = ([1, 2], [1, 0, 2, 1], Activation::Silu);
    let mut groups = square([6, 10], [3, 1, 1], [1, 3, 2]);
    groups.spec.groups = 2;
    let scaled = Case { before: true, ..square([5, 9], [1, 1, 0], [2, 2, 4]) };
    for case in [dense, all(strange), all(groups), all(scaled)] {
        check::<Best>(random, &case);
    }
}

fn random_shapes<V: F32s>() {
    let random = &mut Random::new();
    let mut checked = 0;
    while checked < 200 {
        let groups = if random.coin() { 1 } else { random.within(1, 4) };
        let [input, output] = random.several(1, 7);
        let spec = Conv2d {
            in_channels: groups * input,
            out_channels: groups * output,
            kernel: random.several(1, 4),
            stride: random.several(1, 3),
            padding: random.several(0, 3),
            dilation: random.several(1, 3),
            groups,
        };
        let size = [random.within(1, 3), random.within(1, 12), random.within(1, 12)];
        if spec.output(size[1], size[2]).is_none() {
            continue;
        }
        let case = Case {
            spec,
            size,
            extra: random.several(0, 2),
            x_beside: random.several(0, 3),
            y_beside: random.several(0, 3),
            bias: random.coin(),
            activation: if random.coin() { Activation::Relu } else { Activation::Identity },
            ending: true,
            before: false,
        };
        check::<V>(random, &case);
        checked += 1;
    }
}

#[test]
fn at_random() {
    every_vector!(random_shapes);
}

#[test]
fn where_the_kernel_does_not_fit_there_is_no_output() {
    let spec = square([1, 1], [5, 1, 1], [1, 3, 3]).spec;
    assert_eq!(spec.output(3, 3), Some([1, 1]));
    assert_eq!(spec.output(2, 3), None);
    assert_eq!(spec.output(3, 2), None);
}

/// What a convolution does to its input first, with its numbers.
struct Preparing {
    scale: Vec<f32>,
    shift: Vec<f32>,
    affine: Option<Affine>,
    images: usize,
    activation: Activation,
}

impl Preparing {
    fn none() -> Self {
        Preparing { scale: vec![], shift: vec![], affine: None, images: 0, activation: Activation::Identity }
    }

    /// An affine for all images, or a scale for each.
    fn random(random: &mut Random, images: usize, channels: usize) -> Self {
        let activation = if random.coin() { Activation::Relu } else { Activation::Identity };
        if random.coin() {
            let (scale, shift) = (random.floats(channels), random.floats(channels));
            let affine = Affine::new(channels, |c| (scale[c], shift[c]));
            return Preparing { scale, shift, affine, images, activation };
        }
        let scale = random.floats(images * channels);
        Preparing { shift: vec![0.0; scale.len()], scale, affine: None, images, activation }
    }

    fn apply(&self, x: &[f32], pixels: usize) -> Vec<f32> {
        let (least, most) = self.activation.bounds();
        let prepare = |(i, &x): (usize, &f32)| match self.scale.len() {
            0 => x,
            len => {
                let c = i / pixels % len;
                (x as f64 * self.scale[c] as f64 + self.shift[c] as f64).clamp(least as f64, most as f64)
                    as f32
            }
        };
        x.iter().enumerate().map(prepare).collect()
    }

    fn before<'a>(&'a self, stage: &mut Stage) -> Option<Before<'a>> {
        let scaling = match &self.affine {
            _ if self.scale.is_empty() => return None,
            Some(affine) => Scaling::Affine(affine),
            None => {
                let map = stage.map([self.images, self.scale.len() / self.images, 1, 1], [0; 4], [1, 2]);
                stage.put(&map, &self.scale);
                Scaling::Map(map)
            }
        };
        Some(Before { scaling, activation: self.activation })
    }
}

fn prepared<V: F32s>() {
    let random = &mut Random::new();
    for _ in 0..60 {
        let channels = random.several(1, 40);
        let stride = random.within(1, 2);
        let case = square(
            channels,
            [1, stride, 0],
            [random.within(1, 3), random.within(1, 12), random.within(1, 12)],
        );
        let x_beside = random.several(0, 3);
        check::<V>(random, &Case { before: true, ending: true, x_beside, ..case });
    }
}

#[test]
fn inputs_that_are_scaled() {
    every_vector!(prepared);
}
