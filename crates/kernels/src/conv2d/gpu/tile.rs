//! How a product of matrices is cut into workgroups.

use crate::gpu::Limits;

/// What a workgroup computes: teams of `columns` by `rows` invocations, each of which has `height` pixels of `width` vec4s of
/// outputs; `split` teams share a tile's sums. `depth` vec4s of a sum's numbers are read at a time, each team a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    pub columns: usize,
    pub rows: usize,
    pub width: usize,
    pub height: usize,
    pub split: usize,
    pub depth: usize,
}

const fn tile([columns, rows]: [usize; 2], [width, height]: [usize; 2], [split, depth]: [usize; 2]) -> Tile {
    Tile { columns, rows, width, height, split, depth }
}

/// The tiles there are, all of them within the limits that every device has. What fetches a step's weights, 4 `depth` rows, has
/// an invocation for each of them at least.
pub const TILES: [Tile; 16] = [
    // 64 outputs by 128 pixels, and by 64.
    tile([16, 16], [1, 8], [1, 4]),
    tile([8, 8], [2, 8], [1, 4]),
    tile([16, 8], [1, 8], [1, 4]),
    // 32 outputs.
    tile([4, 8], [2, 8], [1, 4]),
    tile([8, 8], [1, 8], [1, 4]),
    tile([8, 4], [1, 8], [1, 8]),
    tile([8, 4], [1, 4], [1, 8]),
    tile([8, 8], [1, 4], [1, 8]),
    tile([8, 8], [1, 4], [1, 4]),
    tile([8, 8], [1, 4], [2, 4]),
    tile([8, 8], [1, 4], [4, 2]),
    tile([8, 4], [1, 4], [8, 2]),
    // 16 outputs.
    tile([4, 16], [1, 8], [1, 4]),
    tile([4, 8], [1, 4], [1, 8]),
    tile([4, 8], [1, 4], [4, 4]),
    tile([4, 8], [1, 4], [8, 2]),
];

/// Invocations of a workgroup on a processor that stands in for a GPU: what each keeps over a barrier must stay in its caches.
/// On SwiftShader tiles of 32 invocations take 0.5 to 0.8 of the time of those of 64.
const FALLBACK: usize = 32;
/// Invocations that keep a GPU busy: with fewer, a product takes as long as with so many.
const BUSY: usize = 8192;
/// What a product in float16 takes, of one in float32, and what adding a step's sum to the others does.
const NARROW: f64 = 0.5;
const WIDEN: f64 = 2.0;
/// What reading a vec4 from workgroup memory takes, in products of a number and a vec4; what fetching one from a buffer into it
/// does, what a step does besides, and an invocation's start and end, and each round of adding up teams' sums.
const READ: f64 = 0.5;
const FETCH: f64 = 6.0;
const STEP: f64 = 8.0;
const START: f64 = 60.0;
const ROUND: f64 = 40.0;

impl Tile {
    /// Pixels, and vec4s of outputs.
    pub fn pixels(&self) -> usize {
        self.rows * self.height
    }

    pub fn outputs(&self) -> usize {
        self.columns * self.width
    }

    pub fn invocations(&self) -> usize {
        self.columns * self.rows * self.split
    }

    /// vec4s of workgroup memory: what a step reads, or what teams hand over.
    pub fn tiles(&self) -> usize {
        let step = self.depth * (self.pixels() + 2) + 4 * self.depth * (self.outputs() + 1);
        (self.split * step).max(self.shares())
    }

    /// What all but the first half of the teams hand over.
    pub fn shares(&self) -> usize {
        self.split / 2 * self.outputs() * self.pixels()
    }

    /// Bytes of workgroup memory: besides, the windows' corners. What teams hand over is never narrow, so it is apart then, beside
    /// the largest number that was fetched.
    fn memory(&self, narrow: bool) -> usize {
        let tiles =
            if narrow { 8 * self.tiles() + 16 * self.shares().max(1) + 16 } else { 16 * self.tiles() };
        tiles + 16 * self.pixels()
    }

    pub fn workgroups(&self, pixels: usize, outputs: usize) -> usize {
        pixels.div_ceil(self.pixels()) * outputs.div_ceil(self.outputs())
    }

    fn fits(&self, limits: &Limits) -> bool {
        let [across, down, split] = limits.workgroup.map(|most| most as usize);
        let most = if limits.fallback { FALLBACK } else { limits.invocations as usize };
        self.invocations() <= most
            && self.memory(limits.f16) <= limits.workgroup_memory as usize
            && self.columns <= across
            && self.rows <= down
            && self.split <= split
    }

    /// What it costs to compute `layers` products of `pixels` by `depth` by `outputs`, the latter two in vec4s.
    fn cost(&self, limits: &Limits, [pixels, depth, outputs, layers]: [usize; 4]) -> f64 {
        let invocations = self.workgroups(pixels, outputs) * self.invocations() * layers;
        let steps = depth.div_ceil(self.depth * self.split);
        let [width, height] = [self.width, self.height].map(|n| n as f64);
        let each = self.depth as f64 * (4.0 * width * height + READ * (4.0 * width + height));
        let products = if limits.f16 { NARROW * each + WIDEN * width * height } else { each };
        // Of a step each invocation fetches its share.
        let fetched = self.depth * (self.pixels() + 4 * self.outputs());
        let fetches = (fetched as f64 / (self.columns * self.rows) as f64).ceil();
        let rounds = (self.split as f64).log2();
        let each = steps as f64 * (products + FETCH * fetches + STEP) + START + ROUND * rounds;
        let busy = if limits.fallback { 1 } else { BUSY };
        each * invocations.max(busy) as f64
    }
}

/// All tiles that fit a device, the cheapest first, for `layers` products of `pixels` by `depth` by `outputs`, the latter two
/// in vec4s.
pub fn candidates(limits: &Limits, sizes: [usize; 4]) -> Vec<Tile> {
    let mut tiles: Vec<Tile> = TILES.into_iter().filter(|tile| tile.fits(limits)).collect();
    tiles.sort_by(|a, b| a.cost(limits, sizes).total_cmp(&b.cost(limits, sizes)));
    tiles
}

/// The cheapest tiles, one of each size and split.
pub fn different(limits: &Limits, sizes: [usize; 4]) -> Vec<Tile> {
    let mut found: Vec<Tile> = vec![];
    for tile in candidates(limits, sizes) {
        let is_like = |other: &Tile| {
            [other.pixels(), other.outputs(), other.split] == [tile.pixels(), tile.outputs(), tile.split]
        };
        if !found.iter().any(is_like) {
            found.push(tile);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tile_fits_every_device() {
        for tile in TILES {
            for f16 in [false, true] {
                let limits = Limits { f16, ..Limits::default() };
                assert!(tile.fits(&limits), "{tile:?} takes {} bytes", tile.memory(f16));
            }
            // Whose weights pack.rs takes together.
            assert!(32 % (4 * tile.depth) == 0, "{tile:?}");
            // The shader's loops over what is fetched would not end.
            assert!(tile.columns * tile.rows >= 4 * tile.depth, "{tile:?}");
            assert!(
                tile.split.is_power_of_two() && [1, 2].contains(&tile.width) && [4, 8].contains(&tile.height)
            );
        }
    }

    #[test]
    fn small_products_are_split_and_large_ones_have_large_tiles() {
        let limits = Limits::default();
        let best = |sizes| candidates(&limits, sizes)[0];
        // ResNet's last 3 x 3, its first, and a 1 x 1 of many pixels.
        let [last, first, wide] = [[49, 1152, 128, 1], [3136, 144, 16, 1], [12_544, 16, 24, 1]].map(best);
        assert!(last.split >= 4, "{last:?}");
        assert_eq!(first.split, 1, "{first:?}");
        assert!(wide.split == 1 && wide.height == 8, "{wide:?}");
        // A processor gains nothing by more invocations.
        let fallback = Limits { fallback: true, ..limits };
        assert_eq!(candidates(&fallback, [49, 1152, 128, 1])[0].split, 1);
    }
}
