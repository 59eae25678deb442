//! A pad_channels' dispatch.

use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

/// `before` channels of zeros stand in front of those of `x`.
pub fn dispatch(before: usize, x: Map, y: Map) -> Dispatch {
    let channels = [before as u32, x.layout.c as u32, 0, 0];
    Dispatch {
        shader: "pad_channels",
        constants: vec![],
        params: words(&[x.words(), y.words(), y.size(), channels]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
