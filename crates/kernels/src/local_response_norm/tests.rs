use super::{Job, LocalResponseNorm, reference};
use crate::every_vector;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `dims` is [n, c, h, w]; `most` is the inputs' largest.
///
/// Nothing cancels, so errors are relative. With u, half of epsilon: the sum has size roundings and its products, then come
/// alpha / size, its product and k: (size + 4) u, which the power multiplies by beta and adds 2 u to; the quotient, 1 u.
/// Taking epsilon for u covers the products of errors.
fn check<V: F32s>(random: &mut Random, spec: &LocalResponseNorm, dims: [usize; 4], most: f32) {
    let [_, c, h, w] = dims;
    let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x * most).collect();
    let want = reference::local_response_norm(spec, &x, [c, h * w]);
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, &x);
    let y = stage.map(dims, random.several(0, 2), random.several(0, 3));
    let job = Job { spec, x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got =
        stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
    let relative = f32::EPSILON as f64 * (spec.beta as f64 * (spec.size + 4) as f64 + 3.0);
    assert_within(&got, &want, |i| relative * want[i].abs(), &(spec, dims, most, V::LANES));
}

fn shapes<V: F32s>() {
    let random = &mut Random::new();
    let alexnet = LocalResponseNorm { size: 5, alpha: 1e-4, beta: 0.75, k: 1.0 };
    // Inputs around 100 are where the published constants begin to do something.
    for most in [1.0, 100.0, 1e4, 1e9] {
        check::<V>(random, &alexnet, [1, 96, 5, 7], most);
        check::<V>(random, &LocalResponseNorm { k: 2.0, ..alexnet }, [2, 64, 3, 3], most);
    }
    for c in 1..=24 {
        check::<V>(random, &alexnet, [1, c, 2, 2], 200.0);
    }
    for i in 0..60 {
        let size = random.within(1, 12);
        let beta = [0.75, 0.5, 1.0, 0.3][i % 4];
        let spec = LocalResponseNorm { size, alpha: 0.1 * size as f32, beta, k: 1.5 };
        let dims = random.several(1, 9);
        check::<V>(random, &spec, dims, 3.0);
    }
}

#[test]
fn of_any_shape() {
    every_vector!(shapes);
}

#[test]
fn as_pytorch_has_it() {
    // LocalResponseNorm(4, alpha=4, beta=1, k=1) of PyTorch 2: two channels before, one behind.
    let spec = LocalResponseNorm { size: 4, alpha: 4.0, beta: 1.0, k: 1.0 };
    let y = reference::local_response_norm(&spec, &[1.0, 2.0, 3.0, 4.0], [4, 1]);
    assert_eq!(y, [1.0 / 6.0, 2.0 / 15.0, 3.0 / 31.0, 4.0 / 30.0]);
}
