//! fuse: which operators run, merged where one can do another's work, and whose map lies inside whose.

#[cfg(any(feature = "webgpu", test))]
mod align;
mod before;
mod concat;
mod finish;

#[cfg(any(feature = "webgpu", test))]
pub use align::align;

use crate::graph::{Graph, Id, Op};
use crate::shape::Shape;
use kernels::activation::Activation;

/// One kernel to run: the node it comes from, the maps it reads and the one it writes, by the id of the node they are the
/// output of. What it makes of its inputs is finished as activation(y * scale + add), parts that other nodes brought along.
#[derive(Clone, Debug, PartialEq)]
pub struct Work {
    pub node: Id,
    pub reads: Vec<Id>,
    pub writes: Id,
    pub before: Option<Before>,
    pub scale: Option<Scale>,
    pub add: Option<Id>,
    pub activation: Activation,
}

/// A number for each channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The scale and shift of a node (a batch norm, a layer scale, constants).
    Node(Id),
    /// A map of one pixel (squeeze-excite).
    Map(Id),
}

/// What is done to the input of a convolution while it is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Before {
    pub scale: Scale,
    pub activation: Activation,
}

impl Work {
    /// All maps that it reads.
    pub fn all_reads(&self) -> impl Iterator<Item = Id> {
        let scale = |scale: Option<Scale>| match scale {
            Some(Scale::Map(id)) => Some(id),
            _ => None,
        };
        let vectors = [scale(self.scale), scale(self.before.map(|before| before.scale)), self.add];
        self.reads.iter().copied().chain(vectors.into_iter().flatten())
    }

    /// Those of them that it finishes with.
    pub fn finishes_with(&self, id: Id) -> bool {
        self.add == Some(id) || self.scale == Some(Scale::Map(id))
    }
}

/// Where a node's map lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In a buffer of its own.
    Own,
    /// It is another node's map from a channel on, maybe under another shape: nothing writes it (slice, free flatten).
    View(Id, usize),
    /// It is written into the channels of another node's map, from the given one on (a concat's branch).
    Part(Id, usize),
}

/// The kernels to run, in order, and each node's home.
#[derive(Clone, Debug)]
pub struct Fused {
    pub works: Vec<Work>,
    pub homes: Vec<Home>,
}

impl Fused {
    /// The node whose buffer holds `id`, and the channel at which it begins there.
    pub fn buffer(&self, mut id: Id) -> (Id, usize) {
        let mut channel = 0;
        loop {
            match self.homes[id] {
                Home::Own => return (id, channel),
                Home::View(other, first) | Home::Part(other, first) => {
                    (id, channel) = (other, channel + first);
                }
            }
        }
    }

    /// The node whose work writes the map of `id`.
    pub fn written(&self, mut id: Id) -> Id {
        while let Home::View(other, _) = self.homes[id] {
            id = other;
        }
        id
    }

    /// Whether one kernel alone reads the map of `id`, once, and nobody asked for it, under whatever shape.
    fn is_private(&self, id: Id, requested: &[Id]) -> bool {
        let is_it = |other: Id| self.written(other) == id;
        let readers = self.works.iter().flat_map(Work::all_reads).filter(|&other| is_it(other)).count();
        readers == 1 && !requested.iter().any(|&other| is_it(other))
    }
}

/// Fuses the part of the graph that the requested outputs need. A requested output is a reader: no fusion swallows it.
/// `takes_before` says which nodes can change what they read while they read it.
pub fn fuse(graph: &Graph, shapes: &[Shape], requested: &[Id], takes_before: impl Fn(Id) -> bool) -> Fused {
    let mut fused = needed(graph, shapes, requested);
    finish::into_producers(&mut fused, graph, requested);
    before::into_readers(&mut fused, graph, requested, takes_before);
    concat::into_channels(&mut fused, graph, shapes);
    fused
}

/// The kernels that the requested outputs depend on.
fn needed(graph: &Graph, shapes: &[Shape], requested: &[Id]) -> Fused {
    let needed = graph.needed(requested);
    let mut fused = Fused { works: Vec::new(), homes: vec![Home::Own; graph.nodes.len()] };
    for (id, node) in graph.nodes.iter().enumerate().filter(|&(id, _)| needed[id]) {
        let mut work = Work {
            node: id,
            reads: node.inputs.clone(),
            writes: id,
            before: None,
            scale: None,
            add: None,
            activation: Activation::Identity,
        };
        match node.op {
            Op::Flatten if graph.flatten_is_free(id) => {
                fused.homes[id] = Home::View(node.inputs[0], 0);
                continue;
            }
            Op::Slice { start, .. } => {
                fused.homes[id] = Home::View(node.inputs[0], start);
                continue;
            }
            Op::Activation { kind } => work.activation = kind.into(),
            Op::BatchNorm2d { .. } | Op::LayerScale { .. } | Op::Affine { .. } | Op::LayerNorm2d { .. } => {
                work.scale = Some(Scale::Node(id));
            }
            Op::Add if node.inputs.len() == 2 => work.add = work.reads.pop(),
            Op::Mul if node.is_scale(|id| shapes[id]) => work.scale = work.reads.pop().map(Scale::Map),
            _ => {}
        }
        fused.works.push(work);
    }
    fused
}

#[cfg(test)]
mod tests {
    use super::{Fused, Home, fuse};
    use crate::graph::{Graph, Id};
    use crate::shape::infer;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// Fuses layers, each given by its fields and what it reads, over an input (node 0) of 3 x 4 x 4.
    pub fn fused(layers: &[(&str, &[Id])], requested: &[Id], takes_before: impl Fn(Id) -> bool) -> Fused {
        let layer =
            |(fields, reads): &(&str, &[Id])| format!(r#",{{{fields},"inputs":{reads:?},"path":""}}"#);
        let layers: String = layers.iter().map(layer).collect();
        let json = format!(r#"{{"output":0,"nodes":[{{"op":"input","channels":3}}{layers}]}}"#);
        let graph = Graph::parse(&json).expect("a sound graph");
        let shapes = infer(&graph, [1, 3, 4, 4]).expect("layers that fit");
        fuse(&graph, &shapes, requested, takes_before)
    }

    #[test]
    fn slices_and_free_flattens_are_views() {
        let slice = |start: usize| format!(r#""op":"slice","start":{start},"end":3"#);
        let (outer, inner) = (slice(1), slice(1).replace("3", "2"));
        let linear = r#""op":"linear","in_features":16,"out_features":2,"bias":false"#;
        let layers: [(&str, &[Id]); 4] =
            [(&outer, &[0]), (&inner, &[1]), (r#""op":"flatten""#, &[2]), (linear, &[3])];
        let fused = fused(&layers, &[4], |_| false);
        assert_eq!(fused.homes, [Home::Own, Home::View(0, 1), Home::View(1, 1), Home::View(2, 0), Home::Own]);
        assert_eq!((fused.buffer(3), fused.written(3)), ((0, 2), 0));
        assert_eq!(fused.works.iter().map(|work| work.node).collect::<Vec<_>>(), [0, 4]);
    }

    #[test]
    fn what_nobody_needs_does_not_run() {
        let relu = r#""op":"activation","kind":"relu""#;
        let layers: [(&str, &[Id]); 3] = [(relu, &[0]), (relu, &[1]), (relu, &[0])];
        let nodes = |requested: &[Id]| -> Vec<Id> {
            fused(&layers, requested, |_| false).works.iter().map(|work| work.writes).collect()
        };
        assert_eq!(nodes(&[1]), [0, 1]);
        assert_eq!(nodes(&[0]), [0]);
        assert_eq!(nodes(&[1, 3]), [0, 1, 3]);
        assert!(nodes(&[2]).ends_with(&[2]));
    }
}
