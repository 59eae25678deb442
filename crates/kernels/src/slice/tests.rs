use super::reference;
use crate::testing::{Random, Stage};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn is_a_map_of_its_own() {
    let random = &mut Random::new();
    for _ in 0..50 {
        let [before, count, after, h, w] = random.several(1, 9);
        let dims = [random.within(1, 3), before + count + after, h, w];
        let x = random.floats(dims.iter().product());
        let mut stage = Stage::new();
        let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
        stage.put(&map, &x);
        let want = reference::slice(&x, [dims[1], h * w], before..before + count);
        assert_eq!(
            stage.get(&map.channels(before, count)),
            want,
            "{count} channels from {before} of {dims:?}"
        );
    }
}
