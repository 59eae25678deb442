//! Cases of products in float16: held to the reference of operands that are rounded as they are, with a bound that counts the
//! roundings, and to the last bits of float32 where none is rounded.

use super::super::pack::kept as stored;
use super::super::tile::TILES;
use super::super::{Algorithm, Job, pack, parts};
use super::cases::{Plain, square, with_tile};
use crate::activation::Activation;
use crate::conv2d::reference;
use crate::gpu::Limits;
use crate::gpu::device::{Case, Scene};
use crate::storage::{Storage, to_float16};
use crate::testing::{Random, STORAGES, kept, largest, sum_tolerance};

/// What the input's numbers are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Numbers {
    /// Whole ones, as the weights are: no sum of a step is rounded.
    Whole,
    Random,
    /// Beyond float16's range, and far below one.
    Large,
    Small,
    /// One beyond the range among others.
    Spike,
}

fn case(random: &mut Random, plain: &Plain, tile: usize, numbers: Numbers) -> Case {
    let Plain { spec, size: [n, h, w], storage, .. } = plain;
    let &[n, h, w] = &[*n, *h, *w];
    let [oh, ow] = spec.output(h, w).expect("a kernel that fits");
    let limits = &Limits { f16: true, ..Limits::default() };
    let mut scene = Scene::default();
    let dims = [n, spec.out_channels, oh, ow];
    let mut x = random.floats(n * spec.in_channels * h * w);
    let mut given = random.floats(spec.out_channels * spec.depth());
    match numbers {
        Numbers::Whole => {
            x.iter_mut().for_each(|x| *x = (*x * 8.0).round());
            given.iter_mut().for_each(|w| *w = (*w * 4.0).round());
        }
        Numbers::Random => {}
        Numbers::Large => x.iter_mut().for_each(|x| *x *= 3e9),
        Numbers::Small => x.iter_mut().for_each(|x| *x *= 1e-5),
        Numbers::Spike => x[random.within(0, n * spec.in_channels * h * w - 1)] = -1e5,
    }
    let bias = random.floats(spec.out_channels);
    let bank = scene.bank();
    let map = scene.map(bank, [n, spec.in_channels, h, w], random.several(0, 2));
    scene.put(&map, &x);
    let bank = scene.bank();
    let y = scene.map(bank, dims, random.several(0, 2));
    let node = scene.node(&parts(spec, Algorithm::Direct, *storage, limits));
    scene.upload(
        node,
        &pack(spec, Algorithm::Direct, *storage, limits, 0..spec.out_channels, &given, Some(&bias)),
    );
    let weight = kept(stored(Algorithm::Direct, *storage, limits), spec.depth(), &given);
    let (epilogue, end) = scene.ending(random, dims, Activation::Relu);
    let job = Job {
        spec,
        algorithm: Algorithm::Direct,
        storage: *storage,
        limits,
        node,
        x: map,
        y,
        before: None,
        epilogue,
        cut: None,
        temps: &[],
    };
    let mut dispatches = job.dispatches(0);
    dispatches.iter_mut().for_each(|dispatch| {
        assert_eq!(dispatch.shader, "conv2d_f16");
        with_tile(dispatch, &TILES[tile]);
    });

    let is_rounded = matches!(numbers, Numbers::Random | Numbers::Spike);
    let read: Vec<f32> = if is_rounded { x.iter().map(|&x| to_float16(x)).collect() } else { x };
    let sums = |read: &[f32], weight: &[f32], bias| reference::conv2d(spec, read, [n, h, w], weight, bias);
    let want: Vec<f64> =
        sums(&read, &weight, Some(&bias)).iter().enumerate().map(|(i, &sum)| end(i, sum)).collect();
    let mut tolerance = sum_tolerance(spec.depth() + 4, largest(&read).max(1.0), largest(&weight).max(1.0));
    if is_rounded {
        // Of a step's K products each is rounded once, and in at most K sums, by at most 2^-11 of what they come to. A tile
        // that is summed from the numbers as they are lacks their rounding.
        let sizes = |numbers: &[f32]| numbers.iter().map(|x| x.abs()).collect::<Vec<_>>();
        let most = sums(&sizes(&read), &sizes(&weight), None).into_iter().fold(0.0, f64::max);
        let roundings = (4 * TILES[tile].depth + 2) as f64;
        // What is subnormal is rounded to multiples of 2^-24, of weights that are scaled by at most 2^-6 of a sum of 32.
        let subnormal = spec.depth() as f64 * 2.0f64.powi(-18) * largest(&weight).max(1.0);
        tolerance += most * ((1.0 + 2.0f64.powi(-11)).powf(roundings) - 1.0) + subnormal;
    }
    let most = want.iter().fold(0.0f64, |most, y| most.max(y.abs()));
    let tolerance = 1.5 * tolerance + 8.0 * f32::EPSILON as f64 * (most + 3.0);
    Case { name: format!("float16 {numbers:?} {tile} {plain:?}"), scene, dispatches, y, want, tolerance }
}

/// Every tile with numbers of the first two kinds, some with those of the others.
pub fn cases(random: &mut Random) -> Vec<Case> {
    let plains = [
        square([64, 36], [1, 1, 0], 1, [1, 13, 14]),
        square([3, 16], [7, 2, 3], 1, [1, 15, 13]),
        square([15, 22], [3, 1, 1], 1, [2, 7, 7]),
        square([64, 32], [3, 1, 1], 2, [1, 9, 9]),
        square([6, 10], [4, 1, 0], 1, [9, 4, 4]),
        square([128, 70], [3, 1, 1], 1, [1, 7, 7]),
    ];
    let mut all = vec![];
    for tile in 0..TILES.len() {
        for (turn, numbers) in [Numbers::Whole, Numbers::Random].into_iter().enumerate() {
            let mut plain = plains[(tile + 3 * turn) % plains.len()].clone();
            plain.storage = STORAGES[(tile + turn) % 3];
            if numbers == Numbers::Whole && plain.storage == Storage::Int8 {
                // Its steps are no whole numbers.
                plain.storage = Storage::Float32;
            }
            all.push(case(random, &plain, tile, numbers));
        }
    }
    for (i, numbers) in [Numbers::Large, Numbers::Small, Numbers::Spike].into_iter().enumerate() {
        for storage in STORAGES {
            // What fills up a vec4 is larger than small numbers.
            let mut plain = plains[[0, 3, 5][i]].clone();
            plain.storage = storage;
            for tile in [1, 9 + i] {
                all.push(case(random, &plain, tile, numbers));
            }
        }
    }
    all
}

/// What float16.wgsl relies on: no sum of a step's weights is above 1, whatever the weights' size; and what is packed is the weights.
#[test]
fn weights_that_meet_in_a_step_sum_to_one_at_most() {
    let random = &mut Random::new();
    let limits = &Limits { f16: true, ..Limits::default() };
    for size in [1e-12, 1e-3, 1.0, 6e4] {
        let spec = square([37, 10], [3, 1, 1], 1, [1; 3]).spec;
        let mut given = random.floats(10 * spec.depth());
        given.iter_mut().for_each(|w| *w *= size);
        // An output without any, and one of equal ones, whose sum is a power of two.
        given[..spec.depth()].fill(0.0);
        given[spec.depth()..2 * spec.depth()].fill(-size);
        let uploads = pack(&spec, Algorithm::Direct, Storage::Float32, limits, 0..10, &given, None);
        let halves = |o: usize| {
            let of = &uploads[0].bytes;
            (0..9 * 40).map(move |k| super::half(of, (o / 4 * 9 * 40 + k) * 4 + o % 4))
        };
        for (o, row) in given.chunks_exact(spec.depth()).enumerate() {
            let numbers: Vec<f32> = halves(o).collect();
            let sums = numbers.chunks(32).map(|step| step.iter().map(|w| w.abs() as f64).sum::<f64>());
            let most = sums.fold(0.0, f64::max);
            assert!(most <= 1.0 && (most > 0.4 || o == 0), "{size}: {most}");
            let factor = super::float(&uploads[1].bytes, o);
            let [found, whole] = [&numbers[..], row].map(|all| all.iter().map(|&w| w as f64).sum::<f64>());
            let allowed = 2.0f64.powi(-11) * row.iter().map(|w| w.abs() as f64).sum::<f64>();
            assert!(
                (found * factor as f64 - whole).abs() <= 1.01 * allowed,
                "{size}: {found} * {factor}, not {whole}"
            );
        }
    }
}
