//! Weights as they are packed, and which algorithm is chosen.

mod cases;
mod narrow;

use super::{Algorithm, Choice, choices, choose, pack, parts};
use crate::conv2d::Conv2d;
use crate::conv2d::winograd::Tile;
use crate::gpu::{Limits, Upload};
use crate::storage::Storage;
use crate::testing::{Random, STORAGES, kept};
use cases::square;

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
    // VGG's early 3 x 3. ResNet's, of half the channels, saves too little for what lies between its stages, but on a processor.
    assert_eq!(by([128, 128], [3, 1, 1], 1, 112), Algorithm::Winograd(Tile([4, 4])));
    assert_eq!(by([64, 64], [3, 1, 1], 1, 56), Algorithm::Direct);
    let early = square([64, 64], [3, 1, 1], 1, [1; 3]).spec;
    let fallback = Limits { fallback: true, ..Limits::default() };
    assert_eq!(choose(&early, [56; 2], Storage::Float32, true, &fallback), Algorithm::Winograd(Tile([4, 4])));
    // Its last one, whose few tiles do not pay for reading larger weights.
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
fn choices_have_names_of_their_own_and_are_known_by_them() {
    let mut random = Random::new();
    for _ in 0..200 {
        let groups = [1, 1, 1, 2, 7][random.within(0, 4)];
        let channels = [random.within(1, 80) * groups, random.within(1, 80) * groups];
        let shape = [[3, 1, 1], [1, 1, 0], [5, 2, 2], [3, 2, 1]][random.within(0, 3)];
        let spec = square(channels, shape, groups, [1; 3]).spec;
        let side = [1, 7, 30][random.within(0, 2)] + shape[0] - 1;
        let (storage, winograd) = (STORAGES[random.within(0, 2)], random.coin());
        let limits = Limits { fallback: random.coin(), ..Limits::default() };
        let all = choices(&spec, [side; 2], storage, winograd, &limits);
        assert!((1..=4).contains(&all.len()), "{spec:?}: {all:?}");
        for (i, choice) in all.iter().enumerate() {
            let is_known = Choice::named(&spec, storage, &choice.name()) == Some(*choice);
            assert!(is_known || choice.algorithm == Algorithm::Grouped, "{choice:?}");
            assert!(winograd || !choice.algorithm.is_transformed());
            assert!(all[i + 1..].iter().all(|other| other.name() != choice.name()), "{all:?}");
        }
        // What is counted to be the best is among them.
        let counted = choose(&spec, [side; 2], storage, winograd, &limits);
        assert!(all.iter().any(|choice| choice.algorithm == counted), "{spec:?}: {counted:?} not in {all:?}");
    }
}
