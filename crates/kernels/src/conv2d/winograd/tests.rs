mod smallest;

use super::points::{self, Points};
use super::{Job, Tile, Winograd, choice, phases, transform};
use crate::activation::Activation;
use crate::conv2d::{Conv2d, reference};
use crate::every_vector;
use crate::layout::{Arena, Floats, Layout};
use crate::simd::{F32s, Scalar};
use crate::testing::{Ending, Random, Stage, assert_within, elements, largest};
use std::sync::OnceLock;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A tile, with its kernel and stride.
type Kind = ([usize; 2], [usize; 2], [usize; 2]);

/// Every tile.
const TILES: [Kind; 9] = [
    ([2, 2], [3, 3], [1, 1]),
    ([4, 4], [3, 3], [1, 1]),
    ([4, 6], [3, 3], [1, 1]),
    ([4, 4], [5, 5], [1, 1]),
    ([5, 5], [4, 4], [1, 1]),
    ([1, 4], [1, 3], [1, 1]),
    ([4, 1], [3, 1], [1, 1]),
    ([1, 2], [1, 7], [1, 1]),
    ([2, 1], [7, 1], [1, 1]),
];

/// Strides: the stems of ResNet, AlexNet and others, and each axis by itself.
const STRIDED: [Kind; 5] = [
    ([5, 5], [7, 7], [2, 2]),
    ([4, 4], [11, 11], [4, 4]),
    ([2, 2], [6, 9], [2, 3]),
    ([4, 6], [3, 5], [1, 2]),
    ([4, 1], [9, 3], [3, 4]),
];

fn kinds() -> impl Iterator<Item = Kind> {
    TILES.into_iter().chain(STRIDED)
}

#[derive(Clone, Debug)]
struct Case {
    spec: Conv2d,
    tile: Tile,
    size: [usize; 3],
    x_beside: [usize; 2],
    y_beside: [usize; 2],
    activation: Activation,
    ending: bool,
}

/// A convolution that keeps the size of its map, but for its stride.
fn same((tile, kernel, stride): Kind, [in_channels, out_channels]: [usize; 2], size: [usize; 3]) -> Case {
    let [top, left] = kernel.map(|k| k / 2);
    let spec = Conv2d {
        in_channels,
        out_channels,
        kernel,
        stride,
        padding: [top, left, top, left],
        dilation: [1; 2],
        groups: 1,
    };
    Case {
        spec,
        tile: Tile(tile),
        size,
        x_beside: [0; 2],
        y_beside: [0; 2],
        activation: Activation::Relu,
        ending: false,
    }
}

fn identity(a: usize, i: usize) -> [Scalar<1>; 8] {
    std::array::from_fn(|j| Scalar::splat(if i == j && i < a { 1.0 } else { 0.0 }))
}

fn number(v: Scalar<1>) -> f64 {
    let mut float = 0.0;
    // SAFETY: one lane, one float.
    unsafe { v.store(&mut float) };
    float as f64
}

/// The matrices of a tile along one axis, from its transforms: inputs' rows, weights' rows, outputs' rows.
fn matrices<const A: usize, const M: usize>() -> [Vec<Vec<f64>>; 3] {
    let factors = Points::new(A).factors.splat();
    let columns = |f: &dyn Fn([Scalar<1>; A]) -> Vec<f64>| -> Vec<Vec<f64>> {
        let columns: Vec<_> = (0..A).map(|i| f(std::array::from_fn(|j| identity(A, i)[j]))).collect();
        (0..columns[0].len()).map(|row| columns.iter().map(|c| c[row]).collect()).collect()
    };
    [
        columns(&|d| transform::input::<_, A>(&factors, d).map(number).to_vec()),
        points::weights(A, A + 1 - M),
        columns(&|m| transform::output::<_, A, M>(&factors, m).map(number).to_vec()),
    ]
}

fn of_tile(outputs: usize, kernel: usize) -> [Vec<Vec<f64>>; 3] {
    match (outputs, kernel) {
        (1, 1) => matrices::<1, 1>(),
        (2, 3) => matrices::<4, 2>(),
        (4, 3) => matrices::<6, 4>(),
        (6, 3) => matrices::<8, 6>(),
        (4, 5) => matrices::<8, 4>(),
        (5, 4) => matrices::<8, 5>(),
        (2, 7) => matrices::<8, 2>(),
        other => panic!("no tile {other:?}"),
    }
}

/// How much larger than its numbers the products that make up an output are, along one axis. A position's rounding errors
/// are many independent ones, so lengths (roots of summed squares) count.
fn growth(outputs: usize, kernel: usize) -> f64 {
    let [inputs, weights, outputs] = of_tile(outputs, kernel);
    let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
    let of = |row: &Vec<f64>| {
        let terms = row.iter().enumerate().map(|(j, a)| a * length(&weights[j]) * length(&inputs[j]));
        length(&terms.collect::<Vec<_>>())
    };
    outputs.iter().map(of).fold(0.0, f64::max)
}

/// A product's share of roundings of half an epsilon besides its sum's: 6 along each axis, there and back, and 3 for
/// weight, product and bias, together 27. A sum's tolerance is four of them for each number.
const ROUNDINGS: usize = 7;
/// The same of weights that a run transforms: 6 along each axis, 3 of their factors and 3 in sums.
const PLAIN: usize = 3;

/// A sum of products over the input channels, as in `sum_tolerance`, each product as large as the transforms make it.
fn tolerance(case: &Case, plain: bool, a: f64, b: f64) -> f64 {
    let unit = phases::unit(&case.spec);
    let growth: f64 = (0..2).map(|axis| growth(case.tile.0[axis], unit.kernel[axis])).product();
    let roundings = ROUNDINGS + if plain { PLAIN } else { 0 };
    2.0 * f32::EPSILON as f64 * (unit.in_channels + roundings) as f64 * growth * a * b
}

/// A case with its numbers and what the specification makes of them, which takes longer than to check every vector type
/// against it.
struct Prepared {
    case: Case,
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    want: Vec<f64>,
}

fn prepare(random: &mut Random, case: Case) -> Prepared {
    let Case { spec, size: [n, h, w], .. } = &case;
    let x = random.floats(n * spec.in_channels * h * w);
    let weight = random.floats(spec.out_channels * spec.depth());
    let bias = random.floats(spec.out_channels);
    let want = reference::conv2d(spec, &x, [*n, *h, *w], &weight, Some(&bias));
    Prepared { case, x, weight, bias, want }
}

/// Checks one vector type against cases that are prepared once for all of them.
fn check_all<V: F32s>(cases: &OnceLock<Vec<Prepared>>, make: impl Fn(&mut Random) -> Vec<Case>) {
    let random = &mut Random::new();
    let prepare_all = || {
        let cases = make(random);
        cases.into_iter().map(|case| prepare(random, case)).collect()
    };
    let cases = cases.get_or_init(prepare_all);
    cases.iter().for_each(|case| check::<V>(random, case));
}

/// Both with weights that are transformed at once and, where there are such, with plain ones.
fn check<V: F32s>(random: &mut Random, prepared: &Prepared) {
    check_kept::<V>(random, prepared, false);
    if phases::unit(&prepared.case.spec).kernel == [3, 3] {
        check_kept::<V>(random, prepared, true);
    }
}

fn check_kept<V: F32s>(random: &mut Random, prepared: &Prepared, plain: bool) {
    let Prepared { case, x, weight, bias, want } = prepared;
    let Case { spec, size: [n, h, w], .. } = case;
    let [oh, ow] = spec.output(*h, *w).expect("the kernel fits");
    let mut stage = Stage::new();
    // Nothing but poison lies around the map: the padding is not read.
    let map = stage.map([*n, spec.in_channels, *h, *w], [0; 4], case.x_beside);
    stage.put(&map, x);
    let y = stage.map([*n, spec.out_channels, oh, ow], random.several(0, 2), case.y_beside);
    let mut packed = Winograd::kept::<V>(spec, case.tile, plain).expect("memory");
    let some = random.within(0, spec.out_channels);
    packed.fill(0..some, &weight[..some * spec.depth()]);
    packed.fill(some..spec.out_channels, &weight[some * spec.depth()..]);
    packed.bias_mut().copy_from_slice(bias);
    let ending = match case.ending {
        true => Ending::random(random, &mut stage, [*n, spec.out_channels, oh, ow], case.activation),
        false => Ending::plain(case.activation),
    };
    let mut job = Job { spec, packed: &packed, x: map, y, epilogue: ending.epilogue(), temp: 0, height: 4 };
    job.temp = stage.room(job.temp_floats());
    let scratch = || {
        let mut scratch = Floats::zeros(job.scratch()).expect("memory");
        scratch.fill(crate::testing::POISON);
        scratch
    };
    // What lies between the stages is an output of the first and in no order that a test need know.
    let between: Vec<usize> = (job.temp..job.temp + job.temp_floats()).collect();
    let run = |stage: usize, arena: Arena, chunk: usize| {
        // SAFETY: the stage holds the maps and the room, and its arena has no other user.
        unsafe { job.run::<V>(stage, arena, &mut scratch(), chunk) }
    };
    if job.stages() == 2 {
        let chunks = job.chunks(0);
        let numbers = stage.run(random, &between, chunks, |arena, chunk| run(0, arena, chunk));
        stage.put(&Layout::dense(1, 1, numbers.len(), 1, job.temp), &numbers);
    }
    let last = job.stages() - 1;
    let got = stage.run(random, &elements(&y), job.chunks(last), |arena, chunk| run(last, arena, chunk));
    let taller = Job { height: 6, ..job };
    // SAFETY: as above.
    let run = |arena: Arena, chunk: usize| unsafe { taller.run::<V>(last, arena, &mut scratch(), chunk) };
    let same = stage.run(random, &elements(&y), job.chunks(last), run);
    let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(&got) == bits(&same), "{case:?}: the height of the inner loop changes the bits");
    let tolerance = tolerance(case, plain, largest(x), largest(weight));
    let mut want = want.clone();
    let tolerance = ending.finish(&mut want, oh * ow, tolerance);
    assert_within(&got, &want, |_| tolerance, &(case, V::LANES));
}

/// The layers of the zoo with fewer channels or pixels: what the specification can do in time.
fn zoo<V: F32s>() {
    static CASES: OnceLock<Vec<Prepared>> = OnceLock::new();
    check_all::<V>(&CASES, |_| {
        let of_tile = |tile| {
            [
                same(tile, [64, 12], [1, 28, 28]),
                same(tile, [128, 32], [1, 14, 14]), // DenseNet's
                same(tile, [96, 20], [1, 13, 13]),  // AlexNet's
                same(tile, [512, 8], [1, 7, 7]),    // ResNet's last
                same(tile, [3, 16], [1, 32, 35]),   // VGG's first
                same(tile, [16, 64], [2, 27, 27]),
                // A Fire module's expansion, in its half of the joined map.
                Case { y_beside: [20, 0], x_beside: [4, 8], ..same(tile, [16, 20], [1, 13, 13]) },
            ]
        };
        kinds().flat_map(of_tile).collect()
    });
}

#[test]
fn layers_of_the_zoo() {
    every_vector!(zoo);
}

fn edges<V: F32s>() {
    static CASES: OnceLock<Vec<Prepared>> = OnceLock::new();
    check_all::<V>(&CASES, |_| {
        let mut cases = Vec::new();
        for tile in kinds() {
            for pixels in 1..=26 {
                cases.push(same(tile, [3, 5], [1, pixels, 7]));
                cases.push(same(tile, [2, 3], [1, 2, pixels]));
            }
            for channels in 1..=34 {
                cases.push(same(tile, [channels, 3], [1, 7, 5]));
                cases.push(same(tile, [3, channels], [1, 5, 7]));
            }
            // Tiles around blocks of both schedules, and around the inner loop's.
            for n in [1, 2, 3, 5, 11, 12, 13, 95, 96, 97, 200] {
                cases.push(same(tile, [5, 4], [n, tile.0[0] + 1, 1]));
                cases.push(same(tile, [70, 3], [n, 1, tile.0[1]]));
            }
        }
        cases
    });
}

#[test]
fn sizes_around_tiles_panels_and_blocks() {
    every_vector!(edges);
}

fn random_shapes<V: F32s>() {
    static CASES: OnceLock<Vec<Prepared>> = OnceLock::new();
    check_all::<V>(&CASES, |random| {
        let mut cases = Vec::new();
        while cases.len() < 150 {
            let tile = kinds().nth(random.within(0, TILES.len() + STRIDED.len() - 1)).expect("a kind");
            let [h, w] = random.several(1, 40);
            let most = if h * w > 400 { 20 } else { 70 };
            let mut case = same(tile, random.several(1, most), [random.within(1, 3), h, w]);
            case.spec.padding = random.several(0, 5);
            if case.spec.output(h, w).is_none() {
                continue;
            }
            case.x_beside = random.several(0, 5);
            case.y_beside = random.several(0, 5);
            let activations =
                [Activation::Identity, Activation::Relu6, Activation::Silu, Activation::Hardswish];
            case.activation = activations[random.within(0, 3)];
            case.ending = true;
            cases.push(case);
        }
        cases
    });
}

#[test]
fn at_random() {
    every_vector!(random_shapes);
}

/// Both schedules, with sizes at which each has several chunks.
fn schedules<V: F32s>() {
    let random = &mut Random::new();
    let of = |case: &Case| {
        let packed = Winograd::zeros::<V>(&case.spec, case.tile).expect("memory");
        let [n, h, w] = case.size;
        let x = Layout::dense(n, h, w, case.spec.in_channels, 0);
        let y = Layout { c: case.spec.out_channels, ..x };
        let job =
            Job { spec: &case.spec, packed: &packed, x, y, epilogue: Default::default(), temp: 0, height: 4 };
        // What it tells a planner of batches.
        let [floats, times] = packed.transformed(h, w);
        if floats > 0 {
            assert!(job.stages() == 2 && n * floats <= job.temp_floats());
            assert_eq!(times, case.spec.out_channels.div_ceil(job.range()));
        }
        (job.stages(), job.chunks(0), job.chunks(job.stages() - 1))
    };
    let fused = same(TILES[2], [16, 8], [1, 160, 162]);
    assert!(matches!(of(&fused), (1, 8.., _)), "{:?}", of(&fused));
    let fused = prepare(random, fused);
    check::<V>(random, &fused);
    // Weights in several parts.
    let staged = same(TILES[1], [256, 200], [1, 9, 8]);
    assert!(matches!(of(&staged), (2, 4.., 6..)), "{:?}", of(&staged));
    let far = Winograd::zeros::<V>(&staged.spec, staged.tile).expect("memory").transformed(9, 8);
    assert_eq!(far[0], 36 * 6 * 256);
    let staged = prepare(random, staged);
    check::<V>(random, &staged);
}

#[test]
fn one_stage_and_two() {
    every_vector!(schedules);
}

/// The transform of weights in a run, times the scales of its sums, has the same matrix as the one when they are packed, but for
/// f32's roundings.
#[test]
fn weights_of_runs_and_of_packing() {
    fn check<const A: usize>() {
        let points = Points::new(A);
        for (j, k) in (0..A).flat_map(|j| (0..3).map(move |k| (j, k))) {
            let one = std::array::from_fn(|i| Scalar::<1>::splat(if i == k { 1.0 } else { 0.0 }));
            let want = points::weights(A, 3)[j][k];
            let got =
                number(transform::weights::<_, A>(&points.factors.splat(), one)[j]) * points.scales[j] as f64;
            assert!((got - want).abs() <= 2.0 * f32::EPSILON as f64 * want.abs(), "{A}: {got} for {want}");
        }
    }
    check::<4>();
    check::<6>();
    check::<8>();
}

/// The transforms and the weights' matrix make a convolution of them, exactly but for f64's roundings.
#[test]
fn matrices_convolve() {
    for (outputs, kernel) in [(1, 1), (2, 3), (4, 3), (6, 3), (4, 5), (5, 4), (2, 7)] {
        let [inputs, weights, back] = of_tile(outputs, kernel);
        for (i, back) in back.iter().enumerate() {
            for (k, d) in (0..kernel).flat_map(|k| (0..inputs.len()).map(move |d| (k, d))) {
                let terms = back.iter().zip(&weights).zip(&inputs).map(|((b, w), v)| b * w[k] * v[d]);
                let (sum, want) = (terms.sum::<f64>(), f64::from(d == i + k));
                assert!((sum - want).abs() < 1e-13, "F({outputs}, {kernel}): {sum} at {i}, {k}, {d}");
            }
        }
    }
}

#[test]
fn points_are_exact() {
    assert_eq!(Points::new(8).factors.all, [-1.0, 5.25, -5.25, 1.0]);
    assert_eq!(Points::new(6).factors.all, [81.0 / 64.0, -45.0 / 16.0, 1.0, 0.0]);
    assert_eq!(Points::new(4).factors.all, [-1.0, 1.0, 0.0, 0.0]);
}

#[test]
fn every_tile_is_tested() {
    for kind in kinds() {
        let case = same(kind, [1; 2], [1; 3]);
        assert!(choice::tiles(&case.spec).contains(&case.tile), "{kind:?}");
    }
    let kernels = (1..12).flat_map(|rows| (1..12).map(move |columns| [rows, columns]));
    let tiles = |kernel| choice::tiles(&same(([1; 2], kernel, [1; 2]), [1; 2], [1; 3]).spec).len();
    assert_eq!(kernels.map(tiles).sum::<usize>(), TILES.len());
}
