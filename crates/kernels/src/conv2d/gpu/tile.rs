//! How a product of matrices is cut into workgroups.

use crate::gpu::Limits;

/// What a workgroup computes: teams of `columns` by `rows` invocations, each of which has `height` pixels of a vec4 of outputs;
/// `split` teams share a tile's sums. `depth` vec4s of a sum's numbers are read at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    pub columns: usize,
    pub rows: usize,
    pub height: usize,
    pub split: usize,
    pub depth: usize,
}

const fn tile([columns, rows]: [usize; 2], height: usize, split: usize, depth: usize) -> Tile {
    Tile { columns, rows, height, split, depth }
}

/// The tiles there are, all of them within the limits that every device has.
pub const TILES: [Tile; 12] = [
    // 64 outputs by 128 pixels, and by 64.
    tile([16, 16], 8, 1, 4),
    tile([16, 8], 8, 1, 4),
    // 32 outputs.
    tile([8, 16], 8, 1, 4),
    tile([8, 8], 8, 1, 4),
    tile([8, 8], 4, 1, 4),
    tile([8, 8], 4, 2, 4),
    tile([8, 8], 4, 4, 2),
    tile([8, 4], 4, 4, 4),
    tile([8, 4], 4, 8, 2),
    // 16 outputs.
    tile([4, 16], 8, 1, 4),
    tile([4, 16], 4, 1, 4),
    tile([4, 8], 4, 8, 2),
];

/// Invocations that keep a device busy: with fewer, a product takes as long as with so many.
const BUSY: usize = 16_384;
/// What reading from workgroup memory, and what a step's reading from a buffer takes, in products of vec4s.
const READ: f64 = 0.5;
const FETCH: f64 = 4.0;
/// What starting and ending an invocation takes, and each round of adding up teams' sums.
const START: f64 = 60.0;
const ROUND: f64 = 40.0;

impl Tile {
    pub fn pixels(&self) -> usize {
        self.rows * self.height
    }

    pub fn invocations(&self) -> usize {
        self.columns * self.rows * self.split
    }

    /// vec4s of workgroup memory: what a step reads, or what all but the first half of the teams hand over.
    pub fn tiles(&self) -> usize {
        let step = self.depth * (self.pixels() + 2) + 4 * self.depth * (self.columns + 1);
        (self.split * step).max(self.split / 2 * self.columns * self.pixels())
    }

    /// vec4s of workgroup memory besides: the windows' corners.
    fn memory(&self) -> usize {
        16 * (self.tiles() + self.pixels())
    }

    pub fn workgroups(&self, pixels: usize, outputs: usize) -> usize {
        pixels.div_ceil(self.pixels()) * outputs.div_ceil(self.columns)
    }

    fn fits(&self, limits: &Limits) -> bool {
        let [across, down, split] = limits.workgroup.map(|most| most as usize);
        self.invocations() <= limits.invocations as usize
            && self.memory() <= limits.workgroup_memory as usize
            && self.columns <= across
            && self.rows <= down
            && self.split <= split
    }

    /// What it costs to compute `layers` products of `pixels` by `depth` by `outputs`, the latter two in vec4s.
    fn cost(&self, [pixels, depth, outputs, layers]: [usize; 4]) -> f64 {
        let invocations = self.workgroups(pixels, outputs) * self.invocations() * layers;
        let steps = depth.div_ceil(self.depth * self.split);
        let products = self.depth as f64 * (4.0 * self.height as f64 + READ * (4 + self.height) as f64);
        // Of a step each invocation fetches its share.
        let fetched = self.depth * (self.pixels() + 4 * self.columns);
        let fetches = (fetched as f64 / (self.columns * self.rows) as f64).ceil();
        let each = steps as f64 * (products + FETCH * fetches) + START + ROUND * (self.split as f64).log2();
        each * invocations.max(BUSY) as f64
    }
}

/// All tiles that fit a device, the cheapest first, for `layers` products of `pixels` by `depth` by `outputs`, the latter two
/// in vec4s.
pub fn candidates(limits: &Limits, sizes: [usize; 4]) -> Vec<Tile> {
    let mut tiles: Vec<Tile> = TILES.into_iter().filter(|tile| tile.fits(limits)).collect();
    tiles.sort_by(|a, b| a.cost(sizes).total_cmp(&b.cost(sizes)));
    tiles
}
