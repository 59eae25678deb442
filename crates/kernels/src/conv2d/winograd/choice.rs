//! When which tile is faster than the direct kernel.

use super::Tile;
use crate::conv2d::Conv2d;

/// The tiles there are for a kernel, by falling precision.
pub fn tiles(kernel: [usize; 2]) -> &'static [Tile] {
    match kernel {
        [3, 3] => &[Tile([2, 2]), Tile([4, 4]), Tile([4, 6])],
        [5, 5] => &[Tile([4, 4])],
        [1, 3] => &[Tile([1, 4])],
        [3, 1] => &[Tile([4, 1])],
        [1, 7] => &[Tile([1, 2])],
        [7, 1] => &[Tile([2, 1])],
        _ => &[],
    }
}

/// What a transformed weight takes, in products: to read it from memory, 4 bytes at 33 GB/s against 57 GFLOPS, or about as long
/// to make it of plain ones.
const WEIGHT: f64 = 3.5;
/// What transforming a channel of a tile takes along an axis, in products for each of its positions and inputs of the axis.
const TRANSFORM: f64 = 4.0 / 3.0;
/// Tiles that take as long as fewer do.
const FEWEST: usize = 4;
/// How much less a tile must cost than one of more precision and smaller weights, or than the direct kernel.
const CLEARLY: f64 = 0.9;
/// The same for 4 x 6 beside 4 x 4, whose errors differ by a factor of two to three: what it gains was measured to be more than
/// the counted cost says (0.92 of the time for 0.95 at 224 x 224 x 64).
const SOMEWHAT: f64 = 0.99;

/// The tile to compute `spec` by over an image of `h` by `w`; `None` where the direct kernel is faster or there is no
/// tile. From the costs counted below; the tests have layers that were measured. Small layers, whose weights stay in a
/// cache, gain more than it counts.
pub fn choose(spec: &Conv2d, h: usize, w: usize) -> Option<Tile> {
    if spec.stride != [1; 2] || spec.dilation != [1; 2] || spec.groups != 1 {
        return None;
    }
    let [oh, ow] = spec.output(h, w)?;
    let [channels, taps] = [spec.in_channels * spec.out_channels, spec.kernel[0] * spec.kernel[1]];
    let mut least = channels as f64 * taps as f64 * ((oh * ow) as f64 + WEIGHT);
    let mut choice = None;
    for &tile in tiles(spec.kernel) {
        let count = oh.div_ceil(tile.0[0]) * ow.div_ceil(tile.0[1]);
        let inputs = tile.inputs(spec.kernel);
        // Inputs of the axes that are transformed.
        let along: usize = inputs.iter().filter(|&&a| a > 1).sum();
        let products = channels as f64 * (count.max(FEWEST) as f64 + WEIGHT);
        let transforms = TRANSFORM * (along * count * (spec.in_channels + spec.out_channels)) as f64;
        let cost = (inputs[0] * inputs[1]) as f64 * (products + transforms);
        let wanted = if tile == Tile([4, 6]) { SOMEWHAT } else { CLEARLY };
        if cost < wanted * least {
            (least, choice) = (cost, Some(tile));
        }
    }
    choice
}
