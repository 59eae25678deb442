//! The packed weights of a network, node by node.

use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Id, Node};
use crate::shape::MOST;
use kernels::simd::Best;
use kernels::tile::Panels;
use kernels::{conv2d, linear};

/// What a node's kernel reads.
pub enum Packed {
    /// A `Panels` a group.
    Conv2d(Vec<Panels>),
    Linear(Panels),
}

/// Packs the weights of node `id`, given as in a checkpoint (PyTorch's order).
pub fn pack(graph: &Graph, id: Id, weight: &[f32], bias: Option<&[f32]>) -> Result<Packed> {
    let node =
        graph.nodes.get(id).ok_or_else(|| Error::new(Code::BadNet, format!("there is no node {id}")))?;
    let wrong = |message: String| Error::new(Code::WeightShape, message).at(node.path());
    let check = |weights: usize, outputs: usize, wants_bias: bool| {
        if weight.len() != weights {
            return Err(wrong(format!("expects {weights} weights, got {}", weight.len())));
        }
        if bias.map(<[f32]>::len) != wants_bias.then_some(outputs) {
            return Err(wrong(format!("its bias has the wrong size for {outputs} outputs")));
        }
        Ok(())
    };
    let full = || Error::new(Code::TooLarge, "there is no memory left for its weights").at(node.path());
    // Checked before any of these numbers is multiplied as a usize. A panel is filled up, to less than 64 columns more.
    let fits = |groups: usize, outputs: usize, depth: [usize; 3]| {
        let columns = groups as u128 * outputs.next_multiple_of(64) as u128;
        let floats = depth.iter().fold(columns, |floats, &side| floats * side as u128);
        let message = "its weights need more memory than there can be";
        (floats < MOST as u128)
            .then_some(())
            .ok_or_else(|| Error::new(Code::TooLarge, message).at(node.path()))
    };
    match node {
        Node::Conv2d { bias: wants_bias, .. } => {
            let spec = node.conv2d().expect("a conv2d");
            let [kh, kw] = spec.kernel;
            fits(spec.groups, spec.out_channels / spec.groups, [spec.in_channels / spec.groups, kh, kw])?;
            check(spec.out_channels * spec.depth(), spec.out_channels, *wants_bias)?;
            conv2d::pack::<Best>(&spec, weight, bias).map(Packed::Conv2d).ok_or_else(full)
        }
        Node::Linear { inputs, in_features, out_features, bias: wants_bias, .. } => {
            let spec = linear::Linear { in_features: *in_features, out_features: *out_features };
            fits(1, *out_features, [*in_features, 1, 1])?;
            check(in_features * out_features, *out_features, *wants_bias)?;
            let channels = match graph.flatten_is_free(inputs[0]) {
                true => graph.channels()[inputs[0]].unwrap_or(1),
                false => 1,
            };
            if in_features % channels != 0 {
                return Err(wrong(format!("{in_features} features are no map of {channels} channels")));
            }
            linear::pack::<Best>(&spec, channels, weight, bias).map(Packed::Linear).ok_or_else(full)
        }
        _ => Err(Error::new(Code::BadNet, "the layer has no weights").at(node.path())),
    }
}

/// Bytes that packed weights hold.
pub fn bytes(packed: &Packed) -> usize {
    match packed {
        Packed::Conv2d(groups) => groups.iter().map(Panels::bytes).sum(),
        Packed::Linear(panels) => panels.bytes(),
    }
}
