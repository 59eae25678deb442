//! The network as TypeScript sends it: operators in topological order, each naming the ones it reads.

mod check;
mod read;

use crate::error::{Code, Error, Result};
use kernels::activation::Activation;
use kernels::conv2d::Conv2d;
use kernels::storage::Storage;
use kernels::window::Window;
use serde::Deserialize;

/// A node's place in the list.
pub type Id = usize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    pub nodes: Vec<Node>,
    /// The node that is the network's answer.
    pub output: Id,
}

/// An operator, the nodes it reads, and the layer's path in the network, for messages.
#[derive(Clone, Debug)]
pub struct Node {
    pub inputs: Vec<Id>,
    pub path: String,
    pub op: Op,
}

/// The operators; a sliding window is a pair of (vertical, horizontal), a padding top, left, bottom, right. With `same`,
/// padding follows from the input's size as TensorFlow's SAME has it. `read.rs` has their names and fields in JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Input {
        channels: usize,
    },
    Conv2d {
        in_channels: usize,
        out_channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        dilation: [usize; 2],
        groups: usize,
        bias: bool,
        same: bool,
        storage: Storage,
    },
    Linear {
        in_features: usize,
        out_features: usize,
        bias: bool,
        storage: Storage,
    },
    Activation {
        kind: Kind,
    },
    Prelu {
        channels: usize,
    },
    BatchNorm2d {
        channels: usize,
        eps: f64,
        affine: bool,
    },
    LayerScale {
        channels: usize,
    },
    /// Constants of the network: one pair for all channels, or one for each.
    Affine {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    LayerNorm2d {
        channels: usize,
        eps: f64,
    },
    LocalResponseNorm {
        size: usize,
        alpha: f64,
        beta: f64,
        k: f64,
    },
    MaxPool2d {
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        dilation: [usize; 2],
        ceil_mode: bool,
        same: bool,
    },
    AvgPool2d {
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        dilation: [usize; 2],
        ceil_mode: bool,
        count_include_pad: bool,
        same: bool,
    },
    AdaptiveAvgPool2d {
        output: [usize; 2],
    },
    AdaptiveMaxPool2d {
        output: [usize; 2],
    },
    Add,
    /// Of two maps, or of a map and a number for each of its channels [n, c, 1, 1].
    Mul,
    Concat,
    Slice {
        start: usize,
        end: usize,
    },
    /// Zeros around a map; a negative side is cut off.
    Pad2d {
        padding: [isize; 4],
    },
    PadChannels {
        before: usize,
        after: usize,
    },
    ChannelShuffle {
        groups: usize,
    },
    Softmax,
    LogSoftmax,
    Flatten,
}

/// The activations that stand in a graph.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Relu,
    Relu6,
    Hardswish,
    Hardsigmoid,
    Sigmoid,
    Silu,
    Gelu,
    Tanh,
}

impl From<Kind> for Activation {
    fn from(kind: Kind) -> Activation {
        match kind {
            Kind::Relu => Activation::Relu,
            Kind::Relu6 => Activation::Relu6,
            Kind::Hardswish => Activation::Hardswish,
            Kind::Hardsigmoid => Activation::Hardsigmoid,
            Kind::Sigmoid => Activation::Sigmoid,
            Kind::Silu => Activation::Silu,
            Kind::Gelu => Activation::Gelu,
            Kind::Tanh => Activation::Tanh,
        }
    }
}

impl Node {
    /// The windows of a convolution or pooling over an input of h x w cells, vertical and horizontal.
    pub fn windows(&self, size: [usize; 2]) -> Option<[Window; 2]> {
        let (kernel, stride, padding, dilation, ceil, same) = match &self.op {
            Op::Conv2d { kernel, stride, padding, dilation, same, .. } => {
                (kernel, stride, padding, *dilation, false, *same)
            }
            Op::MaxPool2d { kernel, stride, padding, dilation, ceil_mode, same } => {
                (kernel, stride, padding, *dilation, *ceil_mode, *same)
            }
            Op::AvgPool2d { kernel, stride, padding, dilation, ceil_mode, same, .. } => {
                (kernel, stride, padding, *dilation, *ceil_mode, *same)
            }
            _ => return None,
        };
        Some([0, 1].map(|axis| {
            let window = Window {
                kernel: kernel[axis],
                stride: stride[axis],
                padding: [padding[axis], padding[axis + 2]],
                dilation: dilation[axis],
                ceil,
            };
            if same { window.same(size[axis]) } else { window }
        }))
    }

    /// The convolution that the node is, over an input of h x w cells.
    pub fn conv2d(&self, size: [usize; 2]) -> Option<Conv2d> {
        let Op::Conv2d { in_channels, out_channels, kernel, stride, dilation, groups, .. } = self.op else {
            return None;
        };
        let [v, h] = self.windows(size)?;
        let padding = [v.padding[0], h.padding[0], v.padding[1], h.padding[1]];
        Some(Conv2d { in_channels, out_channels, kernel, stride, padding, dilation, groups })
    }

    /// How its weights are to be kept, where there is a choice.
    pub fn storage(&self) -> Storage {
        match self.op {
            Op::Conv2d { storage, .. } | Op::Linear { storage, .. } => storage,
            _ => Storage::Float32,
        }
    }

    /// Whether it is the one vector of a squeeze-excite that scales a map, not two maps of a size.
    pub fn is_scale(&self, shape: impl Fn(Id) -> crate::shape::Shape) -> bool {
        matches!(self.op, Op::Mul) && shape(self.inputs[0]) != shape(self.inputs[1])
    }
}

impl Graph {
    /// Parses and checks: nodes read earlier ones only, node 0 alone is the input, and no number makes a kernel impossible.
    pub fn parse(json: &str) -> Result<Self> {
        let bad = |message: String| Error::new(Code::BadNet, message);
        let graph: Graph = serde_json::from_str(json)
            .map_err(|e| bad(format!("the network's graph cannot be read: {e}")))?;
        if !matches!(graph.nodes.first(), Some(Node { op: Op::Input { channels: 1.. }, .. })) {
            return Err(bad("the network must begin with its input".into()));
        }
        if graph.output >= graph.nodes.len() {
            return Err(bad("the network's output is none of its layers".into()));
        }
        for (id, node) in graph.nodes.iter().enumerate() {
            let is_input = matches!(node.op, Op::Input { .. });
            if is_input != (id == 0) || node.inputs.iter().any(|&i| i >= id) {
                return Err(bad("layers must read earlier ones, and only the first is the input".into())
                    .at(&node.path));
            }
            check::node(node).map_err(|message| bad(message).at(&node.path))?;
        }
        Ok(graph)
    }

    /// The nodes that read `id`.
    pub fn readers(&self, id: Id) -> impl Iterator<Item = (Id, &Node)> {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.inputs.contains(&id))
    }

    /// Which nodes the outputs `wanted` depend on, themselves included.
    pub fn needed(&self, wanted: &[Id]) -> Vec<bool> {
        let mut needed = vec![false; self.nodes.len()];
        for &id in wanted {
            needed[id] = true;
        }
        for (id, node) in self.nodes.iter().enumerate().rev() {
            if needed[id] {
                node.inputs.iter().for_each(|&i| needed[i] = true);
            }
        }
        needed
    }

    /// Whether a flatten needs no work: linear layers take a map as it lies, since their weights are packed to fit.
    pub fn flatten_is_free(&self, id: Id) -> bool {
        matches!(self.nodes[id].op, Op::Flatten)
            && self.readers(id).all(|(_, node)| matches!(node.op, Op::Linear { .. }))
    }

    /// Channels of each node's map, known before any size is. A flattened map keeps its channels where the flatten is
    /// free; elsewhere they depend on the size and are `None`.
    pub fn channels(&self) -> Vec<Option<usize>> {
        let mut channels: Vec<Option<usize>> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.iter().enumerate() {
            let first = node.inputs.first().and_then(|&i| channels[i]);
            channels.push(match node.op {
                Op::Input { channels } => Some(channels),
                Op::Conv2d { out_channels, .. } => Some(out_channels),
                Op::Linear { out_features, .. } => Some(out_features),
                // A map far too large is refused by its shape.
                Op::Concat => {
                    node.inputs.iter().try_fold(0usize, |sum, &i| Some(sum.saturating_add(channels[i]?)))
                }
                Op::Slice { start, end } => Some(end - start),
                Op::PadChannels { before, after } => first.map(|c| c.saturating_add(before + after)),
                Op::Flatten if !self.flatten_is_free(id) => None,
                _ => first,
            });
        }
        channels
    }
}
