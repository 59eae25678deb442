//! What a step does, to which maps.

use crate::graph::Id;
use kernels::activation::Activation;
use kernels::layout::Layout;
use kernels::{avg_pool2d, conv2d, flatten, local_response_norm, max_pool2d, pad2d};

/// A kernel and its maps. Weights stay with the nodes that brought them.
pub enum Kernel {
    /// `temps` is where its stages leave something for the next.
    Conv2d {
        node: Id,
        spec: conv2d::Conv2d,
        x: Layout,
        y: Layout,
        before: Option<(Scaling, Activation)>,
        ending: Ending,
        stage: usize,
        temps: [usize; 2],
    },
    Linear {
        node: Id,
        x: Layout,
        y: Layout,
        ending: Ending,
    },
    Elementwise {
        x: Layout,
        y: Layout,
        ending: Ending,
    },
    Prelu {
        node: Id,
        x: Layout,
        y: Layout,
    },
    LayerNorm2d {
        eps: f32,
        x: Layout,
        y: Layout,
        ending: Ending,
    },
    LocalResponseNorm {
        spec: local_response_norm::LocalResponseNorm,
        x: Layout,
        y: Layout,
    },
    MaxPool2d {
        spec: max_pool2d::MaxPool2d,
        x: Layout,
        y: Layout,
    },
    AvgPool2d {
        spec: avg_pool2d::AvgPool2d,
        x: Layout,
        y: Layout,
    },
    AdaptiveAvgPool2d {
        x: Layout,
        y: Layout,
    },
    AdaptiveMaxPool2d {
        x: Layout,
        y: Layout,
    },
    Add {
        xs: Vec<Layout>,
        y: Layout,
        activation: Activation,
    },
    Mul {
        a: Layout,
        b: Layout,
        y: Layout,
        ending: Ending,
    },
    Activation {
        x: Layout,
        y: Layout,
        activation: Activation,
    },
    /// A copy: a concat's branch, or a slice that cannot be read in its place.
    Concat {
        x: Layout,
        y: Layout,
    },
    Pad2d {
        spec: pad2d::Pad2d,
        x: Layout,
        y: Layout,
    },
    PadChannels {
        before: usize,
        x: Layout,
        y: Layout,
    },
    ChannelShuffle {
        groups: usize,
        x: Layout,
        y: Layout,
    },
    Softmax {
        x: Layout,
        y: Layout,
    },
    LogSoftmax {
        x: Layout,
        y: Layout,
    },
    Flatten {
        direction: flatten::Direction,
        map: Layout,
        flat: usize,
        /// Floats from image to image of the flat side.
        image: usize,
        /// Whether the flat side is the network's input or an output, which lie there of all images.
        is_staged: bool,
    },
    /// A copy of what the front hands on, to the place of the image that it is at; `y` is the first image's.
    HandOn {
        x: Layout,
        y: Layout,
    },
    Halo {
        map: Layout,
        halo: [usize; 4],
    },
}

/// A scale for each channel: a node's, or a map of one pixel.
#[derive(Clone, Copy, Debug)]
pub enum Scaling {
    Node(Id),
    Map(Layout),
}

/// How a kernel's result is finished: activation(y * scale + shift + add).
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    pub scale: Option<Scaling>,
    pub add: Option<Layout>,
    pub activation: Activation,
}

impl Kernel {
    /// The operator's name, as folders and the graph have it.
    pub fn name(&self) -> &'static str {
        match self {
            Kernel::Conv2d { .. } => "conv2d",
            Kernel::Linear { .. } => "linear",
            Kernel::Elementwise { .. } => "affine",
            Kernel::Prelu { .. } => "prelu",
            Kernel::LayerNorm2d { .. } => "layer_norm2d",
            Kernel::LocalResponseNorm { .. } => "local_response_norm",
            Kernel::MaxPool2d { .. } => "max_pool2d",
            Kernel::AvgPool2d { .. } => "avg_pool2d",
            Kernel::AdaptiveAvgPool2d { .. } => "adaptive_avg_pool2d",
            Kernel::AdaptiveMaxPool2d { .. } => "adaptive_max_pool2d",
            Kernel::Add { .. } => "add",
            Kernel::Mul { .. } => "mul",
            Kernel::Activation { .. } => "activation",
            Kernel::Concat { .. } => "concat",
            Kernel::Pad2d { .. } => "pad2d",
            Kernel::PadChannels { .. } => "pad_channels",
            Kernel::ChannelShuffle { .. } => "channel_shuffle",
            Kernel::Softmax { .. } => "softmax",
            Kernel::LogSoftmax { .. } => "log_softmax",
            Kernel::Flatten { .. } => "flatten",
            Kernel::HandOn { .. } => "hand_on",
            Kernel::Halo { .. } => "halo",
        }
    }

    /// [n, c, h, w] of the map that it writes, or of the one that it flattens.
    pub fn shape(&self) -> [usize; 4] {
        let (reads, writes) = crate::cpu::maps(self);
        let Layout { n, c, h, w, .. } = writes.or(reads.first().copied()).expect("a kernel has a map");
        [n, c, h, w]
    }
}
