use super::product::tile_constants;
use super::tile::TILES;
use super::{Algorithm, Before, Job, Scaling, candidates, choose, pack, parts, takes_before, temps};
use crate::activation::{self, Activation};
use crate::conv2d::winograd::Tile;
use crate::conv2d::{Conv2d, reference};
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
pub fn case(random: &mut Random, plain: &Plain, limits: &Limits, algorithm: Algorithm) -> Case {
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
            scene.upload(node, &[crate::gpu::Upload { part: 0, offset: 0, bytes }]);
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
    let job = Job { spec, algorithm, storage: *storage, limits, node, x, y, before, epilogue, temps: &temps };
    let dispatches = (0..=temps.len()).flat_map(|stage| job.dispatches(stage)).collect();
    Case { name: format!("{plain:?} {algorithm:?}"), scene, dispatches, y, want, tolerance }
}

/// A product's dispatch by another tile.
fn with_tile(dispatch: &mut Dispatch, tile: &super::tile::Tile) {
    for (name, number) in tile_constants(tile) {
        let constant = dispatch.constants.iter_mut().find(|(other, _)| *other == name);
        constant.expect("a constant of the tile").1 = number;
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
        let storage = crate::testing::STORAGES[random.within(0, 2)];
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
        crate::excite::gpu::Half { spec, storage, node, activation }
    });
    let dispatches = vec![crate::excite::gpu::Job { halves, x, y }.dispatch()];
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

/// The parts of a node after all uploads, as the device has them.
fn uploaded(
    spec: &Conv2d,
    algorithm: Algorithm,
    storage: Storage,
    limits: &Limits,
    weight: &[f32],
    bias: &[f32],
    first: usize,
) -> Vec<Vec<u8>> {
    let mut node: Vec<Vec<u8>> =
        parts(spec, algorithm, storage, limits).iter().map(|&bytes| vec![0; bytes as usize]).collect();
    for (range, bias) in [(0..first, Some(bias)), (first..spec.out_channels, None)] {
        let piece = &weight[range.start * spec.depth()..range.end * spec.depth()];
        for Upload { part, offset, bytes } in pack(spec, algorithm, storage, limits, range, piece, bias) {
            node[part][offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
    }
    node
}

fn float(bytes: &[u8], i: usize) -> f32 {
    f32::from_le_bytes(bytes[4 * i..][..4].try_into().expect("four bytes"))
}

/// A binary16 by its definition.
fn half(bytes: &[u8], i: usize) -> f32 {
    let bits = u16::from_le_bytes(bytes[2 * i..][..2].try_into().expect("two bytes"));
    let (exponent, fraction) = ((bits >> 10) as i32 & 31, (bits & 1023) as f32);
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        _ => (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// Every weight lies where its sum looks for it, times its factor; what lies elsewhere is zero; biases follow.
#[test]
fn packed_weights_are_where_the_shader_reads_them() {
    let random = &mut Random::new();
    for ([inputs, outputs], kernel, groups) in [
        ([7, 9], [3, 2], 1),
        ([16, 24], [1, 1], 1),
        ([12, 20], [2, 2], 2),
        ([12, 18], [1, 3], 6),
        ([15, 9], [2, 1], 3),
    ] {
        let mut spec = square([inputs, outputs], [1, 1, 0], groups, [1; 3]).spec;
        spec.kernel = kernel;
        let given = random.floats(outputs * spec.depth());
        let bias = random.floats(outputs);
        let [own_inputs, own_outputs] = [inputs / groups, outputs / groups];
        let taps = kernel[0] * kernel[1];
        for storage in STORAGES {
            let weight = kept(storage, spec.depth(), &given);
            for binding in [128 << 20, 700] {
                let limits = Limits { binding, ..Limits::default() };
                let first = random.within(0, outputs / 4) * 4;
                let node = uploaded(&spec, Algorithm::Direct, storage, &limits, &given, &bias, first);
                let (tail, weights) = node.split_last().expect("a tail");
                let all = outputs.div_ceil(4);
                let quads: usize = weights.iter().map(|part| part.len() / (4 * storage.bytes())).sum();
                let depth = quads / all;
                let whole = weights.concat();
                let number = |o: usize, k: usize| {
                    let i = (o / 4 * depth + k) * 4 + o % 4;
                    match storage {
                        Storage::Float32 => float(&whole, i),
                        Storage::Float16 => half(&whole, i) * float(tail, o),
                        Storage::Int8 => whole[i] as i8 as f32 * float(tail, o),
                    }
                };
                let mut seen = 0.0;
                for o in 0..outputs {
                    assert_eq!(float(tail, 4 * all + o), bias[o]);
                    // A shader reads channels from the first of the vec4s that its outputs' group is in.
                    let merged = super::merged(&spec);
                    let pixel = (inputs / merged.groups).next_multiple_of(4);
                    let base = o / (outputs / merged.groups) * (inputs / merged.groups);
                    for i in 0..own_inputs {
                        for tap in 0..taps {
                            let channel = o / own_outputs * own_inputs + i - base;
                            let want = weight[(o * own_inputs + i) * taps + tap];
                            let got = number(o, tap * pixel + channel);
                            assert!(
                                (got - want).abs() <= 1e-6 * want.abs(),
                                "{spec:?} {storage:?}: {got}, not {want}"
                            );
                            seen += got.abs();
                        }
                    }
                }
                let total: f32 = (0..4 * all)
                    .filter(|&o| o < outputs)
                    .flat_map(|o| (0..depth).map(move |k| (o, k)))
                    .map(|(o, k)| number(o, k).abs())
                    .sum();
                assert!(
                    (total - seen).abs() <= 1e-4 * seen,
                    "{spec:?}: weights of {total} in all, {seen} of them read"
                );
            }
        }
    }
}

/// The same kernels come of transformed weights as of the definition, at every position.
#[test]
fn transformed_weights_are_those_of_the_matrices() {
    let random = &mut Random::new();
    let spec = square([5, 6], [3, 1, 1], 1, [1; 3]).spec;
    let weight = random.floats(6 * 45);
    // G of F(2 x 2, 3 x 3) for the points 0, 1, -1 and infinity.
    let g = [[-1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
    let node = uploaded(
        &spec,
        Algorithm::Winograd(Tile([2, 2])),
        Storage::Float32,
        &Limits::default(),
        &weight,
        &[0.0; 6],
        4,
    );
    for o in 0..6 {
        for c in 0..5 {
            for (y, down) in g.iter().enumerate() {
                for (x, across) in g.iter().enumerate() {
                    let w = |ky: usize, kx: usize| weight[(o * 5 + c) * 9 + 3 * ky + kx] as f64;
                    let want: f64 = (0..9).map(|k| down[k / 3] * w(k / 3, k % 3) * across[k % 3]).sum();
                    let got = float(&node[0], ((o / 4 * 16 + 4 * y + x) * 8 + c) * 4 + o % 4) as f64;
                    assert!(
                        (got - want).abs() < 1e-6,
                        "output {o}, channel {c}, position {y}, {x}: {got}, not {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn depthwise_weights_lie_tap_by_tap() {
    let spec = square([10, 10], [3, 1, 1], 10, [1; 3]).spec;
    let weight: Vec<f32> = (0..90).map(|i| i as f32).collect();
    let bias: Vec<f32> = (0..10).map(|i| -(i as f32)).collect();
    for first in [0, 4, 8] {
        let node =
            uploaded(&spec, Algorithm::Grouped, Storage::Int8, &Limits::default(), &weight, &bias, first);
        for c in 0..12 {
            for tap in 0..9 {
                let want = if c < 10 { weight[9 * c + tap] } else { 0.0 };
                assert_eq!(float(&node[0], 12 * tap + c), want);
            }
            assert_eq!(float(&node[1], 12 + c), if c < 10 { bias[c] } else { 0.0 });
        }
    }
}

#[test]
fn algorithms_by_counting() {
    let by = |channels, shape, groups, side| {
        let spec = square(channels, shape, groups, [1; 3]).spec;
        choose(&spec, [side; 2], Storage::Float32, true, &Limits::default())
    };
    // ResNet's and VGG's early 3 x 3, its last one, whose few tiles do not pay for reading larger weights.
    assert_eq!(by([64, 64], [3, 1, 1], 1, 56), Algorithm::Winograd(Tile([4, 4])));
    assert_eq!(by([128, 128], [3, 1, 1], 1, 112), Algorithm::Winograd(Tile([4, 4])));
    assert_eq!(by([512, 512], [3, 1, 1], 1, 7), Algorithm::Direct);
    assert_eq!(by([64, 64], [3, 2, 1], 1, 56), Algorithm::Direct);
    assert_eq!(by([3, 64], [3, 1, 1], 1, 224), Algorithm::Direct);
    // Depthwise, ResNeXt's narrow groups and its wide ones.
    assert_eq!(by([32, 32], [3, 1, 1], 32, 112), Algorithm::Grouped);
    assert_eq!(by([128, 128], [3, 1, 1], 32, 56), Algorithm::Grouped);
    assert_eq!(by([512, 512], [3, 1, 1], 32, 14), Algorithm::Direct);
    let spec = square([64, 64], [3, 1, 1], 1, [1; 3]).spec;
    for (storage, winograd) in [(Storage::Float16, true), (Storage::Float32, false)] {
        assert_eq!(choose(&spec, [56; 2], storage, winograd, &Limits::default()), Algorithm::Direct);
    }
}

#[test]
#[ignore = "writes cases for a device into the folder CASES"]
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
    for i in 0..40 {
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
        for storage in crate::testing::STORAGES {
            if i > 30 && storage != Storage::Float32 {
                continue;
            }
            plain.storage = storage;
            plain.before = random.coin();
            let limits = Limits { binding: if i % 4 == 1 { 2000 } else { 128 << 20 }, ..Limits::default() };
            for algorithm in candidates(&plain.spec, storage) {
                let mut case = case(random, &plain, &limits, algorithm);
                // Each tile has its turn.
                case.dispatches.iter_mut().filter(|d| d.shader == "conv2d").for_each(|dispatch| {
                    with_tile(dispatch, &TILES[turn % TILES.len()]);
                    turn += 1;
                });
                writer.add(&case);
            }
        }
    }
    for _ in 0..8 {
        writer.add(&excite(random));
    }
    writer.finish(std::path::Path::new(&std::env::var("CASES").expect("CASES")));
}
