//! How far a float32 engine may be from the specification of a network, layer by layer: what a layer makes of the error of
//! its inputs, and the roundings that it adds. u is half of epsilon, the error of one rounding.

use super::build::Weights;
use super::interpreter::Value;
use crate::graph::{Kind, Node, Op};

pub const EPSILON: f64 = f32::EPSILON as f64;

pub fn largest(numbers: &[f32]) -> f64 {
    numbers.iter().fold(0.0, |max, x| x.abs().max(max)) as f64
}

/// The error of each of the results `y`; a Winograd convolution's tile has so many rows and columns of outputs.
pub fn error(
    node: &Node,
    weights: Option<&Weights>,
    tile: Option<[usize; 2]>,
    xs: &[&Value],
    y: &[f64],
) -> f64 {
    let x = xs[0];
    let [channels, cells] = x.planes();
    let result = y.iter().fold(0.0, |max: f64, y| max.max(y.abs()));
    let given = || weights.expect("weights for the layer");
    match node.op {
        Op::Input { .. } => unreachable!("only node 0 is the input"),
        Op::Conv2d { in_channels, groups, kernel: [kh, kw], stride: [sy, sx], .. } => {
            let depth = in_channels / groups * kh * kw;
            let direct = of_sums(x, given(), depth);
            match tile {
                Some([rows, columns]) => {
                    // A stride's cells are channels of a pixel.
                    let growth = growth(rows, kh.div_ceil(sy)) * growth(columns, kw.div_ceil(sx));
                    // As in the operator's tests; a bias and an ending's roundings are among those of the direct sum.
                    let products = x.most() * largest(&given().weight);
                    direct + 2.0 * EPSILON * (in_channels * sy * sx + 7) as f64 * growth * products
                }
                None => direct,
            }
        }
        Op::Linear { in_features, .. } => of_sums(x, given(), in_features),
        Op::Activation { kind } => {
            // Curves are within 4 ulps of their result, gelu's lower half within 2^-22 of its input.
            let of_curve = if kind == Kind::Gelu { 2.0 * EPSILON * x.most() } else { 0.0 };
            steepest(kind) * x.error + 4.0 * EPSILON * result + of_curve
        }
        Op::Prelu { .. } => largest(&given().weight).max(1.0) * x.error + EPSILON * result,
        Op::BatchNorm2d { eps, affine, .. } => {
            let arrays: Vec<&[f32]> = given().weight.chunks_exact(channels).collect();
            let at = |array: usize, c: usize| arrays[array][c] as f64;
            let pair = |c: usize| {
                let (weight, bias) = if affine { (at(0, c), at(1, c)) } else { (1.0, 0.0) };
                let scale = weight / (at(arrays.len() - 1, c) + eps).sqrt();
                (scale, bias - at(arrays.len() - 2, c) * scale)
            };
            of_affine(x, (0..channels).map(pair))
        }
        Op::LayerScale { .. } => of_affine(x, given().weight.iter().map(|&scale| (scale as f64, 0.0))),
        Op::Affine { ref scale, ref shift } => {
            of_affine(x, scale.iter().zip(shift).map(|(&scale, &shift)| (scale as f64, shift as f64)))
        }
        Op::LayerNorm2d { eps, .. } => of_layer_norm(x, eps, &given().weight),
        Op::LocalResponseNorm { size, alpha, beta, k } => {
            // The base is at least k. Of y = x base^-beta, the first factor passes an error on by base^-beta; the second
            // has 2 alpha / size x' as the derivative of its base by each of `size` neighbours x'.
            let slope = k.powf(-beta) * (1.0 + 2.0 * alpha * beta * x.most().powi(2) / k);
            // The sum's roundings and those around it, times beta, those of power and quotient: see the operator's tests.
            slope * x.error + EPSILON * (beta * (size + 4) as f64 + 3.0) * (result + slope * x.error)
        }
        Op::AvgPool2d { kernel, .. } => of_means(x, kernel[0] * kernel[1]),
        Op::AdaptiveAvgPool2d { .. } => of_means(x, cells),
        Op::Add => {
            // Partial sums are no larger than the sum of all sizes.
            let sizes: f64 = xs.iter().map(|x| x.most()).sum();
            xs.iter().map(|x| x.error).sum::<f64>() + EPSILON * (xs.len() - 1) as f64 * sizes
        }
        Op::Mul => {
            let [a, b] = [xs[0], xs[1]];
            a.error * b.most() + b.error * a.most() + EPSILON * a.most() * b.most()
        }
        Op::Softmax => {
            // Inputs that are off by e change a probability by a factor of up to exp(2 e); for the rest see the operator's
            // tests, where no distance from the maximum is more than twice the largest number.
            let relative = (2.0 * x.error).exp_m1() + EPSILON * (4.0 * x.most() + 5.0);
            result * relative + 2.0 * f32::from_bits(1) as f64
        }
        Op::LogSoftmax => {
            // Neither the distance from the maximum nor the logarithm of the sum moves by more than 2 e together; for the
            // rest see the operator's tests.
            let log = (channels as f64).ln();
            2.0 * x.error + EPSILON * (2.0 * x.most() + channels as f64 + 4.0 + log + result)
        }
        Op::MaxPool2d { .. }
        | Op::AdaptiveMaxPool2d { .. }
        | Op::Concat
        | Op::Slice { .. }
        | Op::Pad2d { .. }
        | Op::PadChannels { .. }
        | Op::ChannelShuffle { .. }
        | Op::Flatten => xs.iter().map(|x| x.error).fold(0.0, f64::max),
    }
}

/// The error of sums of `depth` products, with weights by output. An input's error counts once for each weight; each of the
/// depth + 1 roundings adds at most half of epsilon times the sum of the products' sizes, which is doubled here.
fn of_sums(x: &Value, weights: &Weights, depth: usize) -> f64 {
    let sizes = weights.weight.chunks_exact(depth).map(|row| row.iter().map(|w| w.abs() as f64).sum());
    let size = f64::max(sizes.fold(0.0, f64::max), 1e-30);
    let bias = weights.bias.as_ref().map_or(0.0, |bias| largest(bias));
    x.error * size + EPSILON * (depth + 2) as f64 * (x.most() * size + bias)
}

/// The error of means of at most `cells` numbers.
fn of_means(x: &Value, cells: usize) -> f64 {
    x.error + EPSILON * (cells + 2) as f64 * x.most()
}

/// The error of x * scale + shift: u each for the scale, the shift, the product and the sum.
fn of_affine(x: &Value, pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let of = |(scale, shift): (f64, f64)| {
        scale.abs() * x.error + EPSILON * 2.0 * (scale.abs() * x.most() + shift.abs())
    };
    pairs.map(of).fold(0.0, f64::max)
}

/// The error of a normalisation over channels. For a cell's deviation s: inputs that are off by e move mean and deviation by
/// at most e each, and so a normalised number z by (2 + |z|) e / (s - e). The roundings are those of the operator's tests,
/// where d is the most additions that a number goes through in a sum.
fn of_layer_norm(x: &Value, eps: f64, weight: &[f32]) -> f64 {
    let [channels, cells] = x.planes();
    let d = (channels / 4 + 11) as f64;
    let (scale, shift) = weight.split_at(channels);
    let (scale, shift) = (largest(scale), largest(shift));
    let mut most = 0.0;
    for image in x.numbers.chunks_exact(channels * cells) {
        for cell in 0..cells {
            let numbers = || (0..channels).map(|c| image[c * cells + cell] as f64);
            let mean = numbers().sum::<f64>() / channels as f64;
            let squares: f64 = numbers().map(|x| (x - mean).powi(2)).sum();
            let s = (squares / channels as f64 + eps).sqrt();
            let z = numbers().map(|x| (x - mean).abs()).fold(0.0, f64::max) / s;
            let least = (s - x.error).max(eps.sqrt());
            let moved = (2.0 + z) * x.error / least;
            let rounded = EPSILON * ((d + 1.0) * x.most() / least + z * ((d + 4.0) / 2.0 + 5.0));
            most = f64::max(most, scale * (moved + rounded) + EPSILON * (scale * (z + moved) + shift));
        }
    }
    most
}

/// The largest derivative of an activation.
fn steepest(kind: Kind) -> f64 {
    match kind {
        Kind::Relu | Kind::Relu6 | Kind::Tanh => 1.0,
        Kind::Hardswish => 1.5,
        Kind::Hardsigmoid => 1.0 / 6.0,
        Kind::Sigmoid => 0.25,
        Kind::Silu => 1.1,
        Kind::Gelu => 1.13,
    }
}

/// How much larger than its numbers the products are that make up an output of Winograd's convolution, along an axis with
/// tiles of so many outputs. The operator's tests compute it from the transforms' matrices.
fn growth(outputs: usize, kernel: usize) -> f64 {
    match (outputs, kernel) {
        (1, 1) => 1.0,
        (2, 3) => 2.24,
        (4, 3) => 5.14,
        (6, 3) => 11.79,
        (4, 5) => 12.2,
        (5, 4) => 12.0,
        (2, 7) => 13.17,
        other => panic!("no tile {other:?}"),
    }
}
