//! Cases of every algorithm, tile and storage for a device, which the tests read from build/test/gpu-products.

use super::super::product::tile_constants;
use super::super::tile::{TILES, Tile as Cut};
use super::super::{
    Algorithm, Before, Choice, Job, Scaling, candidates, choices, pack, parts, takes_before, temps,
};
use crate::activation::{self, Activation};
use crate::conv2d::winograd::Tile;
use crate::conv2d::{Conv2d, reference};
use crate::excite::gpu::{Half, Job as Pair};
use crate::gpu::device::{Case, Scene, Writer};
use crate::gpu::{Dispatch, Limits, Upload, pack_affine, workgroups};
use crate::storage::Storage;
use crate::testing::{Random, STORAGES, kept, largest, sum_tolerance};

/// A convolution over [n, h, w].
#[derive(Clone, Debug)]
pub struct Plain {
    pub spec: Conv2d,
    pub size: [usize; 3],
    pub storage: Storage,
    pub activation: Activation,
    pub ending: bool,
    pub before: bool,
}

pub fn square(
    channels: [usize; 2],
    [kernel, stride, padding]: [usize; 3],
    groups: usize,
    size: [usize; 3],
) -> Plain {
    let [in_channels, out_channels] = channels;
    let spec = Conv2d {
        in_channels,
        out_channels,
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [padding; 4],
        dilation: [1; 2],
        groups,
    };
    Plain {
        spec,
        size,
        storage: Storage::Float32,
        activation: Activation::Identity,
        ending: true,
        before: false,
    }
}

/// The case with random numbers, on any of the algorithms that the limits lead to.
pub fn case(random: &mut Random, plain: &Plain, limits: &Limits, choice: Choice) -> Case {
    let Choice { algorithm, cut } = choice;
    let Plain { spec, size: [n, h, w], storage, activation, .. } = plain;
    let &[n, h, w] = &[*n, *h, *w];
    let [oh, ow] = spec.output(h, w).expect("a kernel that fits");
    let mut scene = Scene::default();
    let dims = [n, spec.out_channels, oh, ow];
    let numbers = random.floats(n * spec.in_channels * h * w);
    let given = random.floats(spec.out_channels * spec.depth());
    let bias = random.coin().then(|| random.floats(spec.out_channels));

    let bank = scene.bank();
    let x = scene.map(bank, [n, spec.in_channels, h, w], random.several(0, 2));
    scene.put(&x, &numbers);
    let bank = scene.bank();
    let y = scene.map(bank, dims, random.several(0, 2));
    let node = scene.node(&parts(spec, algorithm, *storage, limits));
    // In two pieces.
    let first = random.within(0, spec.out_channels / 4) * 4;
    for (range, bias) in [(0..first, bias.as_deref()), (first..spec.out_channels, None)] {
        let weight = &given[range.start * spec.depth()..range.end * spec.depth()];
        scene.upload(node, &pack(spec, algorithm, *storage, limits, range, weight, bias));
    }
    // Only where there are many are weights kept narrow.
    let is_narrow = algorithm == Algorithm::Direct;
    let weight = kept(if is_narrow { *storage } else { Storage::Float32 }, spec.depth(), &given);

    let mut read: Vec<f32> = numbers.clone();
    let mut before = None;
    if plain.before && takes_before(spec, algorithm) {
        let c = spec.in_channels;
        let by_map = random.coin();
        let scale = random.floats(if by_map { n * c } else { c });
        let shift = if by_map { vec![0.0; n * c] } else { random.floats(c) };
        let activation = [Activation::Identity, Activation::Relu][random.within(0, 1)];
        for (i, x) in read.iter_mut().enumerate() {
            let (image, channel) = (i / (c * h * w), i / (h * w) % c);
            let at = if by_map { image * c + channel } else { channel };
            *x = activation::reference::of(activation, (*x * scale[at] + shift[at]) as f64) as f32;
        }
        let scaling = if by_map {
            let bank = scene.bank();
            let map = scene.map(bank, [n, c, 1, 1], random.several(0, 2));
            scene.put(&map, &scale);
            Scaling::Map(map)
        } else {
            let bytes = pack_affine(c, |c| (scale[c], shift[c]));
            let node = scene.node(&[bytes.len() as u64]);
            scene.upload(node, &[Upload { part: 0, offset: 0, bytes }]);
            Scaling::Affine(node, 0)
        };
        before = Some(Before { scaling, activation });
    }
    let sums = reference::conv2d(spec, &read, [n, h, w], &weight, bias.as_deref());
    let tolerance = sum_tolerance(spec.depth() + 4, largest(&read).max(1.0), largest(&weight).max(1.0));
    // As winograd/tests.rs derives it from the matrices.
    let growth = match algorithm {
        Algorithm::Winograd(Tile([2, 2])) => 2.24f64.powi(2),
        Algorithm::Winograd(_) => 5.14f64.powi(2),
        Algorithm::Direct | Algorithm::Grouped => 0.0,
    };
    let tolerance = tolerance
        + growth * sum_tolerance(spec.in_channels + 6, largest(&read).max(1.0), largest(&weight).max(1.0));
    let (epilogue, want): (_, Vec<f64>) = if plain.ending {
        let (epilogue, end) = scene.ending(random, dims, *activation);
        (epilogue, sums.iter().enumerate().map(|(i, &sum)| end(i, sum)).collect())
    } else {
        let epilogue = crate::gpu::Epilogue { activation: *activation, ..Default::default() };
        (epilogue, sums.iter().map(|&sum| activation::reference::of(*activation, sum)).collect())
    };
    let most = want.iter().fold(0.0f64, |most, y| most.max(y.abs()));
    let tolerance = 1.5 * tolerance + 8.0 * f32::EPSILON as f64 * (most + 3.0);
    let temps: Vec<_> = temps(spec, algorithm, dims)
        .into_iter()
        .map(|floats| {
            let bank = scene.bank();
            scene.map(bank, [1, floats, 1, 1], [0; 2])
        })
        .collect();
    let job =
        Job { spec, algorithm, storage: *storage, limits, node, x, y, before, epilogue, cut, temps: &temps };
    let dispatches = (0..=temps.len()).flat_map(|stage| job.dispatches(stage)).collect();
    Case { name: format!("{plain:?} {choice:?}"), scene, dispatches, y, want, tolerance }
}

/// A product's dispatch by another tile.
pub fn with_tile(dispatch: &mut Dispatch, tile: &Cut) {
    for (name, number) in tile_constants(tile) {
        let constant = dispatch.constants.iter_mut().find(|(other, _)| *other == name);
        constant.expect("a constant of the tile").1 = number;
    }
    if let Some(constant) = dispatch.constants.iter_mut().find(|(name, _)| *name == "SHARES") {
        constant.1 = tile.shares().max(1) as f64;
    }
    let [pixels, outputs] = [22, 24].map(|word| dispatch.params[word] as usize);
    let [across, down, _] = workgroups(tile.workgroups(pixels, outputs));
    dispatch.grid = [across, down, dispatch.grid[2]];
}

/// Two convolutions of one pixel with a dispatch for both.
fn excite(random: &mut Random) -> Case {
    let [n, c, hidden, out] =
        [random.within(1, 3), random.within(1, 90), random.within(1, 40), random.within(1, 300)];
    let specs = [
        square([c, hidden], [1, 1, 0], 1, [n, 1, 1]).spec,
        square([hidden, out], [1, 1, 0], 1, [n, 1, 1]).spec,
    ];
    let limits = Limits::default();
    let mut scene = Scene::default();
    let bank = scene.bank();
    let x = scene.map(bank, [n, c, 1, 1], random.several(0, 2));
    let mut numbers: Vec<f64> = random.floats(n * c).into_iter().map(f64::from).collect();
    scene.put(&x, &numbers.iter().map(|&x| x as f32).collect::<Vec<_>>());
    let bank = scene.bank();
    let y = scene.map(bank, [n, out, 1, 1], random.several(0, 2));
    let mut tolerance = 0.0;
    let halves = [0, 1].map(|i| {
        let spec = &specs[i];
        let storage = STORAGES[random.within(0, 2)];
        let activation = ALL[random.within(0, 8)];
        let given = random.floats(spec.out_channels * spec.in_channels);
        let bias = random.floats(spec.out_channels);
        let node = scene.node(&parts(spec, Algorithm::Direct, storage, &limits));
        scene.upload(
            node,
            &pack(spec, Algorithm::Direct, storage, &limits, 0..spec.out_channels, &given, Some(&bias)),
        );
        let weight = kept(storage, spec.in_channels, &given);
        let most = numbers.iter().fold(1.0f64, |most, x| most.max(x.abs()));
        tolerance = 1.5
            * (tolerance * spec.in_channels as f64 + sum_tolerance(spec.in_channels + 4, most, 1.0))
            + 1e-6 * (most * spec.in_channels as f64 + 3.0);
        numbers = numbers
            .chunks_exact(spec.in_channels)
            .flat_map(|x| {
                weight
                    .chunks_exact(spec.in_channels)
                    .zip(&bias)
                    .map(|(w, b)| {
                        let sum: f64 = x.iter().zip(w).map(|(x, w)| x * *w as f64).sum();
                        activation::reference::of(activation, sum + *b as f64)
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        Half { spec, storage, node, activation }
    });
    let dispatches = vec![Pair { halves, x, y }.dispatch()];
    Case { name: format!("excite {n} {c} {hidden} {out}"), scene, dispatches, y, want: numbers, tolerance }
}

const ALL: [Activation; 9] = [
    Activation::Identity,
    Activation::Relu,
    Activation::Relu6,
    Activation::Hardswish,
    Activation::Hardsigmoid,
    Activation::Sigmoid,
    Activation::Silu,
    Activation::Gelu,
    Activation::Tanh,
];

#[test]
#[ignore = "writes build/test/gpu-products, for the tests on a device"]
fn write_cases() {
    let random = &mut Random::new();
    let mut plains = vec![
        square([3, 8], [3, 2, 1], 1, [1, 9, 9]),
        square([3, 16], [7, 2, 3], 1, [1, 15, 13]),
        square([16, 20], [3, 1, 1], 1, [2, 7, 7]),
        square([64, 32], [1, 1, 0], 1, [1, 14, 14]),
        square([7, 5], [3, 1, 1], 1, [1, 6, 5]),
        square([12, 70], [5, 1, 2], 1, [1, 8, 8]),
        square([256, 64], [3, 1, 1], 1, [1, 7, 7]),
        square([40, 33], [1, 1, 0], 1, [1, 1, 1]),
        square([6, 10], [4, 1, 0], 1, [3, 4, 4]),
        square([6, 10], [4, 1, 0], 1, [9, 4, 4]),
        square([32, 32], [3, 1, 1], 2, [1, 9, 9]),
        square([32, 64], [3, 1, 1], 8, [1, 9, 9]),
        square([15, 9], [3, 1, 1], 3, [1, 9, 9]),
        square([12, 18], [1, 1, 0], 6, [2, 5, 5]),
        square([8, 8], [3, 1, 1], 8, [1, 7, 7]),
        square([35, 35], [3, 2, 1], 35, [1, 11, 14]),
        square([20, 20], [5, 2, 2], 20, [2, 9, 9]),
        square([16, 16], [5, 1, 2], 16, [1, 9, 9]),
        square([12, 12], [7, 1, 3], 12, [1, 7, 7]),
        square([5, 10], [3, 1, 1], 5, [1, 7, 7]),
        square([16, 16], [3, 2, 1], 4, [1, 9, 9]),
        square([24, 16], [3, 1, 1], 2, [1, 9, 9]),
        square([17, 40], [3, 1, 1], 1, [2, 13, 10]),
        square([64, 36], [3, 1, 1], 1, [1, 8, 4]),
        square([8, 12], [3, 1, 0], 1, [1, 7, 7]),
    ];
    for i in 0..6 {
        let groups = [1, 1, 1, 2, 3, 19][random.within(0, 5)];
        let channels = match groups {
            19 => [19, 19],
            _ => [random.within(1, 24) * groups, random.within(1, 40) * groups],
        };
        let mut plain = square(
            channels,
            [1, 1, 0],
            groups,
            [random.within(1, 2), random.within(6, 12), random.within(6, 12)],
        );
        plain.spec.kernel = random.several(1, 4);
        plain.spec.stride = random.several(1, 2);
        plain.spec.padding = random.several(0, 2);
        if i % 3 == 0 {
            (plain.spec.kernel, plain.spec.padding) = ([1; 2], [0; 4]);
        }
        if i % 5 == 0 {
            (plain.spec.kernel, plain.spec.stride) = ([3; 2], [1; 2]);
        }
        if plain.spec.kernel.iter().max() < Some(&4) && i % 5 != 0 {
            plain.spec.dilation = random.several(1, 2);
        }
        plains.push(plain);
    }
    let mut writer = Writer::default();
    let mut turn = 0;
    for (i, mut plain) in plains.into_iter().enumerate() {
        plain.activation = ALL[i % ALL.len()];
        // Compiling takes most of the time on a device that is a processor: not every storage for each.
        let narrow = (i < 12 && i % 3 > 0).then_some(STORAGES[i % 3]);
        for storage in [Storage::Float32].into_iter().chain(narrow) {
            plain.storage = storage;
            plain.before = random.coin();
            let limits = Limits { binding: if i % 4 == 1 { 2000 } else { 128 << 20 }, ..Limits::default() };
            for algorithm in candidates(&plain.spec, storage) {
                let mut case = case(random, &plain, &limits, Choice { algorithm, cut: None });
                // Each tile has its turn.
                case.dispatches.iter_mut().filter(|d| d.shader == "conv2d").for_each(|dispatch| {
                    with_tile(dispatch, &TILES[turn % TILES.len()]);
                    turn += 1;
                });
                writer.add(&case);
            }
        }
    }
    // What a tuning may choose, on a GPU and on a processor in its place.
    for (i, mut plain) in [
        square([13, 20], [3, 1, 1], 1, [1, 9, 10]),
        square([70, 34], [1, 1, 0], 1, [1, 7, 9]),
        square([32, 48], [3, 1, 1], 2, [1, 6, 6]),
        square([90, 21], [1, 1, 0], 1, [1, 1, 1]),
        square([19, 70], [3, 1, 0], 1, [1, 3, 3]),
    ]
    .into_iter()
    .enumerate()
    {
        plain.storage = if i == 0 { Storage::Float32 } else { STORAGES[i % 3] };
        let [_, h, w] = plain.size;
        let both = [false, true].map(|fallback| {
            choices(&plain.spec, [h, w], plain.storage, true, &Limits { fallback, ..Limits::default() })
        });
        let mut all = both.concat();
        let mut seen = std::collections::HashSet::new();
        all.retain(|choice| seen.insert(choice.name()));
        for choice in all {
            writer.add(&case(random, &plain, &Limits::default(), choice));
        }
    }
    for _ in 0..8 {
        writer.add(&excite(random));
    }
    super::narrow::cases(random).iter().for_each(|case| writer.add(case));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/test/gpu-products");
    writer.finish(&folder);
}
