//! The packed weights of a network, node by node: for each convolution this is where its algorithm is chosen.

use crate::algorithm::Algorithm;
use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Id, Node, Op};
use crate::shape::{MOST, MOST_FEATURES};
use kernels::conv2d::{grouped, winograd};
use kernels::epilogue::Affine;
use kernels::layout::Floats;
use kernels::panels::Panels;
use kernels::simd::Best;
use kernels::storage::Storage;
use kernels::{batch_norm2d, conv2d, linear, prelu};
use std::sync::Arc;

/// What a node's kernel reads.
pub enum Packed {
    /// A `Panels` a group.
    Direct(Vec<Panels>),
    Winograd(Box<winograd::Winograd>),
    Grouped(grouped::Weights),
    Linear(Panels),
    /// A batch norm, a layer norm, a layer scale, a network's constants.
    Affine(Affine),
    /// A prelu's slopes.
    Prelu(Floats),
}

impl Packed {
    /// Whether a convolution wants its padding around its input, as zeros.
    pub fn reads_halo(&self) -> bool {
        matches!(self, Packed::Direct(_) | Packed::Grouped(_) | Packed::Linear(_))
    }

    /// Whether the node's kernel can scale what it reads while it reads it.
    pub fn takes_before(&self, node: &Node) -> bool {
        let Op::Conv2d { kernel: [1, 1], padding: [0, 0, 0, 0], groups: 1, .. } = node.op else {
            return false;
        };
        matches!(self, Packed::Direct(_))
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Packed::Direct(groups) => groups.iter().map(Panels::bytes).sum(),
            Packed::Winograd(weights) => weights.bytes(),
            Packed::Grouped(weights) => weights.bytes(),
            Packed::Linear(panels) => panels.bytes(),
            Packed::Affine(affine) => affine.bytes(),
            Packed::Prelu(slopes) => 4 * slopes.len(),
        }
    }
}

/// Weights do not depend on the size of maps; what a padding to the same size comes to, does.
const ANY_SIZE: [usize; 2] = [1, 1];

/// A node's weights while they come, piece by piece.
pub struct Packing {
    packed: Packed,
    /// Outputs whose weights are there.
    done: usize,
}

impl Packing {
    /// Whether all of the weights are there.
    pub fn is_finished(&self, node: &Node) -> bool {
        self.done == rows(node)[0]
    }

    /// The weights.
    pub fn into_packed(self) -> Packed {
        self.packed
    }
}

/// How many outputs a node's weights are for, and how many numbers each has.
pub fn rows(node: &Node) -> [usize; 2] {
    match node.op {
        Op::Conv2d { in_channels, out_channels, groups, kernel: [kh, kw], .. } => {
            [out_channels, in_channels / groups * kh * kw]
        }
        Op::Linear { in_features, out_features, .. } => [out_features, in_features],
        // In one piece.
        Op::BatchNorm2d { channels, affine, .. } => [1, channels * if affine { 4 } else { 2 }],
        Op::LayerNorm2d { channels, .. } => [1, 2 * channels],
        Op::LayerScale { channels } | Op::Prelu { channels } => [1, channels],
        _ => [0, 0],
    }
}

/// Whether a node has weights that are loaded.
pub fn has(node: &Node) -> bool {
    rows(node)[0] > 0
}

/// The channels of the map whose flattened features a linear layer reads as they lie.
fn channels_read(graph: &Graph, linear: &Node) -> usize {
    match graph.flatten_is_free(linear.inputs[0]) {
        true => graph.channels()[linear.inputs[0]].unwrap_or(1),
        false => 1,
    }
}

/// The weights of the layer of the same path in another graph, where they are packed as `node` of `view` can read them.
pub fn shared_with(
    graph: &Graph,
    packed: &[Option<Arc<Packed>>],
    view: &Graph,
    node: &Node,
) -> Result<Arc<Packed>> {
    let same = graph.nodes.iter().zip(packed).filter(|(own, _)| own.path == node.path && has(own));
    let loaded: Vec<_> = same.filter_map(|(own, packed)| Some((own, packed.as_ref()?))).collect();
    let serves =
        |own: &Node, packed: &Packed| serves(graph, own, matches!(packed, Packed::Winograd(_)), view, node);
    match loaded.iter().find(|(own, packed)| serves(own, packed)) {
        Some((_, packed)) => Ok(Arc::clone(packed)),
        None => Err(not_shared(!loaded.is_empty()).at(&node.path)),
    }
}

/// Why a view's layer has no weights: the network has none for it, or `are_there` in a form of no use.
pub fn not_shared(are_there: bool) -> Error {
    let message = match are_there {
        false => "the model has no weights for it",
        true => {
            "the model's weights are packed in a form that cannot serve it here: \
             load(convolutionize(net, shape, options), { weights }) and call dense on that model"
        }
    };
    Error::new(Code::BadOption, message)
}

/// Whether the weights of `own`, a node of `graph`, can be those of `node`, one of `view`; `winograd` where they are packed for
/// one of Winograd's algorithms.
pub fn serves(graph: &Graph, own: &Node, winograd: bool, view: &Graph, node: &Node) -> bool {
    /// All of a convolution that its packed weights depend on; Winograd's also do on how its window moves.
    fn fixed(op: &Op) -> Option<(usize, usize, [usize; 2], usize, bool)> {
        match *op {
            Op::Conv2d { in_channels, out_channels, kernel, groups, bias, .. } => {
                Some((in_channels, out_channels, kernel, groups, bias))
            }
            _ => None,
        }
    }
    match (&own.op, &node.op) {
        (
            &Op::Linear { in_features, out_features, bias, .. },
            &Op::Linear { in_features: i, out_features: o, bias: b, .. },
        ) => {
            let is_alike = (in_features, out_features, bias) == (i, o, b);
            is_alike && channels_read(graph, own) == channels_read(view, node)
        }
        (
            &Op::Linear { in_features, out_features, bias, .. },
            &Op::Conv2d { in_channels, kernel: [kh, kw], .. },
        ) => {
            let channels = channels_read(graph, own);
            fixed(&node.op) == Some((in_channels, out_features, [kh, kw], 1, bias))
                && in_features == in_channels * kh * kw
                && (channels == in_channels || [channels, kh, kw] == [1; 3])
        }
        (&Op::Conv2d { stride, dilation, .. }, &Op::Conv2d { stride: s, dilation: d, .. }) => {
            fixed(&own.op) == fixed(&node.op) && (!winograd || (stride, dilation) == (s, d))
        }
        (own, other) => own == other,
    }
}

/// For how many channels one number is packed that serves all of a map's: as many as there are, and where only a size will
/// tell how many, as many as `shape` lets pass.
pub fn shared(channels: Option<usize>) -> usize {
    channels.unwrap_or(MOST_FEATURES).min(MOST_FEATURES)
}

/// The constants of a network need no loading; `channels` are those of the node's map, if they are known.
pub fn constants(node: &Node, channels: Option<usize>) -> Result<Option<Packed>> {
    let Op::Affine { scale, shift } = &node.op else { return Ok(None) };
    let channels = if scale.len() == 1 { shared(channels) } else { scale.len() };
    let of = |numbers: &[f32], c: usize| numbers[c % numbers.len()];
    let affine = Affine::new(channels, |c| (of(scale, c), of(shift, c)));
    affine.map(|affine| Some(Packed::Affine(affine))).ok_or_else(|| full(node))
}

fn full(node: &Node) -> Error {
    Error::new(Code::TooLarge, "there is no memory left for its weights").at(&node.path)
}

/// Refuses a node whose weights cannot be held, before any of its numbers is multiplied as a usize; or one that has none.
pub fn check_size(node: &Node) -> Result<()> {
    // A panel is filled up, to less than 64 columns more, and Winograd's transforms enlarge the weights by up to 12 times.
    let fits = |groups: usize, outputs: usize, depth: [usize; 3]| {
        let columns = groups as u128 * outputs.next_multiple_of(64) as u128;
        let floats = depth.iter().fold(columns, |floats, &side| floats * side as u128);
        let message = "its weights need more memory than there can be";
        (floats < MOST as u128)
            .then_some(())
            .ok_or_else(|| Error::new(Code::TooLarge, message).at(&node.path))
    };
    match node.op {
        Op::Conv2d { in_channels, out_channels, kernel: [kh, kw], groups, .. } => {
            fits(groups, out_channels / groups, [in_channels / groups, kh, kw])
        }
        Op::Linear { in_features, out_features, .. } => fits(1, out_features, [in_features, 1, 1]),
        _ if has(node) => Ok(()),
        _ => Err(Error::new(Code::BadNet, "the layer has no weights").at(&node.path)),
    }
}

/// Room for the weights of a node.
fn start(node: &Node, algorithm: Option<Algorithm>) -> Result<Packed> {
    check_size(node)?;
    let packed = match node.op {
        Op::Conv2d { .. } => {
            let spec = node.conv2d(ANY_SIZE).expect("a conv2d");
            algorithm.expect("each convolution has one").zeros(&spec, node.storage())
        }
        Op::Linear { in_features, out_features, storage, .. } => {
            let spec = linear::Linear { in_features, out_features };
            linear::zeros::<Best>(&spec, storage).map(Packed::Linear)
        }
        Op::BatchNorm2d { channels, .. } | Op::LayerNorm2d { channels, .. } | Op::LayerScale { channels } => {
            Affine::new(channels, |_| (0.0, 0.0)).map(Packed::Affine)
        }
        Op::Prelu { .. } => Some(Packed::Prelu(Floats::default())),
        _ => unreachable!("checked above"),
    };
    packed.ok_or_else(|| full(node))
}

/// The node of that number.
pub fn node(graph: &Graph, id: Id) -> Result<&Node> {
    graph.nodes.get(id).ok_or_else(|| Error::new(Code::BadNet, format!("there is no node {id}")))
}

/// Checks a piece of a node's weights for the outputs from `first` on, of which `done` are there already, as is a bias that
/// comes with it; gives how many outputs it is for.
pub fn check_piece(
    graph: &Graph,
    node: &Node,
    [first, done]: [usize; 2],
    weight: &[f32],
    bias: Option<&[f32]>,
) -> Result<usize> {
    let wrong = |message: String| Error::new(Code::WeightShape, message).at(&node.path);
    let [outputs, depth] = rows(node);
    let count = weight.len() / depth;
    if weight.len() != count * depth || first != done || first + count > outputs {
        return Err(wrong(format!(
            "expects {outputs} x {depth} weights, got {} from {first} on",
            weight.len()
        )));
    }
    let wants_bias = matches!(node.op, Op::Conv2d { bias: true, .. } | Op::Linear { bias: true, .. });
    if first == 0 && bias.map(<[f32]>::len) != wants_bias.then_some(outputs) {
        return Err(wrong(format!("its bias has the wrong size for {outputs} outputs")));
    }
    if let Op::Linear { .. } = node.op {
        let channels = channels_read(graph, node);
        if depth % channels != 0 {
            return Err(wrong(format!("{depth} features are no map of {channels} channels")));
        }
    }
    Ok(count)
}

/// Refuses weights that their storage cannot hold.
pub fn check_range(node: &Node, storage: Storage, weight: &[f32]) -> Result<()> {
    match weight.iter().find(|&&weight| storage.overflows(weight)) {
        None => Ok(()),
        Some(weight) => {
            let message = format!(
                "has a weight of {weight}, beyond float16's 65504; load the network with another precision"
            );
            Err(Error::new(Code::BadWeights, message).at(&node.path))
        }
    }
}

/// Packs a piece of the weights of node `id`: those of the outputs from `first` on, given as in a checkpoint (PyTorch's
/// order), a batch norm's and a layer norm's arrays one behind the other. `bias` comes with the first piece.
pub fn load(
    graph: &Graph,
    id: Id,
    packing: Option<Packing>,
    first: usize,
    weight: &[f32],
    bias: Option<&[f32]>,
    algorithm: Option<Algorithm>,
) -> Result<Packing> {
    let node = node(graph, id)?;
    let mut packing = match packing {
        Some(packing) if first > 0 => packing,
        _ => Packing { packed: start(node, algorithm)?, done: 0 },
    };
    let count = check_piece(graph, node, [first, packing.done], weight, bias)?;
    let storage = match packing.packed {
        Packed::Direct(_) | Packed::Linear(_) => node.storage(),
        _ => Storage::Float32,
    };
    check_range(node, storage, weight)?;
    let depth = rows(node)[1];
    let range = first..first + count;
    match &mut packing.packed {
        // An empty piece.
        _ if count == 0 => {}
        Packed::Direct(groups) => {
            let spec = node.conv2d(ANY_SIZE).expect("a conv2d");
            conv2d::fill(&spec, groups, range, weight);
            bias.iter().for_each(|bias| conv2d::set_bias(groups, bias));
        }
        Packed::Winograd(weights) => {
            weights.fill(range, weight);
            bias.iter().for_each(|bias| weights.bias_mut().copy_from_slice(bias));
        }
        Packed::Grouped(weights) => {
            weights.fill(range, weight);
            bias.iter().for_each(|bias| weights.bias_mut().copy_from_slice(bias));
        }
        Packed::Linear(panels) => {
            let channels = channels_read(graph, node);
            linear::fill(panels, channels, range, weight);
            bias.iter().for_each(|bias| panels.bias_mut().copy_from_slice(bias));
        }
        Packed::Affine(affine) => *affine = affine_of(node, weight).ok_or_else(|| full(node))?,
        Packed::Prelu(slopes) => {
            let channels = if depth == 1 { shared(graph.channels()[id]) } else { depth };
            *slopes = prelu::pack(weight, channels).ok_or_else(|| full(node))?;
        }
    }
    packing.done += count;
    Ok(packing)
}

/// The scale and shift of a batch norm, a layer norm or a layer scale.
pub fn affine_of(node: &Node, arrays: &[f32]) -> Option<Affine> {
    match node.op {
        Op::BatchNorm2d { channels, eps, .. } => batch_norm2d::pack(arrays, channels, eps),
        Op::LayerNorm2d { channels, .. } => Affine::new(channels, |c| (arrays[c], arrays[channels + c])),
        _ => Affine::new(arrays.len(), |c| (arrays[c], 0.0)),
    }
}
