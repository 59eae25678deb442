//! A layer_norm2d's dispatch.

use crate::gpu::{Dispatch, Epilogue, Limits, Map, Source, WORKGROUP, grid, lanes, sharing, words};

pub fn dispatch(limits: &Limits, eps: f32, x: Map, y: Map, epilogue: &Epilogue) -> Dispatch {
    let [affine, summand] = epilogue.bindings();
    let lanes = lanes(&x);
    let numbers = [x.layout.c as u32, eps.to_bits(), 0, 0];
    Dispatch {
        shader: sharing(["layer_norm2d", "layer_norm2d_subgroups"], limits, lanes),
        constants: epilogue.constants().into_iter().chain([("LANES", lanes as f64)]).collect(),
        params: words(&[x.words(), y.words(), epilogue.words(), y.size(), numbers]),
        bindings: vec![Source::Buffer(x.buffer), affine, summand, Source::Buffer(y.buffer)],
        grid: grid(y.layout.pixels() * lanes, WORKGROUP),
    }
}
