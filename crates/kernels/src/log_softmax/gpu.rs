//! A log_softmax's dispatch.

use crate::gpu::{Dispatch, Limits, Map, Source, WORKGROUP, grid, lanes, sharing, words};

pub fn dispatch(limits: &Limits, x: Map, y: Map) -> Dispatch {
    let lanes = lanes(&x);
    Dispatch {
        shader: sharing(["log_softmax", "log_softmax_subgroups"], limits, lanes),
        constants: vec![("LANES", lanes as f64)],
        params: words(&[x.words(), y.words(), y.size(), [x.layout.c as u32, 0, 0, 0]]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.layout.pixels() * lanes, WORKGROUP),
    }
}
