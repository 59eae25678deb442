use super::{Job, Linear, fill, reference, zeros};
use crate::activation::Activation;
use crate::every_vector;
use crate::layout::Arena;
use crate::simd::F32s;
use crate::storage::Storage;
use crate::testing::{
    Ending, Random, STORAGES, Stage, assert_within, elements, kept, largest, sum_tolerance,
};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A layer of `out` features over a batch of maps [n, c, h, w], and how they lie.
#[derive(Clone, Debug)]
struct Case {
    dims: [usize; 4],
    out: usize,
    halo: [usize; 4],
    x_beside: [usize; 2],
    y_beside: [usize; 2],
    bias: bool,
    activation: Activation,
    /// Whether an affine and a summand may follow.
    ending: bool,
}

fn plain(dims: [usize; 4], out: usize) -> Case {
    let activation = Activation::Identity;
    Case {
        dims,
        out,
        halo: [0; 4],
        x_beside: [0; 2],
        y_beside: [0; 2],
        bias: true,
        activation,
        ending: false,
    }
}

fn check<V: F32s>(random: &mut Random, case: &Case) {
    STORAGES.iter().for_each(|&storage| check_kept::<V>(random, case, storage));
}

fn check_kept<V: F32s>(random: &mut Random, case: &Case, storage: Storage) {
    let [n, c, h, w] = case.dims;
    let spec = Linear { in_features: c * h * w, out_features: case.out };
    let x = random.floats(n * spec.in_features);
    let given = random.floats(spec.in_features * spec.out_features);
    let weight = kept(storage, spec.in_features, &given);
    // The bias is one product more, so it must not be larger than one.
    let most = largest(&x) * largest(&weight);
    let bias: Vec<f32> = random.floats(case.out).iter().map(|b| b * most as f32).collect();
    let bias = case.bias.then_some(&bias[..]);
    let mut want = reference::linear(&spec, &x, &weight, bias);

    let mut stage = Stage::new();
    let map = stage.map(case.dims, case.halo, case.x_beside);
    stage.put(&map, &x);
    let y = stage.map([n, case.out, 1, 1], [0; 4], case.y_beside);
    let pack = |storage, weight: &[f32], first| {
        let mut panels = zeros::<V>(&spec, storage).expect("memory");
        // The weights may come in pieces.
        let (front, back) = weight.split_at(first * spec.in_features);
        fill(&mut panels, c, 0..first, front);
        fill(&mut panels, c, first..case.out, back);
        bias.iter().for_each(|bias| panels.bias_mut().copy_from_slice(bias));
        panels
    };
    let panels = pack(storage, &given, random.within(0, case.out));
    let wide = pack(Storage::Float32, &weight, 0);
    let ending = match case.ending {
        true => Ending::random(random, &mut stage, [n, case.out, 1, 1], case.activation),
        false => Ending::plain(case.activation),
    };
    let mut run = |panels| {
        let job = Job { panels, x: map, y, epilogue: ending.epilogue() };
        // SAFETY: the stage holds both maps, and its arena has no other user.
        let work = |arena: Arena, chunk| unsafe { job.run::<V>(arena, chunk) };
        stage.run(random, &elements(&y), job.chunks(), work)
    };
    let got = run(&panels);
    let tolerance = sum_tolerance(spec.in_features, largest(&x), largest(&weight));
    let tolerance = ending.finish(&mut want, 1, tolerance);
    assert_within(&got, &want, |_| tolerance, &(case, V::LANES, storage));
    // What is kept narrow is only rounded.
    assert!(storage == Storage::Float32 || got == run(&wide), "{case:?}, {storage:?}: other bits");
}

fn zoo<V: F32s>() {
    let random = &mut Random::new();
    let cases = [
        plain([1, 16, 5, 5], 120),  // LeNet-5
        plain([4, 120, 1, 1], 84),  //
        plain([4, 84, 1, 1], 10),   //
        plain([1, 256, 6, 6], 40),  // AlexNet
        plain([2, 4096, 1, 1], 24), //
        plain([1, 1024, 1, 1], 1000),
        plain([3, 48, 7, 7], 70), // VGG
    ];
    for case in cases {
        check::<V>(random, &Case { activation: Activation::Relu, ..case });
    }
}

#[test]
fn layers_of_the_zoo() {
    every_vector!(zoo);
}

fn edges<V: F32s>() {
    let random = &mut Random::new();
    for out in 1..=66 {
        check::<V>(random, &plain([1 + out % 3, 5, 1, 1], out));
    }
    for features in 1..=18 {
        check::<V>(random, &plain([1, features, 1, 1], 7));
        check::<V>(random, &plain([2, 1, features, 1], 7));
    }
    for n in 1..=9 {
        check::<V>(random, &plain([n, 3, 2, 2], 17));
    }
}

#[test]
fn features_and_images_around_panels_and_tiles() {
    every_vector!(edges);
}

fn lying<V: F32s>() {
    let random = &mut Random::new();
    for halo in [[0; 4], [1, 0, 2, 0], [0, 2, 0, 1], [1; 4]] {
        for x_beside in [[0, 0], [0, 3], [2, 0]] {
            let case = plain([3, 5, 3, 4], 9);
            check::<V>(random, &Case { halo, x_beside, y_beside: x_beside, bias: false, ..case });
        }
    }
}

#[test]
fn maps_with_gaps() {
    every_vector!(lying);
}

fn random_shapes<V: F32s>() {
    let random = &mut Random::new();
    for _ in 0..200 {
        let dims = [random.within(1, 5), random.within(1, 20), random.within(1, 5), random.within(1, 5)];
        let case = Case {
            dims,
            out: random.within(1, 80),
            halo: random.several(0, 2),
            x_beside: random.several(0, 3),
            y_beside: random.several(0, 3),
            bias: random.coin(),
            activation: if random.coin() { Activation::Relu } else { Activation::Identity },
            ending: true,
        };
        check::<V>(random, &case);
    }
}

#[test]
fn at_random() {
    every_vector!(random_shapes);
}
