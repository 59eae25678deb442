//! A mul's dispatch.

use crate::gpu::{Dispatch, Epilogue, Map, Source, WORKGROUP, grid, words};
use crate::layout::Layout;

/// `b` is of the size of `a`, or [n, c, 1, 1].
pub fn dispatch(a: Map, b: Map, y: Map, epilogue: &Epilogue) -> Dispatch {
    // One pixel in all places.
    let b = match b.layout {
        layout @ Layout { h: 1, w: 1, .. } => Map { layout: Layout { row: 0, pixel: 0, ..layout }, ..b },
        _ => b,
    };
    let [affine, summand] = epilogue.bindings();
    let inputs = [Source::Buffer(a.buffer), Source::Buffer(b.buffer)];
    Dispatch {
        shader: "mul",
        constants: epilogue.constants().to_vec(),
        params: words(&[a.words(), b.words(), y.words(), epilogue.words(), y.size()]),
        bindings: inputs.into_iter().chain([affine, summand, Source::Buffer(y.buffer)]).collect(),
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
