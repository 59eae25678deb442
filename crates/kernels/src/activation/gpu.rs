//! An activation's dispatch.

use super::Activation;
use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

pub fn dispatch(activation: Activation, x: Map, y: Map) -> Dispatch {
    Dispatch {
        shader: "activation",
        constants: vec![("ACTIVATION", activation as u32 as f64)],
        params: words(&[x.words(), y.words(), y.size()]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
