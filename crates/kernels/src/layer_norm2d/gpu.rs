//! A layer_norm2d's dispatch.

use crate::gpu::{Dispatch, Epilogue, Map, Source, WORKGROUP, grid, lanes, words};

pub fn dispatch(eps: f32, x: Map, y: Map, epilogue: &Epilogue) -> Dispatch {
    let [affine, summand] = epilogue.bindings();
    let lanes = lanes(&x);
    let numbers = [x.layout.c as u32, eps.to_bits(), 0, 0];
    Dispatch {
        shader: "layer_norm2d",
        constants: epilogue.constants().into_iter().chain([("LANES", lanes as f64)]).collect(),
        params: words(&[x.words(), y.words(), epilogue.words(), y.size(), numbers]),
        bindings: vec![Source::Buffer(x.buffer), affine, summand, Source::Buffer(y.buffer)],
        grid: grid(y.layout.pixels() * lanes, WORKGROUP),
    }
}
