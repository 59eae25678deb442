//! The pair's dispatch. The weights are those of two convolutions by `conv2d::gpu`'s direct algorithm, as they are packed for
//! it.

use crate::activation::Activation;
use crate::conv2d::Conv2d;
use crate::conv2d::gpu::{Algorithm, parts, storage_number};
use crate::gpu::{Dispatch, Limits, Map, Source};
use crate::storage::Storage;

/// Numbers that workgroup memory has room for between the convolutions.
const HIDDEN: usize = 1024;
const INVOCATIONS: usize = 256;
/// vec4s of results that are worth a workgroup that computes the first convolution anew, and workgroups at most.
const EACH: usize = 32;
const MOST: usize = 4;

/// One of the convolutions.
#[derive(Clone, Copy, Debug)]
pub struct Half<'a> {
    pub spec: &'a Conv2d,
    pub storage: Storage,
    /// Whose weights they are.
    pub node: usize,
    pub activation: Activation,
}

/// Whether two convolutions, the second of what the first gives, can be done so where their map is one pixel.
pub fn fits(specs: [&Conv2d; 2], storages: [Storage; 2], limits: &Limits) -> bool {
    let is_plain = |spec: &Conv2d| {
        let Conv2d { kernel, stride: _, padding, groups, .. } = spec;
        (*kernel, *padding, *groups) == ([1; 2], [0; 4], 1)
    };
    let is_whole =
        |(spec, storage): (&Conv2d, Storage)| parts(spec, Algorithm::Direct, storage, limits).len() == 2;
    specs.into_iter().all(is_plain)
        && specs.into_iter().zip(storages).all(is_whole)
        && specs[0].out_channels == specs[1].in_channels
        && specs[0].out_channels <= HIDDEN
}

/// The pair over given maps.
pub struct Job<'a> {
    pub halves: [Half<'a>; 2],
    /// [n, c, 1, 1] both.
    pub x: Map,
    pub y: Map,
}

impl Job<'_> {
    pub fn dispatch(&self) -> Dispatch {
        let [first, second] = self.halves;
        let [features, hidden, outputs] =
            [first.spec.in_channels, first.spec.out_channels, second.spec.out_channels]
                .map(|c| c.div_ceil(4));
        let parts = (outputs / EACH).clamp(1, MOST);
        let each = outputs.div_ceil(parts);
        // As many outputs at once as there are, and all invocations at work.
        let team = |outputs: usize, numbers: usize| {
            let room = (INVOCATIONS / outputs.min(INVOCATIONS)).next_power_of_two();
            room.min(numbers.next_power_of_two()).clamp(4, 64)
        };
        let [x, y] = [self.x, self.y].map(|map| [map.words()[0], map.words()[1]]);
        let mut params = [x, y].as_flattened().to_vec();
        params.extend([4 * features, hidden, outputs, each].map(|number| number as u32));
        let constants = vec![
            ("FIRST_STORAGE", storage_number(first.storage)),
            ("FIRST_ACTIVATION", first.activation as u32 as f64),
            ("SECOND_STORAGE", storage_number(second.storage)),
            ("SECOND_ACTIVATION", second.activation as u32 as f64),
            ("FIRST_TEAM", team(hidden, 4 * features) as f64),
            ("SECOND_TEAM", team(each, hidden) as f64),
        ];
        let of = |half: &Half| [0, 1].map(|part| Source::Weights { node: half.node, part });
        let mut bindings = vec![Source::Buffer(self.x.buffer)];
        bindings.extend(self.halves.iter().flat_map(of));
        bindings.push(Source::Buffer(self.y.buffer));
        let grid = [outputs.div_ceil(each) as u32, self.x.layout.n as u32, 1];
        Dispatch { shader: "excite", constants, params, bindings, grid }
    }
}
