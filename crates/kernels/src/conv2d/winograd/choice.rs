//! When which tile is faster than the direct kernel.

use super::{Tile, Winograd, grid::Grid, phases};
use crate::conv2d::Conv2d;

/// Strides that are computed by phases: those of the zoo. Tiles of larger ones would see much of the map.
const STRIDES: std::ops::RangeInclusive<usize> = 1..=4;

/// Channels of a pixel for tiles of 5 x 5 outputs: those of an image's first layer. Sums over more are not within 1e-5 by them (the
/// 4 x 4 kernels of mcdnn_gtsrb, 100 and 150 channels).
const FEW: usize = 16;

/// The tiles there are for a convolution, by falling precision.
pub fn tiles(spec: &Conv2d) -> &'static [Tile] {
    let is_plain = spec.dilation == [1; 2] && spec.groups == 1;
    if !is_plain || !spec.stride.iter().all(|side| STRIDES.contains(side)) {
        return &[];
    }
    let unit = phases::unit(spec);
    match unit.kernel {
        [3, 3] => &[Tile([2, 2]), Tile([4, 4]), Tile([4, 6])],
        [5, 5] => &[Tile([4, 4])],
        [4, 4] if unit.in_channels <= FEW => &[Tile([5, 5])],
        [1, 3] => &[Tile([1, 4])],
        [3, 1] => &[Tile([4, 1])],
        [1, 7] => &[Tile([1, 2])],
        [7, 1] => &[Tile([2, 1])],
        _ => &[],
    }
}

/// What a weight takes, in products, to be read from memory: 4 bytes at 33 GB/s against 57 GFLOPS.
const WEIGHT: f64 = 3.5;
/// Where a run transforms plain ones, what it takes to read one, and to make one for a position: 2 x 2 tiles take 1.14 of the time
/// of 4 x 4 at 7 x 7 x 512.
const PLAIN: [f64; 2] = [7.0, 2.0];
/// What transforming a channel of a tile takes along an axis, in products for each of its positions and inputs of the axis.
const TRANSFORM: f64 = 4.0 / 3.0;
/// Tiles that take as long as fewer do.
const FEWEST: usize = 4;
/// How much less a tile must cost than one of more precision and smaller weights, or than the direct kernel.
const CLEARLY: f64 = 0.9;
/// The same for 4 x 6 beside 4 x 4, whose errors differ by a factor of two to three: what it gains was measured to be more than
/// the counted cost says (0.92 of the time for 0.95 at 224 x 224 x 64), but not where that is near 1.
const SOMEWHAT: f64 = 0.955;

/// The tile to compute `spec` by over an image of `h` by `w`; `None` where the direct kernel is faster or there is no
/// tile. From the costs counted below; the tests have layers that were measured. Small layers, whose weights stay in a
/// cache, gain more than it counts.
pub fn choose(spec: &Conv2d, h: usize, w: usize) -> Option<Tile> {
    let [oh, ow] = spec.output(h, w)?;
    let [channels, taps] = [spec.in_channels * spec.out_channels, spec.kernel[0] * spec.kernel[1]];
    let mut least = channels as f64 * taps as f64 * ((oh * ow) as f64 + WEIGHT);
    let mut choice = None;
    let unit = phases::unit(spec);
    for &tile in tiles(spec) {
        let inputs = tile.inputs(unit.kernel);
        let grid = Grid::new(1, [oh, ow], tile);
        let (count, positions) = (grid.tiles(), inputs[0] * inputs[1]);
        // Inputs of the axes that are transformed.
        let along: usize = inputs.iter().filter(|&&a| a > 1).sum();
        let each = match Winograd::keeps(spec, tile) {
            true => PLAIN[0] * taps as f64 + PLAIN[1] * positions as f64,
            false => WEIGHT * positions as f64,
        };
        let all = grid.positions(inputs).max(FEWEST * positions) as f64 + each;
        let products = unit.in_channels as f64 * spec.out_channels as f64 * all;
        let transforms = TRANSFORM * (along * count * (unit.in_channels + spec.out_channels)) as f64;
        let cost = products + positions as f64 * transforms;
        let wanted = if tile == Tile([4, 6]) { SOMEWHAT } else { CLEARLY };
        if cost < wanted * least {
            (least, choice) = (cost, Some(tile));
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::{Conv2d, Tile, choose};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn spec(kernel: [usize; 2], in_channels: usize, out_channels: usize) -> Conv2d {
        let [top, left] = kernel.map(|k| k / 2);
        Conv2d {
            in_channels,
            out_channels,
            kernel,
            stride: [1; 2],
            padding: [top, left, top, left],
            dilation: [1; 2],
            groups: 1,
        }
    }

    /// The fastest where it was measured, or one more precise and at most a tenth slower.
    #[test]
    fn choices() {
        for (side, kernel, input, output, tile) in [
            (224, [3, 3], 64, 64, Some([4, 6])), // VGG
            (112, [3, 3], 128, 128, Some([4, 6])),
            (56, [3, 3], 256, 256, Some([4, 6])),
            (28, [3, 3], 512, 512, Some([4, 6])),
            (14, [3, 3], 512, 512, Some([4, 4])),
            (14, [3, 3], 96, 208, Some([4, 4])), // GoogLeNet
            (56, [3, 3], 64, 64, Some([4, 4])),  // ResNet
            (28, [3, 3], 128, 128, Some([4, 4])),
            (14, [3, 3], 256, 256, Some([4, 4])),
            (7, [3, 3], 512, 512, Some([4, 4])),
            (13, [3, 3], 256, 384, Some([4, 4])), // AlexNet
            (27, [5, 5], 64, 192, Some([4, 4])),
            (28, [5, 5], 16, 32, Some([4, 4])), // GoogLeNet
            (7, [3, 3], 128, 32, Some([2, 2])), // DenseNet, where 4 x 4 takes 0.97 of that
            (4, [3, 3], 256, 256, Some([2, 2])),
            (1, [3, 3], 512, 512, None),
            (224, [3, 3], 3, 64, None),
        ] {
            assert_eq!(
                choose(&spec(kernel, input, output), side, side),
                tile.map(Tile),
                "{side} {input} {output}"
            );
        }
        let strange: [&dyn Fn(&mut Conv2d); 5] = [
            &|s| s.stride = [1, 2],
            &|s| s.dilation = [2, 1],
            &|s| s.groups = 2,
            &|s| s.kernel = [6, 6],
            &|s| (s.kernel, s.stride) = ([11, 11], [5, 4]),
        ];
        for change in strange {
            let mut spec = spec([3, 3], 64, 64);
            change(&mut spec);
            assert_eq!(choose(&spec, 56, 56), None);
        }
        assert_eq!(choose(&Conv2d { padding: [0; 4], ..spec([3, 3], 64, 64) }, 2, 2), None);
        for (kernel, stride, channels, tile) in [
            ([11, 11], 4, 3, Some([4, 4])), // AlexNet's first
            ([7, 7], 2, 3, Some([5, 5])),   // ResNet's, GoogLeNet's and DenseNet's
            ([7, 7], 2, 1, None),           // the same over gray images: few products an output
            ([7, 7], 2, 64, None),
            ([4, 4], 1, 100, None), // MCDNN's
            ([5, 5], 2, 64, Some([4, 6])),
            ([3, 3], 2, 3, None),
            ([3, 3], 2, 64, None),
            ([1, 1], 2, 64, None),
        ] {
            let spec = Conv2d { stride: [stride; 2], ..spec(kernel, channels, 64) };
            assert_eq!(choose(&spec, 224, 224), tile.map(Tile), "{kernel:?} {stride} {channels}");
        }
    }
}
