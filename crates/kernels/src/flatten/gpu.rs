//! A flatten's dispatch, both ways.

use super::Direction;
use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

/// `flat` is the buffer of the channels-first floats, where they begin in it, and how many there are from image to image: what
/// lies behind an image's own is set to zero.
pub fn dispatch(direction: Direction, map: Map, flat: [usize; 3]) -> Dispatch {
    let [buffer, offset, image] = flat;
    let numbers = [map.layout.c, offset, image, 0].map(|number| number as u32);
    let to_first = direction == Direction::ToChannelsFirst;
    let mut bindings = vec![Source::Buffer(buffer), Source::Buffer(map.buffer)];
    if to_first {
        bindings.reverse();
    }
    Dispatch {
        shader: "flatten",
        constants: vec![("TO_FIRST", to_first as u32 as f64)],
        params: words(&[map.words(), map.size(), numbers]),
        bindings,
        grid: grid(if to_first { map.layout.n * image } else { map.vec4s() }, WORKGROUP),
    }
}
