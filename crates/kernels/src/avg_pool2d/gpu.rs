//! An average pooling's dispatch.

use super::AvgPool2d;
use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

pub fn dispatch(spec: &AvgPool2d, x: Map, y: Map) -> Dispatch {
    let [v, s] = &spec.windows;
    let [h, w] = [x.layout.h, x.layout.w];
    let pairs = [
        [v.kernel, s.kernel, v.stride, s.stride],
        [v.padding[0], s.padding[0], v.dilation, s.dilation],
        [h, w, h + v.padding[0] + v.padding[1], w + s.padding[0] + s.padding[1]],
    ];
    let [kernel, padding, cells] = pairs.map(|four| four.map(|number| number as u32));
    Dispatch {
        shader: "avg_pool2d",
        constants: vec![("COUNT_INCLUDE_PAD", spec.count_include_pad as u32 as f64)],
        params: words(&[x.words(), y.words(), y.size(), kernel, padding, cells]),
        bindings: vec![Source::Buffer(x.buffer), Source::Buffer(y.buffer)],
        grid: grid(y.vec4s(), WORKGROUP),
    }
}
