//! fuse: which operators run, merged where one can do another's work, and whose map lies inside whose.

mod concat;
mod relu;

use crate::graph::{Graph, Id, Node};
use crate::shape::Shape;
use kernels::activation::Activation;

/// One operator to run: the node it comes from, the maps it reads and the one it writes, by the id of the node they are
/// the output of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    pub node: Id,
    pub reads: Vec<Id>,
    pub writes: Id,
    pub activation: Activation,
}

/// Where a node's map lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In a buffer of its own.
    Own,
    /// It is another node's map under another shape (a flatten that needs no work).
    Same(Id),
    /// In the channels of another node's map, from the given one on.
    Part(Id, usize),
}

/// The operators to run, in order, and each node's home.
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
                Home::Same(other) => id = other,
                Home::Part(other, first) => (id, channel) = (other, channel + first),
            }
        }
    }

    /// How many operators read the map of `id`, under whatever shape.
    fn readers(&self, id: Id) -> usize {
        let same = |&read: &Id| read == id || self.homes[read] == Home::Same(id);
        self.works.iter().map(|work| work.reads.iter().filter(|read| same(read)).count()).sum()
    }
}

/// Fuses the part of the graph that the requested outputs need. A requested output is a reader: no fusion swallows it.
pub fn fuse(graph: &Graph, shapes: &[Shape], requested: &[Id]) -> Fused {
    let mut fused = needed(graph, requested);
    relu::into_producers(&mut fused, graph, requested);
    concat::into_channels(&mut fused, graph, shapes);
    fused
}

/// The operators that the requested outputs depend on.
fn needed(graph: &Graph, requested: &[Id]) -> Fused {
    let mut needed = vec![false; graph.nodes.len()];
    for &id in requested {
        needed[id] = true;
    }
    for (id, node) in graph.nodes.iter().enumerate().rev() {
        if needed[id] {
            node.inputs().iter().for_each(|&i| needed[i] = true);
        }
    }
    let mut fused = Fused { works: Vec::new(), homes: vec![Home::Own; graph.nodes.len()] };
    for (id, node) in graph.nodes.iter().enumerate().filter(|&(id, _)| needed[id]) {
        if graph.flatten_is_free(id) {
            fused.homes[id] = Home::Same(node.inputs()[0]);
        } else {
            let reads = node.inputs().to_vec();
            fused.works.push(Work { node: id, reads, writes: id, activation: Activation::Identity });
        }
    }
    fused
}

/// Whether an operator can apply an activation to what it stores.
fn can_activate(node: &Node) -> bool {
    matches!(node, Node::Conv2d { .. } | Node::Linear { .. })
}
