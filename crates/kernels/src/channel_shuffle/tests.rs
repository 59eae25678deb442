use super::{Job, reference};
use crate::testing::{Random, Stage, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// `dims` is [n, c, h, w].
fn check(random: &mut Random, groups: usize, dims: [usize; 4]) {
    let [n, c, h, w] = dims;
    let x = random.floats(n * c * h * w);
    let mut stage = Stage::new();
    let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
    stage.put(&map, &x);
    let y = stage.map(dims, random.several(0, 2), random.several(0, 3));
    let job = Job { groups, x: map, y };
    // SAFETY: the stage holds both maps, and its arena has no other user.
    let got = stage.run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run(arena, chunk) });
    let want = reference::channel_shuffle(groups, &x, [c, h * w]);
    assert_eq!(got, want, "{groups} groups of {dims:?}");
}

#[test]
fn groups_take_turns() {
    let random = &mut Random::new();
    check(random, 2, [1, 116, 14, 14]); // ShuffleNet v2
    check(random, 3, [1, 60, 14, 14]); // ShuffleNet
    for _ in 0..100 {
        let [groups, each, h, w] = random.several(1, 9);
        let n = random.within(1, 3);
        check(random, groups, [n, groups * each, h, w]);
    }
}

#[test]
fn as_pytorch_has_it() {
    let x: Vec<f32> = (0..6).map(|i| i as f32).collect();
    assert_eq!(reference::channel_shuffle(2, &x, [6, 1]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
}
