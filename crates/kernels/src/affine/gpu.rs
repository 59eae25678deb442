//! An affine's dispatch.

use crate::gpu::{Dispatch, Epilogue, Map, Source, WORKGROUP, grid, words};

pub fn dispatch(x: Map, y: Map, epilogue: &Epilogue) -> Dispatch {
    let [affine, summand] = epilogue.bindings();
    Dispatch {
        shader: "affine",
        constants: epilogue.constants().to_vec(),
        params: words(&[x.words(), y.words(), epilogue.words(), y.size()]),
        bindings: vec![Source::Buffer(x.buffer), affine, summand, Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
