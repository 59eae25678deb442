use super::{Direction, Job};
use crate::testing::{Random, Stage, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn there_and_back() {
    let random = &mut Random::new();
    let sizes = [[1, 256, 6, 6], [2, 3, 33, 31], [1, 1, 1, 1], [3, 7, 1, 9], [2, 5, 9, 1]];
    let others: Vec<[usize; 4]> = (0..50).map(|_| random.several(1, 7)).collect();
    for dims in sizes.into_iter().chain(others) {
        // In PyTorch's order, which is what `put` and the places of `elements` are in.
        let numbers = random.floats(dims.iter().product());
        let (halo, beside) = (random.several(0, 2), random.several(0, 3));

        let mut stage = Stage::new();
        let map = stage.map(dims, halo, beside);
        stage.put(&map, &numbers);
        let flat = stage.room(numbers.len());
        let job = Job { direction: Direction::ToChannelsFirst, map, flat };
        let places: Vec<usize> = (flat..flat + numbers.len()).collect();
        // SAFETY: the stage holds map and floats, and its arena has no other user.
        let got = stage.run(random, &places, job.chunks(), |arena, chunk| unsafe { job.run(arena, chunk) });
        assert_eq!(got, numbers, "{dims:?} to channels first");

        let mut stage = Stage::new();
        let flat = stage.flat(&numbers);
        let map = stage.map(dims, halo, beside);
        let job = Job { direction: Direction::ToChannelsLast, map, flat };
        // SAFETY: as above.
        let got =
            stage.run(random, &elements(&map), job.chunks(), |arena, chunk| unsafe { job.run(arena, chunk) });
        assert_eq!(got, numbers, "{dims:?} to channels last");
    }
}
