//! The specification of a whole network: its nodes in order, by each operator's `reference.rs`, nothing fused or planned.

use super::build::Weights;
use crate::graph::{Graph, Node};
use crate::shape::{Shape, infer};
use kernels::linear::Linear;
use kernels::{adaptive_avg_pool2d, avg_pool2d, concat, conv2d, linear, max_pool2d, relu, softmax};

/// A node's map in PyTorch's order, and how far a float32 engine may be from it.
pub struct Value {
    pub dims: Vec<usize>,
    pub numbers: Vec<f32>,
    pub error: f64,
}

const EPSILON: f64 = f32::EPSILON as f64;

fn largest(numbers: &[f32]) -> f64 {
    numbers.iter().fold(0.0, |max, x| x.abs().max(max)) as f64
}

/// The error of sums of `depth` products, with weights by output. An input's error counts once for each weight; each of the
/// depth + 1 roundings adds at most half of epsilon times the sum of the products' sizes, which is doubled here.
fn of_sums(x: &Value, weights: &Weights, depth: usize) -> f64 {
    let sizes = weights.weight.chunks_exact(depth).map(|row| row.iter().map(|w| w.abs() as f64).sum());
    let size = f64::max(sizes.fold(0.0, f64::max), 1e-30);
    let bias = weights.bias.as_ref().map_or(0.0, |bias| largest(bias));
    x.error * size + EPSILON * (depth + 2) as f64 * ((largest(&x.numbers) + x.error) * size + bias)
}

/// The error of means of at most `cells` numbers.
fn of_means(x: &Value, cells: usize) -> f64 {
    x.error + EPSILON * (cells + 2) as f64 * (largest(&x.numbers) + x.error)
}

/// The map of every node.
pub fn interpret(graph: &Graph, weights: &[Option<Weights>], input: [usize; 4], x: &[f32]) -> Vec<Value> {
    let shapes = infer(graph, input).expect("layers that fit");
    let mut values: Vec<Value> = Vec::new();
    for (id, node) in graph.nodes.iter().enumerate() {
        let value = if id == 0 {
            Value { dims: input.to_vec(), numbers: x.to_vec(), error: 0.0 }
        } else {
            let (numbers, error) = compute(node, &weights[id], &shapes, &values);
            // Between layers the interpreter rounds to float32 as well.
            let numbers: Vec<f32> = numbers.iter().map(|&y| y as f32).collect();
            let error = error + EPSILON * largest(&numbers);
            Value { dims: shapes[id].dims(), numbers, error }
        };
        assert_eq!(value.numbers.len(), value.dims.iter().product::<usize>());
        values.push(value);
    }
    values
}

fn compute(node: &Node, weights: &Option<Weights>, shapes: &[Shape], values: &[Value]) -> (Vec<f64>, f64) {
    let first = node.inputs()[0];
    let (x, Shape { n, c, h, w, .. }) = (&values[first], shapes[first]);
    let given = || weights.as_ref().expect("weights for the layer");
    match node {
        Node::Input { .. } => unreachable!("only node 0 is the input"),
        Node::Conv2d { .. } => {
            let (spec, weights) = (node.conv2d().expect("a conv2d"), given());
            let y = conv2d::reference::conv2d(
                &spec,
                &x.numbers,
                [n, h, w],
                &weights.weight,
                weights.bias.as_deref(),
            );
            (y, of_sums(x, weights, spec.depth()))
        }
        Node::Linear { in_features, out_features, .. } => {
            let spec = Linear { in_features: *in_features, out_features: *out_features };
            let weights = given();
            let y = linear::reference::linear(&spec, &x.numbers, &weights.weight, weights.bias.as_deref());
            (y, of_sums(x, weights, spec.in_features))
        }
        Node::Relu { .. } => (relu::reference::relu(&x.numbers), x.error),
        Node::MaxPool2d { .. } => {
            let spec = max_pool2d::MaxPool2d { windows: node.windows().expect("a pooling") };
            (max_pool2d::reference::max_pool2d(&spec, &x.numbers, [h, w]), x.error)
        }
        Node::AvgPool2d { kernel, count_include_pad, .. } => {
            let windows = node.windows().expect("a pooling");
            let spec = avg_pool2d::AvgPool2d { windows, count_include_pad: *count_include_pad };
            (avg_pool2d::reference::avg_pool2d(&spec, &x.numbers, [h, w]), of_means(x, kernel[0] * kernel[1]))
        }
        Node::AdaptiveAvgPool2d { output, .. } => (
            adaptive_avg_pool2d::reference::adaptive_avg_pool2d(*output, &x.numbers, [h, w]),
            of_means(x, h * w),
        ),
        Node::Softmax { .. } => {
            // To PyTorch a flattened map is all channels.
            let dims = if x.dims.len() == 2 { [n, c * h * w, 1] } else { [n, c, h * w] };
            let y = softmax::reference::softmax(&x.numbers, dims);
            // Inputs that are off by e change a probability by a factor of up to exp(2 e); for the rest see the operator's
            // tests, where no distance from the maximum is more than twice the largest number.
            let relative = (2.0 * x.error).exp_m1() + EPSILON * (4.0 * (largest(&x.numbers) + x.error) + 5.0);
            let error = y.iter().fold(0.0, |max, &y| f64::max(y, max)) * relative;
            (y, error + 2.0 * f32::from_bits(1) as f64)
        }
        Node::Flatten { .. } => (x.numbers.iter().map(|&x| x as f64).collect(), x.error),
        Node::Concat { inputs, .. } => {
            let branches: Vec<(usize, &[f32])> =
                inputs.iter().map(|&i| (values[i].dims[1], &values[i].numbers[..])).collect();
            let cells = x.dims[2..].iter().product();
            let y = concat::reference::concat(n, cells, &branches);
            (
                y.iter().map(|&y| y as f64).collect(),
                inputs.iter().map(|&i| values[i].error).fold(0.0, f64::max),
            )
        }
    }
}
