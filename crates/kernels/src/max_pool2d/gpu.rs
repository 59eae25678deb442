//! A max pooling's dispatch.

use super::MaxPool2d;
use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

pub fn dispatch(spec: &MaxPool2d, x: Map, y: Map) -> Dispatch {
    let [v, s] = &spec.windows;
    let pairs = [
        [v.kernel, s.kernel, v.stride, s.stride],
        [v.padding[0], s.padding[0], v.dilation, s.dilation],
        [x.layout.h, x.layout.w, 0, 0],
    ];
    let [kernel, padding, cells] = pairs.map(|four| four.map(|number| number as u32));
    Dispatch {
        shader: "max_pool2d",
        constants: vec![],
        params: words(&[x.words(), y.words(), y.size(), kernel, padding, cells]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
