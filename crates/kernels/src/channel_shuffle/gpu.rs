//! A channel_shuffle's dispatch.

use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

/// `groups` is a divisor of the channels.
pub fn dispatch(groups: usize, x: Map, y: Map) -> Dispatch {
    let channels = [groups as u32, x.layout.c as u32, 0, 0];
    Dispatch {
        shader: "channel_shuffle",
        constants: vec![],
        params: words(&[x.words(), y.words(), y.size(), channels]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
