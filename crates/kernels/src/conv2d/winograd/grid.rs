//! How the outputs of some images are cut into tiles, and which tiles need which positions.
//!
//! A tile's products at infinity are part of its last output alone, so a tile that is shorter by one does without them. What an
//! axis lacks of whole tiles is therefore spread over as many of them as can be short: 14 outputs are tiles of 4, 4, 3 and 3,
//! which need 6, 6, 5 and 5 positions.

use super::Tile;
use crate::layout::Layout;
use std::ops::Range;

/// The image of a tile, and its rows and columns of outputs.
pub type Place = (usize, [Range<usize>; 2]);

/// The tiles along an axis: first those that are whole, then those that are short.
#[derive(Clone, Copy)]
struct Axis {
    outputs: usize,
    /// Outputs of a whole tile.
    side: usize,
    whole: usize,
    short: usize,
}

impl Axis {
    fn new(outputs: usize, side: usize) -> Self {
        let tiles = outputs.div_ceil(side);
        let short = (tiles * side - outputs).min(tiles);
        Axis { outputs, side, whole: tiles - short, short }
    }

    /// The outputs of a tile.
    fn range(&self, tile: usize) -> Range<usize> {
        let first = tile * self.side - tile.saturating_sub(self.whole);
        let len = self.side - usize::from(tile >= self.whole);
        first..self.outputs.min(first + len)
    }

    /// Positions of all tiles, of which a whole one has `inputs`.
    fn positions(&self, inputs: usize) -> usize {
        self.whole * inputs + self.short * (inputs - 1)
    }
}

/// The tiles of some images. Those that are short along the same axes lie together: first those of short columns, then the whole
/// ones, then those of short rows, then those of both, so that the tiles that need a position are a range.
pub struct Grid {
    images: usize,
    axes: [Axis; 2],
}

impl Grid {
    pub fn new(images: usize, [h, w]: [usize; 2], Tile([rows, columns]): Tile) -> Self {
        Grid { images, axes: [Axis::new(h, rows), Axis::new(w, columns)] }
    }

    pub fn of(y: &Layout, tile: Tile) -> Self {
        Grid::new(y.n, [y.h, y.w], tile)
    }

    pub fn tiles(&self) -> usize {
        self.images * self.axes.iter().map(|axis| axis.whole + axis.short).product::<usize>()
    }

    /// How many tiles need a position, summed over all positions.
    pub fn positions(&self, [rows, columns]: [usize; 2]) -> usize {
        self.images * self.axes[0].positions(rows) * self.axes[1].positions(columns)
    }

    /// The tiles that need the positions at infinity of some axes, and those that need the others.
    pub fn needing(&self, infinity: [bool; 2]) -> Range<usize> {
        let [down, across] = &self.axes;
        let columns = self.images * down.whole * across.short;
        let whole = columns + self.images * down.whole * across.whole;
        let first = if infinity[1] { columns } else { 0 };
        match infinity {
            [true, _] => first..whole,
            [false, true] => first..whole + self.images * down.short * across.whole,
            [false, false] => first..self.tiles(),
        }
    }

    pub fn tile(&self, mut tile: usize) -> Place {
        let [down, across] = &self.axes;
        let (wholes, shorts) =
            ([0..down.whole, 0..across.whole], |axis: &Axis| axis.whole..axis.whole + axis.short);
        let [all_down, all_across] = wholes;
        let groups = [
            [all_down.clone(), shorts(across)],
            [all_down, all_across.clone()],
            [shorts(down), all_across],
            [shorts(down), shorts(across)],
        ];
        for [rows, columns] in groups {
            let of_image = rows.len() * columns.len();
            if tile < self.images * of_image {
                let (image, i) = (tile / of_image, tile % of_image);
                let (row, column) = (rows.start + i / columns.len(), columns.start + i % columns.len());
                return (image, [down.range(row), across.range(column)]);
            }
            tile -= self.images * of_image;
        }
        unreachable!("a tile of the grid")
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, Tile};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Every output is in one tile, and a tile that is as long as can be needs the positions at infinity.
    #[test]
    fn tiles_cover_all_outputs() {
        for (h, w) in (1..20).flat_map(|h| (1..20).map(move |w| (h, w))) {
            for sides in [[4, 4], [2, 2], [4, 6], [1, 4], [2, 1], [5, 5]] {
                let grid = Grid::new(3, [h, w], Tile(sides));
                assert_eq!(grid.tiles(), 3 * h.div_ceil(sides[0]) * w.div_ceil(sides[1]));
                let mut seen = vec![0; 3 * h * w];
                for tile in 0..grid.tiles() {
                    let (image, [rows, columns]) = grid.tile(tile);
                    for infinity in [[true, true], [true, false], [false, true], [false, false]] {
                        let is_long = [rows.len() == sides[0], columns.len() == sides[1]];
                        if (0..2).all(|axis| is_long[axis] || !infinity[axis]) {
                            assert!(grid.needing(infinity).contains(&tile), "{h} {w} {sides:?} {tile}");
                        }
                    }
                    for (y, x) in rows.flat_map(|y| columns.clone().map(move |x| (y, x))) {
                        seen[(image * h + y) * w + x] += 1;
                    }
                }
                assert!(seen.iter().all(|&times| times == 1), "{h} {w} {sides:?}");
            }
        }
    }

    #[test]
    fn what_short_tiles_save() {
        let positions = |side: usize| Grid::new(2, [side; 2], Tile([4, 4])).positions([6; 2]) / 2;
        assert_eq!([12, 13, 14, 15, 16].map(positions), [18 * 18, 21 * 21, 22 * 22, 23 * 23, 24 * 24]);
        let grid = Grid::new(2, [14, 13], Tile([4, 4]));
        let count = |infinity| grid.needing(infinity).len();
        let all =
            25 * count([false; 2]) + 5 * (count([true, false]) + count([false, true])) + count([true; 2]);
        assert_eq!(all, grid.positions([6; 2]));
    }
}
