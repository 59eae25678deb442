//! The dispatches of products: of matrices by conv2d.wgsl, of a matrix by few vectors by linear.wgsl.

use super::pack::{Parts, kept};
use super::tile::{Tile, candidates};
use super::tune::Cut;
use super::{Conv2d, Job, Scaling, flat, merged};
use crate::gpu::{self, Dispatch, Limits, Map, Source};
use crate::storage::Storage;
use std::ops::Range;

/// Vectors that linear.wgsl takes at most.
const FEW: usize = 4;

impl Job<'_> {
    /// A dispatch for each part of the weights.
    pub(super) fn direct(&self) -> Vec<Dispatch> {
        let parts = Parts::new(self.spec, self.algorithm, self.storage, self.limits);
        let vectors = self.vectors();
        let dispatch = |part| match vectors {
            Some(vectors) => self.vector_product(&parts, part, vectors),
            None => self.matrix_product(&parts, part),
        };
        (0..parts.count()).map(dispatch).collect()
    }

    /// Where the vectors lie that the convolution multiplies by its weights as by a matrix, if they are that and few: their
    /// count and the step from one to the next in vec4s.
    fn vectors(&self) -> Option<[u32; 2]> {
        let (x, y, spec) = (&self.x.layout, &self.y.layout, self.spec);
        if self.before.is_some() || !are_vectors(spec, [x.h, x.w], [y.n, y.h, y.w]) {
            return None;
        }
        let [_, image, _, pixel] = self.x.words();
        Some(if is_pointwise(spec) { [y.pixels() as u32, pixel] } else { [y.n as u32, image] })
    }

    /// The tile of a product: the cheapest, unless another is wanted.
    fn tile(&self, limits: &Limits, sizes: [usize; 4]) -> Tile {
        match self.cut {
            Some(Cut::Tile(tile)) => tile,
            _ => candidates(limits, sizes)[0],
        }
    }

    /// What the shader is told of weights and ending.
    fn constants(&self) -> Vec<(&'static str, f64)> {
        let kept = kept(self.algorithm, self.storage, self.limits);
        let mut constants = vec![("STORAGE", storage_number(kept))];
        constants.extend(self.epilogue.constants());
        constants
    }

    fn vector_product(&self, parts: &Parts, part: usize, [vectors, step]: [u32; 2]) -> Dispatch {
        let range = parts.range(part);
        let lanes = match self.cut {
            Some(Cut::Lanes(lanes)) => lanes,
            // Short sums leave a workgroup room for several outputs.
            _ => (parts.depth / 4).next_power_of_two().clamp(8, 64),
        };
        let columns = 64 / lanes;
        let [offset, _, _, pixel] = self.x.words();
        let [y, y_step] = self.part_of_y(&range);
        let add = self.summand();
        let params = vec![
            offset,
            step,
            0,
            pixel,
            y,
            y_step,
            add[0],
            add[1],
            vectors,
            (self.spec.in_channels.div_ceil(4)) as u32,
            parts.depth as u32,
            range.len() as u32,
            range.start as u32,
            parts.outputs as u32,
            0,
            0,
        ];
        let mut constants = self.constants();
        constants.extend([
            ("LANES", lanes as f64),
            ("COLUMNS", columns as f64),
            ("IMAGES", vectors as f64),
            ("SUMS", (lanes * columns * vectors as usize) as f64),
        ]);
        let [affine, summand] = self.epilogue.bindings();
        let x = Source::Buffer(self.x.buffer);
        let y = Source::Buffer(self.y.buffer);
        let bindings = vec![x, self.weights(part), self.weights(parts.tail()), affine, summand, y];
        let grid = gpu::workgroups(range.len().div_ceil(columns));
        let shader = gpu::summing(["linear", "linear_subgroups"], self.limits, columns);
        Dispatch { shader, constants, params, bindings, grid }
    }

    fn matrix_product(&self, parts: &Parts, part: usize) -> Dispatch {
        let merged = merged(self.spec);
        let range = parts.range(part);
        let channels = (merged.in_channels / merged.groups).div_ceil(4);
        let (x, y) = (&self.x.layout, &self.y.layout);
        let sizes = sizes(&merged, parts, &range, y.pixels());
        let [_, _, outputs, layers] = sizes;
        let tile = self.tile(self.limits, sizes);
        let mut words = self.x.words();
        words[0] += (range.start / outputs * channels) as u32 * (merged.groups > 1) as u32;
        let [first_y, y_step] = self.part_of_y(&range);
        let scales = match self.before.map(|before| before.scaling) {
            Some(Scaling::Map(map)) => [map.words()[0], map.words()[1]],
            _ => [0; 2],
        };
        let add = self.summand();
        let spec = self.spec;
        let pairs = [
            [first_y, y_step],
            add,
            scales,
            pair([x.h, x.w]),
            pair([y.h, y.w]),
            pair(spec.kernel),
            pair(spec.stride),
            pair([spec.padding[0], spec.padding[1]]),
            pair(spec.dilation),
        ];
        let numbers = [
            y.pixels(),
            channels,
            outputs,
            range.start,
            parts.outputs,
            parts.depth,
            outputs * parts.depth,
            channels,
            outputs,
            0,
        ];
        let mut params = words.to_vec();
        params.extend(pairs.as_flattened());
        params.extend(numbers.map(|number| number as u32));
        let mut constants = self.constants();
        constants.extend(tile_constants(&tile));
        if self.limits.f16 {
            constants.push(("SHARES", tile.shares().max(1) as f64));
        }
        let (before, activation, scales) = match self.before {
            None => (0, 0, Source::Nothing),
            Some(before) => match before.scaling {
                Scaling::Affine(node, part) => (1, before.activation as u32, Source::Weights { node, part }),
                Scaling::Map(map) => (2, before.activation as u32, Source::Buffer(map.buffer)),
            },
        };
        constants.extend([("BEFORE", before as f64), ("BEFORE_ACTIVATION", activation as f64)]);
        let [affine, summand] = self.epilogue.bindings();
        let (x, y) = (Source::Buffer(self.x.buffer), Source::Buffer(self.y.buffer));
        let bindings = vec![x, self.weights(part), self.weights(parts.tail()), scales, affine, summand, y];
        let [across, down, _] = gpu::workgroups(tile.workgroups(sizes[0], outputs));
        let shader = if self.limits.f16 { "conv2d_f16" } else { "conv2d" };
        Dispatch { shader, constants, params, bindings, grid: [across, down, layers as u32] }
    }

    /// Winograd's products: at each of the positions the transformed tiles by the weights, a dispatch for each part of these. They
    /// stay in float32: what rounding adds to them, the transform back multiplies.
    pub(in crate::conv2d) fn products(
        &self,
        x: &Map,
        y: &Map,
        positions: usize,
        tiles: usize,
    ) -> Vec<Dispatch> {
        let limits = &Limits { f16: false, ..*self.limits };
        let parts = Parts::new(self.spec, self.algorithm, self.storage, limits);
        let [channels, all] = [self.spec.in_channels, self.spec.out_channels].map(|c| c.div_ceil(4));
        let dispatch = |part| {
            let range = parts.range(part);
            let tile = self.tile(limits, [tiles, channels, range.len(), positions]);
            let [from, to] = [x, y].map(|map| map.words()[0]);
            let step = channels as u32;
            let mut params = vec![from, 0, 0, step, to + range.start as u32, all as u32, 0, 0, 0, 0];
            let row = pair([1, tiles]);
            params.extend([row, row, [1; 2], [1; 2], [0; 2], [1; 2]].as_flattened());
            let numbers = [
                tiles,
                channels,
                range.len(),
                range.start,
                all,
                parts.depth,
                4 * channels,
                tiles * channels,
                tiles * all,
                0,
            ];
            params.extend(numbers.map(|number| number as u32));
            let mut constants = vec![("HAS_TAIL", 0.0)];
            constants.extend(tile_constants(&tile));
            let mut bindings = vec![Source::Nothing; 7];
            bindings[0] = Source::Buffer(x.buffer);
            bindings[1] = self.weights(part);
            bindings[6] = Source::Buffer(y.buffer);
            let [across, down, _] = gpu::workgroups(tile.workgroups(tiles, range.len()));
            Dispatch { shader: "conv2d", constants, params, bindings, grid: [across, down, positions as u32] }
        };
        (0..parts.count()).map(dispatch).collect()
    }

    /// Where the outputs of a range lie: offset and step from pixel to pixel.
    fn part_of_y(&self, range: &Range<usize>) -> [u32; 2] {
        let [offset, step] = flat(&self.y);
        [offset + range.start as u32, step]
    }

    /// Where the summand's pixels lie.
    pub(in crate::conv2d) fn summand(&self) -> [u32; 2] {
        self.epilogue.add.map_or([0; 2], |map| flat(&map))
    }
}

fn is_pointwise(spec: &Conv2d) -> bool {
    spec.kernel == [1; 2] && spec.stride == [1; 2]
}

/// Whether a convolution of a map of sides `x` to the images and sides `y` multiplies but a few vectors by its weights.
pub(super) fn are_vectors(spec: &Conv2d, x: [usize; 2], y: [usize; 3]) -> bool {
    let covers = spec.kernel == x && y[1..] == [1; 2];
    let is_product = spec.groups == 1 && spec.padding == [0; 4] && (is_pointwise(spec) || covers);
    is_product && y.iter().product::<usize>() <= FEW
}

/// Of the product for a range of outputs: pixels, vec4s of a sum's numbers and of a layer's outputs, and layers.
pub(super) fn sizes(merged: &Conv2d, parts: &Parts, range: &Range<usize>, pixels: usize) -> [usize; 4] {
    let outputs = if merged.groups > 1 { parts.outputs / merged.groups } else { range.len() };
    [pixels, parts.depth / 4, outputs, range.len() / outputs]
}

/// A pair as a shader has it.
pub(in crate::conv2d) fn pair(pair: [usize; 2]) -> [u32; 2] {
    pair.map(|side| side as u32)
}

/// A storage as weights.wgsl numbers them.
pub fn storage_number(storage: Storage) -> f64 {
    match storage {
        Storage::Float32 => 0.0,
        Storage::Float16 => 1.0,
        Storage::Int8 => 2.0,
    }
}

/// What conv2d.wgsl is told of its tile.
pub(super) fn tile_constants(tile: &Tile) -> [(&'static str, f64); 8] {
    [
        ("COLUMNS", tile.columns),
        ("ROWS", tile.rows),
        ("WIDTH", tile.width),
        ("HEIGHT", tile.height),
        ("SPLIT", tile.split),
        ("DEPTH", tile.depth),
        ("TILES", tile.tiles()),
        ("PIXELS", tile.pixels()),
    ]
    .map(|(name, number)| (name, number as f64))
}
