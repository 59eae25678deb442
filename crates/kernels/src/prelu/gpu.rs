//! A prelu's dispatch.

use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

/// Slopes for `channels` channels from a slope each or one for all: their bytes, filled up to whole vec4s with zeros.
pub fn pack(weight: &[f32], channels: usize) -> Vec<u8> {
    let slope = |c: usize| if c < channels { weight[c % weight.len()] } else { 0.0 };
    (0..channels.next_multiple_of(4)).flat_map(|c| slope(c).to_le_bytes()).collect()
}

/// The slopes are a part of the node's weights.
pub fn dispatch(x: Map, y: Map, [node, part]: [usize; 2]) -> Dispatch {
    let slopes = Source::Weights { node, part };
    Dispatch {
        shader: "prelu",
        constants: vec![],
        params: words(&[x.words(), y.words(), y.size()]),
        bindings: vec![Source::Buffer(x.buffer), slopes, Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
