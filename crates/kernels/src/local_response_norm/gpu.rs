//! A local_response_norm's dispatch.

use super::LocalResponseNorm;
use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

pub fn dispatch(spec: &LocalResponseNorm, x: Map, y: Map) -> Dispatch {
    let LocalResponseNorm { size, alpha, beta, k } = *spec;
    let taps = [x.layout.c as u32, size as u32, (size / 2) as u32, (alpha / size as f32).to_bits()];
    Dispatch {
        shader: "local_response_norm",
        constants: vec![],
        params: words(&[x.words(), y.words(), y.size(), taps, [beta.to_bits(), k.to_bits(), 0, 0]]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
