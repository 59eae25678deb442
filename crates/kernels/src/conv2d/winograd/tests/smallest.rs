use super::{Case, Kind, STRIDED, TILES, check_all, same};
use crate::activation::Activation;
use crate::simd::Best;
use std::sync::OnceLock;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Where tiles, panels, ranges of panels and vectors all leave something over: few enough for Miri.
fn smallest(tile: Kind) -> Case {
    let ([rows, columns], _, [down, across]) = tile;
    let case = same(tile, [3, 9], [1, rows * down + 1, columns * across + 1]);
    Case { x_beside: [1, 2], y_beside: [2, 1], ending: true, activation: Activation::Silu, ..case }
}

#[test]
fn smallest_of_every_tile() {
    check_all::<Best>(&OnceLock::new(), |_| TILES.map(smallest).to_vec());
}

#[test]
fn smallest_of_every_stride() {
    check_all::<Best>(&OnceLock::new(), |_| STRIDED.map(smallest).to_vec());
}

#[test]
fn smallest_of_every_schedule() {
    let wide = TILES[7];
    check_all::<Best>(&OnceLock::new(), |_| {
        vec![same(wide, [2, 17], [2, 1, 3]), same(wide, [1, 1], [1, 20, 48])]
    });
}
