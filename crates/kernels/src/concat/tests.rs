use super::{Job, reference};
use crate::testing::{Random, Stage, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn branches_lie_side_by_side() {
    let random = &mut Random::new();
    for _ in 0..50 {
        let [n, h, w] = random.several(1, 4);
        let channels: Vec<usize> = (0..random.within(1, 4)).map(|_| random.within(1, 9)).collect();
        let xs: Vec<Vec<f32>> = channels.iter().map(|c| random.floats(n * c * h * w)).collect();
        let mut stage = Stage::new();
        let halo = random.several(0, 2);
        let joined = stage.map([n, channels.iter().sum(), h, w], halo, random.several(0, 3));
        let mut got = vec![];
        let mut first = 0;
        for (&c, x) in channels.iter().zip(&xs) {
            let map = stage.map([n, c, h, w], random.several(0, 2), random.several(0, 3));
            stage.put(&map, x);
            let job = Job { x: map, y: joined.channels(first, c) };
            // SAFETY: the stage holds both maps, and its arena has no other user.
            let part = stage.run(random, &elements(&job.y), job.chunks(), |arena, chunk| unsafe {
                job.run(arena, chunk)
            });
            got.push((c, part));
            first += c;
        }
        let parts: Vec<(usize, &[f32])> = channels.iter().zip(&xs).map(|(&c, x)| (c, &x[..])).collect();
        let got: Vec<(usize, &[f32])> = got.iter().map(|(c, part)| (*c, &part[..])).collect();
        // The parts in their channels, read as one map, are the joined map.
        let mut whole = stage;
        let mut first = 0;
        for (c, part) in &got {
            whole.put(&joined.channels(first, *c), part);
            first += c;
        }
        assert_eq!(
            whole.get(&joined),
            reference::concat(n, h * w, &parts),
            "{channels:?} of {n} x {h} x {w}"
        );
    }
}
