use super::{Case, STRIDED, TILES, check, prepare, same};
use crate::activation::Activation;
use crate::simd::Best;
use crate::testing::Random;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Each tile once, where tiles, panels, ranges of panels and vectors all leave something over, and each schedule: few enough
/// for Miri.
#[test]
fn smallest() {
    let random = &mut Random::new();
    let every = TILES.into_iter().chain(STRIDED).map(|tile| {
        let case = same(tile, [3, 9], [1, 5, 7]);
        Case { x_beside: [1, 2], y_beside: [2, 1], ending: true, activation: Activation::Silu, ..case }
    });
    let wide = TILES[7];
    let more = [same(wide, [2, 17], [2, 1, 3]), same(wide, [1, 1], [1, 20, 48])];
    for case in every.chain(more) {
        let prepared = prepare(random, case);
        check::<Best>(random, &prepared);
    }
}
