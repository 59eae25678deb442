//! Winograd's convolution on the GPU, for 3 x 3 kernels: its stages are the input's transform, the products at all positions
//! as the layers of one dispatch, and the transform back.

use super::{Tile, points};
use crate::conv2d::Conv2d;
use crate::conv2d::gpu::{Job, Parts, flat, pair};
use crate::gpu::{self, Dispatch, Limits, Source};

/// The tiles there are, by falling precision.
pub const TILES: [Tile; 2] = [Tile([2, 2]), Tile([4, 4])];

/// What moving a number between a buffer and the arithmetic takes, in products. No GPU has measured it: with less, some networks
/// would move more than 1.6 times the least (recordings.test.ts). A processor that stands in for a GPU multiplies less while it
/// reads.
const MOVE: f64 = 76.0;
const FALLBACK_MOVE: f64 = 20.0;
/// What another dispatch takes.
const DISPATCH: f64 = 4e6;
/// How much less a tile must cost than one of more precision, or than no tile.
const CLEARLY: f64 = 0.9;

/// vec4s of channels that lie side by side to a transform's invocations, and its tiles.
const LANES: usize = 8;
const TOGETHER: usize = 2;

/// The positions at which a tile has a product.
pub fn positions(tile: Tile) -> usize {
    let [rows, columns] = tile.inputs([3, 3]);
    rows * columns
}

/// Tiles down and across an output.
fn tiles(tile: Tile, [h, w]: [usize; 2]) -> [usize; 2] {
    [h.div_ceil(tile.0[0]), w.div_ceil(tile.0[1])]
}

/// How many tiles an output of these sides has, and the positions of each.
pub fn counts(tile: Tile, output: [usize; 2]) -> [usize; 2] {
    [tiles(tile, output).iter().product(), positions(tile)]
}

/// The products that an output of [n, c, h, w] takes.
pub fn products(spec: &Conv2d, tile: Tile, [n, c, h, w]: [usize; 4]) -> u64 {
    let [down, across] = tiles(tile, [h, w]);
    (positions(tile) * n * down * across) as u64 * (c * spec.in_channels) as u64
}

/// Whether a convolution can be computed so.
pub fn fits(spec: &Conv2d) -> bool {
    spec.kernel == [3, 3] && spec.stride == [1; 2] && spec.dilation == [1; 2] && spec.groups == 1
}

/// The tile by which an image of `h` by `w` costs least; `None` where the direct product does. Counted are products, the
/// numbers that dispatches move and the dispatches themselves.
pub fn choose(spec: &Conv2d, h: usize, w: usize, limits: &Limits) -> Option<Tile> {
    let [oh, ow] = spec.output(h, w).filter(|_| fits(spec))?;
    let [inputs, outputs] =
        [spec.in_channels, spec.out_channels].map(|channels| channels.next_multiple_of(4));
    let maps = h * w * inputs + oh * ow * outputs;
    let moving = if limits.fallback { FALLBACK_MOVE } else { MOVE };
    let cost = |products: usize, moved: usize| products as f64 + moving * moved as f64;
    let direct = oh * ow * 9 * inputs * outputs;
    // Products in float16 are of the direct algorithm alone.
    let mut least = cost(if limits.f16 { direct / 2 } else { direct }, maps + 9 * inputs * outputs);
    let mut choice = None;
    for tile in TILES {
        let [down, across] = tiles(tile, [oh, ow]);
        let (count, positions) = (down * across, positions(tile));
        // What lies between the stages is written and read.
        let between = 2 * positions * count * (inputs + outputs);
        let moved = maps + between + positions * inputs * outputs;
        let cost = cost(positions * count * inputs * outputs, moved) + 2.0 * DISPATCH;
        if cost < CLEARLY * least {
            (least, choice) = (cost, Some(tile));
        }
    }
    choice
}

/// Floats of the transformed input and of the products, for an output of [n, c, h, w].
pub fn temps(spec: &Conv2d, tile: Tile, [n, c, h, w]: [usize; 4]) -> Vec<usize> {
    let [down, across] = tiles(tile, [h, w]);
    let count = positions(tile) * n * down * across;
    [spec.in_channels, c].map(|channels| count * channels.next_multiple_of(4)).to_vec()
}

/// The transform's matrix by a kernel by the transposed matrix, in f64.
pub struct Transform {
    rows: Vec<Vec<f64>>,
}

impl Transform {
    pub fn new(tile: Tile) -> Self {
        Transform { rows: points::weights(tile.inputs([3, 3])[0], 3) }
    }

    /// A kernel of 3 x 3 at all positions, which are handed on in their order.
    pub fn kernel(&self, kernel: &[f32], mut hand_on: impl FnMut(usize, f32)) {
        let a = self.rows.len();
        for (y, down) in self.rows.iter().enumerate() {
            let row: [f64; 3] =
                std::array::from_fn(|x| (0..3).map(|k| down[k] * kernel[3 * k + x] as f64).sum());
            for (x, across) in self.rows.iter().enumerate() {
                let number: f64 = (0..3).map(|k| across[k] * row[k]).sum();
                hand_on(a * y + x, number as f32);
            }
        }
    }
}

/// The dispatches of a stage: one, or for the products one for each part of the weights.
pub fn dispatches(job: &Job, tile: Tile, stage: usize) -> Vec<Dispatch> {
    let &[transformed, products] = job.temps else { panic!("a map for either side of the products") };
    let (x, y) = (&job.x.layout, &job.y.layout);
    let grid = tiles(tile, [y.h, y.w]);
    let count = y.n * grid[0] * grid[1];
    let [outputs, inputs] = [tile.0[0], tile.inputs([3, 3])[0]];
    let constants = |rows: usize| {
        vec![
            ("INPUTS", inputs as f64),
            ("OUTPUTS", outputs as f64),
            ("LANES", LANES as f64),
            ("TILES", TOGETHER as f64),
            ("BETWEEN", (LANES * rows * inputs * TOGETHER) as f64),
        ]
    };
    let workgroups = |c: usize| gpu::workgroups(c.div_ceil(4 * LANES) * count.div_ceil(TOGETHER));
    let [from, between, sums, to] =
        [job.x, transformed, products, job.y].map(|map| Source::Buffer(map.buffer));
    match stage {
        0 => {
            let mut params = job.x.words().to_vec();
            let padding = pair([job.spec.padding[0], job.spec.padding[1]]);
            params.extend([pair([x.h, x.w]), pair(grid), padding].as_flattened());
            params.extend([x.n as u32, x.c.div_ceil(4) as u32, transformed.words()[0]]);
            params.resize(16, 0);
            let (constants, grid) = (constants(inputs), workgroups(x.c));
            vec![Dispatch {
                shader: "winograd_input",
                constants,
                params,
                bindings: vec![from, between],
                grid,
            }]
        }
        1 => job.products(&transformed, &products, positions(tile), count),
        _ => {
            let parts = Parts::new(job.spec, job.algorithm, job.storage, job.limits);
            let mut params =
                [flat(&job.y), job.summand(), pair([y.h, y.w]), pair(grid)].as_flattened().to_vec();
            params.extend([y.n as u32, y.c.div_ceil(4) as u32, products.words()[0], 0]);
            let mut constants = constants(outputs);
            constants.extend(job.epilogue.constants());
            let [affine, summand] = job.epilogue.bindings();
            let bindings = vec![sums, job.weights(parts.tail()), affine, summand, to];
            vec![Dispatch { shader: "winograd_output", constants, params, bindings, grid: workgroups(y.c) }]
        }
    }
}
