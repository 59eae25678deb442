use super::{Job, Pad2d, reference};
use crate::testing::{Random, Stage, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `dims` is [n, c, h, w].
fn check(random: &mut Random, padding: [isize; 4], dims: [usize; 4]) {
    let [n, c, h, w] = dims;
    let spec = Pad2d { padding };
    let Some([oh, ow]) = spec.output(h, w) else { return };
    let x = random.floats(n * c * h * w);
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, &x);
    let y = stage.map([n, c, oh, ow], random.several(0, 2), random.several(0, 3));
    let job = Job { spec: &spec, x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got = stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run(arena, chunk) });
    assert_eq!(got, reference::pad2d(&spec, &x, [h, w]), "{padding:?} around {dims:?}");
}

#[test]
fn zeros_around_and_cropping() {
    let random = &mut Random::new();
    check(random, [0, 0, 1, 1], [1, 64, 14, 14]); // NASNet's, then cropped by one in front
    check(random, [-1, -1, 0, 0], [1, 64, 15, 15]);
    for c in 1..=17 {
        check(random, [1, 0, 2, 1], [2, c, 3, 4]);
    }
    for _ in 0..150 {
        let padding = random.several::<4>(0, 8).map(|p| p as isize - 4);
        let dims = random.several(1, 7);
        check(random, padding, dims);
    }
}

#[test]
fn something_must_be_left() {
    let output = |padding| Pad2d { padding }.output(3, 4);
    assert_eq!(output([1, 2, 3, 4]), Some([7, 10]));
    assert_eq!(output([-1, -3, -1, 0]), Some([1, 1]));
    assert_eq!(output([-2, 0, -1, 0]), None);
    assert_eq!(output([0, -5, 0, 0]), None);
}
