//! The specification of a whole network: its nodes in order, by each operator's `reference.rs`, nothing fused or planned.

use super::bounds;
use super::build::Weights;
use crate::graph::{Graph, Node, Op};
use crate::shape::{Shape, infer};
use kernels::local_response_norm::LocalResponseNorm;
use kernels::{
    activation, adaptive_avg_pool2d, adaptive_max_pool2d, add, affine, avg_pool2d, batch_norm2d,
    channel_shuffle, concat, conv2d, layer_norm2d, linear, local_response_norm, log_softmax, max_pool2d, mul,
    pad_channels, pad2d, prelu, slice, softmax,
};

/// A node's map in PyTorch's order, and how far a float32 engine may be from it.
pub struct Value {
    pub dims: Vec<usize>,
    pub numbers: Vec<f32>,
    pub error: f64,
}

impl Value {
    /// A bound on what a float32 engine has for these numbers.
    pub fn most(&self) -> f64 {
        bounds::largest(&self.numbers) + self.error
    }

    /// Channels, and cells of each: to PyTorch a flattened map is all channels.
    pub fn planes(&self) -> [usize; 2] {
        [self.dims[1], self.dims[2..].iter().product()]
    }
}

/// The map of every node, for an engine that computes convolutions with these tiles of Winograd's.
pub fn interpret(
    graph: &Graph,
    weights: &[Option<Weights>],
    tiles: &[Option<[usize; 2]>],
    input: [usize; 4],
    x: &[f32],
) -> Vec<Value> {
    let shapes = infer(graph, input).expect("layers that fit");
    let mut values = vec![Value { dims: input.to_vec(), numbers: x.to_vec(), error: 0.0 }];
    for (id, node) in graph.nodes.iter().enumerate().skip(1) {
        let xs: Vec<&Value> = node.inputs.iter().map(|&i| &values[i]).collect();
        let y = compute(node, weights[id].as_ref(), &xs, shapes[node.inputs[0]]);
        let error = bounds::error(node, weights[id].as_ref(), tiles[id], &xs, &y);
        // Between layers the interpreter rounds to float32 as well.
        let numbers: Vec<f32> = y.iter().map(|&y| y as f32).collect();
        let error = error + bounds::EPSILON * bounds::largest(&numbers);
        let dims = shapes[id].dims();
        assert_eq!(numbers.len(), dims.iter().product::<usize>());
        values.push(Value { dims, numbers, error });
    }
    values
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&x| x as f64).collect()
}

fn compute(node: &Node, weights: Option<&Weights>, xs: &[&Value], shape: Shape) -> Vec<f64> {
    let Shape { n, h, w, .. } = shape;
    let (x, planes) = (&xs[0].numbers[..], xs[0].planes());
    let [channels, cells] = planes;
    let weight = || &weights.expect("weights for the layer").weight[..];
    let bias = || weights.and_then(|weights| weights.bias.as_deref());
    let windows = || node.windows([h, w]).expect("a convolution or pooling has windows");
    match node.op {
        Op::Input { .. } => unreachable!("only node 0 is the input"),
        Op::Conv2d { .. } => {
            let spec = node.conv2d([h, w]).expect("a conv2d");
            conv2d::reference::conv2d(&spec, x, [n, h, w], weight(), bias())
        }
        Op::Linear { in_features, out_features, .. } => {
            let spec = linear::Linear { in_features, out_features };
            linear::reference::linear(&spec, x, weight(), bias())
        }
        Op::Activation { kind } => activation::reference::activation(kind.into(), x),
        Op::Prelu { .. } => prelu::reference::prelu(x, weight(), planes),
        Op::BatchNorm2d { eps, .. } => {
            batch_norm2d::reference::batch_norm2d(x, weight(), channels, cells, eps)
        }
        Op::LayerScale { .. } => affine::reference::affine(x, cells, weight(), &vec![0.0; channels]),
        Op::Affine { ref scale, ref shift } => affine::reference::affine(x, cells, scale, shift),
        Op::LayerNorm2d { eps, .. } => {
            let (scale, shift) = weight().split_at(channels);
            layer_norm2d::reference::layer_norm2d(eps as f32, x, cells, scale, shift)
        }
        Op::LocalResponseNorm { size, alpha, beta, k } => {
            let [alpha, beta, k] = [alpha, beta, k].map(|number| number as f32);
            let spec = LocalResponseNorm { size, alpha, beta, k };
            local_response_norm::reference::local_response_norm(&spec, x, planes)
        }
        Op::MaxPool2d { .. } => {
            max_pool2d::reference::max_pool2d(&max_pool2d::MaxPool2d { windows: windows() }, x, [h, w])
        }
        Op::AvgPool2d { count_include_pad, .. } => {
            let spec = avg_pool2d::AvgPool2d { windows: windows(), count_include_pad };
            avg_pool2d::reference::avg_pool2d(&spec, x, [h, w])
        }
        Op::AdaptiveAvgPool2d { output } => {
            adaptive_avg_pool2d::reference::adaptive_avg_pool2d(output, x, [h, w])
        }
        Op::AdaptiveMaxPool2d { output } => {
            adaptive_max_pool2d::reference::adaptive_max_pool2d(output, x, [h, w])
        }
        Op::Add => add::reference::add(&xs.iter().map(|x| &x.numbers[..]).collect::<Vec<_>>()),
        Op::Mul => mul::reference::mul(x, &xs[1].numbers),
        Op::Concat => {
            let branches: Vec<(usize, &[f32])> = xs.iter().map(|x| (x.dims[1], &x.numbers[..])).collect();
            wide(&concat::reference::concat(n, cells, &branches))
        }
        Op::Slice { start, end } => wide(&slice::reference::slice(x, planes, start..end)),
        Op::Pad2d { padding } => wide(&pad2d::reference::pad2d(&pad2d::Pad2d { padding }, x, [h, w])),
        Op::PadChannels { before, after } => {
            wide(&pad_channels::reference::pad_channels(x, planes, [before, after]))
        }
        Op::ChannelShuffle { groups } => {
            wide(&channel_shuffle::reference::channel_shuffle(groups, x, planes))
        }
        Op::Softmax => softmax::reference::softmax(x, [n, channels, cells]),
        Op::LogSoftmax => log_softmax::reference::log_softmax(x, [n, channels, cells]),
        Op::Flatten => wide(x),
    }
}
