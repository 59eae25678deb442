//! A padding's dispatch.

use super::Pad2d;
use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

pub fn dispatch(spec: &Pad2d, x: Map, y: Map) -> Dispatch {
    let [top, left, ..] = spec.padding.map(|side| side as u32);
    let sides = [top, left, x.layout.h as u32, x.layout.w as u32];
    Dispatch {
        shader: "pad2d",
        constants: vec![],
        params: words(&[x.words(), y.words(), y.size(), sides]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
