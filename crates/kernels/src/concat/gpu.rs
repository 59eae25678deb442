//! A copy's dispatch.

use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};
use crate::layout::Layout;

/// Either map may begin between vec4s.
pub fn dispatch(x: Map, y: Map) -> Dispatch {
    let lane = |map: &Map| map.layout.offset % 4;
    let whole =
        |map: Map| Map { layout: Layout { offset: map.layout.offset - lane(&map), ..map.layout }, ..map };
    let written = (lane(&y) + x.layout.c).div_ceil(4);
    let Layout { n, h, w, .. } = y.layout;
    let lanes = [lane(&x), lane(&y), x.layout.c, 0].map(|number| number as u32);
    let size = [n, h, w, written].map(|number| number as u32);
    Dispatch {
        shader: "concat",
        constants: vec![],
        params: words(&[whole(x).words(), whole(y).words(), size, lanes]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(n * h * w * written, WORKGROUP),
    }
}
