//! An add's dispatches.

use crate::activation::Activation;
use crate::gpu::{Dispatch, Map, Source, WORKGROUP, grid, words};

/// Maps that one dispatch sums: as many as it may bind beside the result.
const MOST: usize = 7;

/// One dispatch for every seven of the two maps or more.
pub fn dispatches(xs: &[Map], y: Map, activation: Activation) -> Vec<Dispatch> {
    let last = xs.len().div_ceil(MOST) - 1;
    let one = |(i, xs): (usize, &[Map])| {
        let activation = if i == last { activation } else { Activation::Identity };
        let mut places = [[0; 4]; MOST + 2];
        let mut bindings = vec![Source::Nothing; MOST];
        for (i, x) in xs.iter().enumerate() {
            places[i] = x.words();
            bindings[i] = Source::Buffer(x.buffer);
        }
        (places[MOST], places[MOST + 1]) = (y.words(), y.size());
        bindings.push(Source::Buffer(y.buffer));
        Dispatch {
            shader: "add",
            constants: vec![
                ("ACTIVATION", activation as u32 as f64),
                ("COUNT", xs.len() as f64),
                ("HAS_SUM", (i > 0) as u32 as f64),
            ],
            params: words(&places),
            bindings,
            grid: grid(y.vec4s(), WORKGROUP),
        }
    };
    xs.chunks(MOST).enumerate().map(one).collect()
}
