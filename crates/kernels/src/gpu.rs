//! What an operator's `gpu.rs` makes: a dispatch as plain data, of maps whose buffers have no place yet.
//!
//! A map on the GPU is channels-last with four channels a vec4: its layout's offset and steps are multiples of 4, there is
//! no halo, and channels beyond its own are filled up to a vec4 with finite numbers that mean nothing. `gpu.wgsl` stands
//! in front of every shader, and `epilogue.wgsl` behind it in front of those that end with an epilogue.

#[cfg(test)]
pub mod device;
mod shaders;
#[cfg(test)]
mod tests;

pub use shaders::shaders;

use crate::activation::Activation;
use crate::layout::Layout;

/// What the device allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a binding, and of a buffer.
    pub binding: u64,
    pub buffer: u64,
    /// Bytes of memory that a workgroup shares.
    pub workgroup_memory: u32,
    /// Invocations of a workgroup, and how many may be along each axis.
    pub invocations: u32,
    pub workgroup: [u32; 3],
    /// Workgroups of a dispatch along each axis.
    pub workgroups: u32,
    /// Storage buffers of a dispatch.
    pub storage_buffers: u32,
    /// Whether it has this feature.
    pub subgroups: bool,
    /// Whether products are to be computed in float16, which takes the feature `shader-f16`.
    pub f16: bool,
    /// Whether it is no GPU but a processor that stands in for one.
    pub fallback: bool,
}

impl Default for Limits {
    /// The least that WebGPU allows.
    fn default() -> Self {
        Limits {
            binding: 128 << 20,
            buffer: 256 << 20,
            workgroup_memory: 16 << 10,
            invocations: 256,
            workgroup: [256, 256, 64],
            workgroups: 65535,
            storage_buffers: 8,
            subgroups: false,
            f16: false,
            fallback: false,
        }
    }
}

/// A map in a buffer: its layout's offset counts from where the buffer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    pub buffer: usize,
    pub layout: Layout,
}

impl Map {
    /// Its offset, and its steps from image to image, row to row and pixel to pixel, in vec4s: a `vec4<u32>` to a shader.
    pub fn words(&self) -> [u32; 4] {
        let Layout { offset, image, row, pixel, .. } = self.layout;
        [offset, image, row, pixel].map(|floats| {
            debug_assert!(floats % 4 == 0, "{self:?} lies between vec4s");
            (floats / 4) as u32
        })
    }

    /// vec4s of a pixel's channels.
    pub fn groups(&self) -> usize {
        self.layout.c.div_ceil(4)
    }

    /// Its images, rows and columns, and vec4s of a pixel.
    pub fn size(&self) -> [u32; 4] {
        let Layout { n, h, w, .. } = self.layout;
        [n, h, w, self.groups()].map(|side| side as u32)
    }

    /// vec4s of all its pixels.
    pub fn vec4s(&self) -> usize {
        self.layout.pixels() * self.groups()
    }
}

/// What a binding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The whole buffer of a map.
    Buffer(usize),
    /// A part of a node's weights: parts are numbered by whoever packs them.
    Weights { node: usize, part: usize },
    /// Zeros, for what a step has not.
    Nothing,
}

/// One dispatch. Binding 0 is its `params`, the others follow in the order of `bindings`; the last is the one that it
/// writes, and the only one.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// A key of the table of texts.
    pub shader: &'static str,
    /// Override constants.
    pub constants: Vec<(&'static str, f64)>,
    /// The uniform, word by word; floats by their bits.
    pub params: Vec<u32>,
    pub bindings: Vec<Source>,
    pub grid: [u32; 3],
}

/// Bytes for a part of a node's weights, from one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub part: usize,
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// Invocations of a workgroup where nothing speaks for another number.
pub const WORKGROUP: u32 = 64;

/// Workgroups for so many invocations, in two axes where one has no room; `index` in gpu.wgsl numbers them. Whoever is
/// beyond the last has nothing to do.
pub fn grid(invocations: usize, workgroup: u32) -> [u32; 3] {
    workgroups(invocations.div_ceil(workgroup as usize))
}

/// So many workgroups, likewise.
pub fn workgroups(count: usize) -> [u32; 3] {
    let most = Limits::default().workgroups as usize;
    let rows = count.div_ceil(most).max(1);
    [count.div_ceil(rows) as u32, rows as u32, 1]
}

/// Parameters, four words at a time.
pub fn words(fours: &[[u32; 4]]) -> Vec<u32> {
    fours.concat()
}

/// Threads that share a pixel where they go over its channels: a power of two, so that each has some vec4s.
pub fn lanes(map: &Map) -> usize {
    (map.groups() / 4).clamp(1, WORKGROUP as usize).next_power_of_two()
}

/// Sums of a workgroup that subgroups make at most: each subgroup makes all of them.
const BY_SUBGROUPS: usize = 2;

/// The shader that makes so many sums in a workgroup: of two forms the one by subgroups, where the device has them and the sums are
/// few. A processor that stands in for a GPU takes 0.6 to 0.9 of the time so.
pub fn summing(forms: [&'static str; 2], limits: &Limits, sums: usize) -> &'static str {
    forms[(limits.subgroups && sums <= BY_SUBGROUPS) as usize]
}

/// The same for threads that share pixels, so many one.
pub fn sharing(forms: [&'static str; 2], limits: &Limits, lanes: usize) -> &'static str {
    summing(forms, limits, WORKGROUP as usize / lanes)
}

/// Cells that an output of an adaptive pooling sees, from which on all threads of a workgroup have some.
const MANY: usize = 128;

/// The dispatch of an adaptive pooling: a workgroup of 256 has an output cell, and a few vec4s of its channels side by side.
pub fn adaptive(forms: [&'static str; 2], limits: &Limits, x: Map, y: Map) -> Dispatch {
    let cells = x.layout.h.div_ceil(y.layout.h) * x.layout.w.div_ceil(y.layout.w);
    // A processor that stands in for a GPU takes up to 4 times as long so.
    let limits = &Limits { subgroups: limits.subgroups && !limits.fallback, ..*limits };
    let most = if limits.subgroups && cells >= MANY { BY_SUBGROUPS } else { 8 };
    // Fewer where there are few, so that a large map is read by many workgroups.
    let together = (y.groups() / 8).clamp(1, most).next_power_of_two();
    Dispatch {
        shader: summing(forms, limits, together),
        constants: vec![("GROUPS", together as f64)],
        params: words(&[x.words(), y.words(), y.size(), [x.layout.h as u32, x.layout.w as u32, 0, 0]]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: workgroups(y.layout.pixels() * y.groups().div_ceil(together)),
    }
}

/// How a shader finishes its sums: activation(y * scale + shift + add), as `epilogue.wgsl` has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue {
    /// The node and the part with the scales and shifts: for each vec4 of channels one of scales, then one of shifts.
    pub affine: Option<(usize, usize)>,
    /// A map of the output's size.
    pub add: Option<Map>,
    pub activation: Activation,
}

impl Epilogue {
    pub fn constants(&self) -> [(&'static str, f64); 3] {
        [
            ("ACTIVATION", self.activation as u32 as f64),
            ("HAS_AFFINE", self.affine.is_some() as u32 as f64),
            ("HAS_ADD", self.add.is_some() as u32 as f64),
        ]
    }

    /// Of the shader's `affine` and `summand`, in this order.
    pub fn bindings(&self) -> [Source; 2] {
        [
            self.affine.map_or(Source::Nothing, |(node, part)| Source::Weights { node, part }),
            self.add.map_or(Source::Nothing, |map| Source::Buffer(map.buffer)),
        ]
    }

    /// The summand's words; zeros where there is none.
    pub fn words(&self) -> [u32; 4] {
        self.add.map_or([0; 4], |map| map.words())
    }
}

/// Scales and shifts as an epilogue reads them: their bytes, filled up to whole vec4s with zeros.
pub fn pack_affine(channels: usize, at: impl Fn(usize) -> (f32, f32)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(channels.next_multiple_of(4) * 8);
    for group in (0..channels).step_by(4) {
        let pairs: [(f32, f32); 4] =
            std::array::from_fn(|i| if group + i < channels { at(group + i) } else { (0.0, 0.0) });
        bytes.extend(pairs.iter().flat_map(|(scale, _)| scale.to_le_bytes()));
        bytes.extend(pairs.iter().flat_map(|(_, shift)| shift.to_le_bytes()));
    }
    bytes
}
