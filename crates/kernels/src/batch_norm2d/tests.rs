use super::{pack, reference};
use crate::testing::{Random, assert_within};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn check(random: &mut Random, channels: usize, has_weights: bool, eps: f64) {
    let cells = 7;
    let mut arrays = random.floats(if has_weights { 4 } else { 2 } * channels);
    let variances = arrays.len() - channels;
    arrays[variances..].iter_mut().for_each(|v| *v = v.abs() + 0.01);
    let x = random.floats(2 * channels * cells);
    let affine = pack(&arrays, channels, eps).expect("memory");
    let want = reference::batch_norm2d(&x, &arrays, channels, cells, eps);
    // SAFETY: an affine has a scale and a shift for each channel.
    let numbers = |c: usize| unsafe { (*affine.scale(c), *affine.shift(c)) };
    let apply = |(i, &x): (usize, &f32)| {
        let (scale, shift) = numbers(i / cells % channels);
        (x as f64 * scale as f64 + shift as f64) as f32
    };
    let got: Vec<f32> = x.iter().enumerate().map(apply).collect();
    // Scale, shift and result are each rounded once; nothing else is.
    let tolerance = |i: usize| {
        let (scale, shift) = numbers(i / cells % channels);
        f32::EPSILON as f64 * (scale.abs() + shift.abs() + want[i].abs() as f32) as f64
    };
    assert_within(&got, &want, tolerance, &(channels, has_weights, eps));
}

#[test]
fn equals_the_reference() {
    let random = &mut Random::new();
    for eps in [1e-5, 1e-3] {
        for channels in [1, 3, 16, 65] {
            check(random, channels, true, eps);
            check(random, channels, false, eps);
        }
    }
}

#[test]
fn as_pytorch_has_it() {
    // torch.nn.functional.batch_norm(x, mean=[0.5], var=[4], weight=[3], bias=[-1], eps=0) at x = 2.5: 3 * 2 / 2 - 1.
    let affine = pack(&[3.0, -1.0, 0.5, 4.0], 1, 0.0).expect("memory");
    // SAFETY: one channel.
    let (scale, shift) = unsafe { (*affine.scale(0), *affine.shift(0)) };
    assert_eq!(2.5 * scale + shift, 2.0);
}
