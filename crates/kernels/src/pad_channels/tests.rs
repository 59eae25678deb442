use super::{Job, reference};
use crate::testing::{Random, Stage, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn zeros_before_and_behind() {
    let random = &mut Random::new();
    for i in 0..100 {
        let (c, [before, after]) = (1 + i % 33, random.several(0, 18));
        let [n, h, w] = random.several(1, 5);
        let x = random.floats(n * c * h * w);
        let mut stage = Stage::new();
        let map = stage.map([n, c, h, w], random.several(0, 2), random.several(0, 3));
        stage.put(&map, &x);
        let y = stage.map([n, before + c + after, h, w], random.several(0, 2), random.several(0, 3));
        let job = Job { before, x: map, y };
        // SAFETY: the stage holds both maps, and its arena has no other user.
        let work = |arena: crate::layout::Arena, chunk| unsafe { job.run(arena, chunk) };
        let got = stage.run(random, &elements(&y), job.chunks(), work);
        let want = reference::pad_channels(&x, [c, h * w], [before, after]);
        assert_eq!(got, want, "{before} + {c} + {after} channels of {n} x {h} x {w}");
    }
}
