use super::Job;
use crate::testing::{Random, Stage, elements, grown};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// All of the frame becomes zero, and `Stage::run` sees to it that nothing else changes: not the map, not the images' ends.
fn check(random: &mut Random, dims: [usize; 4], halo: [usize; 4]) {
    let mut stage = Stage::new();
    let map = stage.map(dims, halo, [0; 2]);
    let inside = elements(&map);
    stage.put(&map, &random.floats(inside.len()));
    let frame: Vec<usize> =
        elements(&grown(&map, halo)).into_iter().filter(|i| !inside.contains(i)).collect();
    let job = Job { map, halo };
    // SAFETY: the stage holds the map with its halo, and its arena has no other user.
    let got = stage.run(random, &frame, job.chunks(), |arena, chunk| unsafe { job.run(arena, chunk) });
    assert!(got.iter().all(|x| x.to_bits() == 0), "{dims:?} with {halo:?}");
}

#[test]
fn frames_become_zero() {
    let random = &mut Random::new();
    check(random, [1, 3, 5, 4], [2; 4]);
    check(random, [2, 3, 5, 4], [0, 0, 1, 1]);
    check(random, [2, 3, 5, 4], [1, 0, 0, 0]);
    check(random, [2, 3, 5, 4], [0, 2, 0, 0]);
    check(random, [1, 1, 1, 1], [0; 4]);
    for _ in 0..50 {
        let (dims, halo) = (random.several(1, 6), random.several(0, 3));
        check(random, dims, halo);
    }
}
