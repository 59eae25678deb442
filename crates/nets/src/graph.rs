//! The network as TypeScript sends it: operators in topological order, each naming the ones it reads.

use crate::error::{Code, Error, Result};
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

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Node {
    Input {
        channels: usize,
    },
    #[serde(rename = "conv2d")]
    Conv2d {
        inputs: [Id; 1],
        path: String,
        in_channels: usize,
        out_channels: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        dilation: [usize; 2],
        groups: usize,
        bias: bool,
    },
    Linear {
        inputs: [Id; 1],
        path: String,
        in_features: usize,
        out_features: usize,
        bias: bool,
    },
    Relu {
        inputs: [Id; 1],
        path: String,
    },
    #[serde(rename = "max_pool2d")]
    MaxPool2d {
        inputs: [Id; 1],
        path: String,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        dilation: [usize; 2],
        ceil_mode: bool,
    },
    #[serde(rename = "avg_pool2d")]
    AvgPool2d {
        inputs: [Id; 1],
        path: String,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 4],
        ceil_mode: bool,
        count_include_pad: bool,
    },
    #[serde(rename = "adaptive_avg_pool2d")]
    AdaptiveAvgPool2d {
        inputs: [Id; 1],
        path: String,
        output: [usize; 2],
    },
    Softmax {
        inputs: [Id; 1],
        path: String,
    },
    Flatten {
        inputs: [Id; 1],
        path: String,
    },
    Concat {
        inputs: Vec<Id>,
        path: String,
    },
}

impl Node {
    pub fn inputs(&self) -> &[Id] {
        match self {
            Node::Input { .. } => &[],
            Node::Concat { inputs, .. } => inputs,
            Node::Conv2d { inputs, .. }
            | Node::Linear { inputs, .. }
            | Node::Relu { inputs, .. }
            | Node::MaxPool2d { inputs, .. }
            | Node::AvgPool2d { inputs, .. }
            | Node::AdaptiveAvgPool2d { inputs, .. }
            | Node::Softmax { inputs, .. }
            | Node::Flatten { inputs, .. } => inputs,
        }
    }

    /// The layer's path in the network, for messages.
    pub fn path(&self) -> &str {
        match self {
            Node::Input { .. } => "input",
            Node::Conv2d { path, .. }
            | Node::Linear { path, .. }
            | Node::Relu { path, .. }
            | Node::MaxPool2d { path, .. }
            | Node::AvgPool2d { path, .. }
            | Node::AdaptiveAvgPool2d { path, .. }
            | Node::Softmax { path, .. }
            | Node::Flatten { path, .. }
            | Node::Concat { path, .. } => path,
        }
    }

    /// The windows of a pooling, vertical and horizontal.
    pub fn windows(&self) -> Option<[Window; 2]> {
        let (kernel, stride, padding, dilation, ceil) = match self {
            Node::MaxPool2d { kernel, stride, padding, dilation, ceil_mode, .. } => {
                (kernel, stride, padding, *dilation, *ceil_mode)
            }
            Node::AvgPool2d { kernel, stride, padding, ceil_mode, .. } => {
                (kernel, stride, padding, [1, 1], *ceil_mode)
            }
            _ => return None,
        };
        Some([0, 1].map(|axis| Window {
            kernel: kernel[axis],
            stride: stride[axis],
            padding: [padding[axis], padding[axis + 2]],
            dilation: dilation[axis],
            ceil,
        }))
    }

    /// The convolution that the node is.
    pub fn conv2d(&self) -> Option<kernels::conv2d::Conv2d> {
        let Node::Conv2d { in_channels, out_channels, kernel, stride, padding, dilation, groups, .. } = self
        else {
            return None;
        };
        Some(kernels::conv2d::Conv2d {
            in_channels: *in_channels,
            out_channels: *out_channels,
            kernel: *kernel,
            stride: *stride,
            padding: *padding,
            dilation: *dilation,
            groups: *groups,
        })
    }
}

impl Graph {
    /// Parses and checks: nodes read earlier ones only, node 0 alone is the input, and no number makes a kernel impossible.
    pub fn parse(json: &str) -> Result<Self> {
        let bad = |message: String| Error::new(Code::BadNet, message);
        let graph: Graph = serde_json::from_str(json)
            .map_err(|e| bad(format!("the network's graph cannot be read: {e}")))?;
        if !matches!(graph.nodes.first(), Some(Node::Input { channels: 1.. })) {
            return Err(bad("the network must begin with its input".into()));
        }
        if graph.output >= graph.nodes.len() {
            return Err(bad("the network's output is none of its layers".into()));
        }
        for (id, node) in graph.nodes.iter().enumerate() {
            let is_input = matches!(node, Node::Input { .. });
            if is_input != (id == 0)
                || node.inputs().iter().any(|&i| i >= id)
                || (!is_input && node.inputs().is_empty())
            {
                return Err(bad("layers must read earlier ones, and only the first is the input".into())
                    .at(node.path()));
            }
            node.check().map_err(|message| bad(message).at(node.path()))?;
        }
        Ok(graph)
    }

    /// The nodes that read `id`.
    pub fn readers(&self, id: Id) -> impl Iterator<Item = (Id, &Node)> {
        self.nodes.iter().enumerate().filter(move |(_, node)| node.inputs().contains(&id))
    }

    /// Whether a flatten needs no work: linear layers take a map as it lies, since their weights are packed to fit.
    pub fn flatten_is_free(&self, id: Id) -> bool {
        matches!(self.nodes[id], Node::Flatten { .. })
            && self.readers(id).all(|(_, node)| matches!(node, Node::Linear { .. }))
    }

    /// Channels of each node's map, known before any size is. A flattened map keeps its channels where the flatten is
    /// free; elsewhere they depend on the size and are `None`.
    pub fn channels(&self) -> Vec<Option<usize>> {
        let mut channels: Vec<Option<usize>> = Vec::with_capacity(self.nodes.len());
        for (id, node) in self.nodes.iter().enumerate() {
            let first = node.inputs().first().and_then(|&i| channels[i]);
            channels.push(match node {
                Node::Input { channels } => Some(*channels),
                Node::Conv2d { out_channels, .. } => Some(*out_channels),
                Node::Linear { out_features, .. } => Some(*out_features),
                Node::Concat { inputs, .. } => inputs.iter().map(|&i| channels[i]).sum(),
                Node::Flatten { .. } if !self.flatten_is_free(id) => None,
                _ => first,
            });
        }
        channels
    }
}

impl Node {
    /// Numbers that no kernel could have.
    fn check(&self) -> std::result::Result<(), String> {
        let positive = |what: &str, values: &[usize]| {
            // Far above any network, and low enough that no product of sizes overflows before it is checked.
            let good = values.iter().all(|v| (1..=1 << 20).contains(v));
            good.then_some(()).ok_or_else(|| format!("{what} must be from 1 to 2^20, not {values:?}"))
        };
        let reach = |kernel: &[usize; 2], dilation: &[usize; 2]| {
            let good = kernel.iter().zip(dilation).all(|(&k, &d)| (k as u64 - 1) * (d as u64) < 1 << 20);
            good.then_some(())
                .ok_or_else(|| format!("a kernel of {kernel:?} dilated by {dilation:?} is beyond reason"))
        };
        let below = |what: &str, padding: &[usize; 4], reach: [usize; 2]| {
            let good = padding.iter().enumerate().all(|(i, &p)| p < reach[i % 2].max(1) + (1 << 12));
            good.then_some(()).ok_or_else(|| format!("{what} {padding:?} is beyond reason"))
        };
        match self {
            Node::Input { channels } => positive("channels", &[*channels]),
            Node::Conv2d { in_channels, out_channels, kernel, stride, padding, dilation, groups, .. } => {
                positive("channels and groups", &[*in_channels, *out_channels, *groups])?;
                positive("kernel, stride and dilation", &[*kernel, *stride, *dilation].concat())?;
                reach(kernel, dilation)?;
                below("padding", padding, *kernel)?;
                if in_channels % groups != 0 || out_channels % groups != 0 {
                    return Err(format!(
                        "{groups} groups do not divide {in_channels} and {out_channels} channels"
                    ));
                }
                Ok(())
            }
            Node::Linear { in_features, out_features, .. } => {
                positive("features", &[*in_features, *out_features])
            }
            Node::MaxPool2d { kernel, stride, padding, dilation, .. } => {
                positive("kernel, stride and dilation", &[*kernel, *stride, *dilation].concat())?;
                reach(kernel, dilation)?;
                half(padding, kernel)
            }
            Node::AvgPool2d { kernel, stride, padding, .. } => {
                positive("kernel and stride", &[*kernel, *stride].concat())?;
                half(padding, kernel)
            }
            Node::AdaptiveAvgPool2d { output, .. } => positive("output size", output),
            Node::Relu { .. } | Node::Softmax { .. } | Node::Flatten { .. } | Node::Concat { .. } => Ok(()),
        }
    }
}

/// PyTorch's rule for poolings, without which a window could see padding alone.
fn half(padding: &[usize; 4], kernel: &[usize; 2]) -> std::result::Result<(), String> {
    let good = padding.iter().enumerate().all(|(i, &p)| p <= kernel[i % 2] / 2);
    good.then_some(()).ok_or_else(|| format!("padding {padding:?} is more than half the kernel {kernel:?}"))
}
