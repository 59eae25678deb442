//! A log_softmax's dispatch.

use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, lanes, words};

pub fn dispatch(x: Map, y: Map) -> Dispatch {
    let lanes = lanes(&x);
    Dispatch {
        shader: "log_softmax",
        constants: vec![("LANES", lanes as f64)],
        params: words(&[x.words(), y.words(), y.size(), [x.layout.c as u32, 0, 0, 0]]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.layout.pixels() * lanes, WORKGROUP),
    }
}
