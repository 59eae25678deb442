//! Networks at random, over all operators.

use super::build::{Net, Random, with};
use crate::graph::{Graph, Id, Op};
use crate::shape::{Shape, infer};
use serde_json::{Value, json};

/// Floats of a map, and products of a layer, that the specification computes fast enough; Miri takes hundreds of times as long.
const MOST_FLOATS: usize = if cfg!(miri) { 1000 } else { 40_000 };
const MOST_PRODUCTS: usize = if cfg!(miri) { 20_000 } else { 4_000_000 };

const KINDS: [&str; 8] = ["relu", "relu6", "hardswish", "hardsigmoid", "sigmoid", "silu", "gelu", "tanh"];

/// A net of layers that fit, each reading the last one or any earlier; half of them with channels enough for Winograd's
/// convolutions.
pub fn random_net(random: &mut Random) -> Net {
    let is_wide = random.coin();
    let input = match is_wide {
        true if cfg!(miri) => [1, 16, random.within(5, 7), random.within(5, 7)],
        true => [random.within(1, 2), random.within(16, 40), random.within(8, 20), random.within(8, 20)],
        false => [random.within(1, 3), random.within(1, 5), random.within(3, 10), random.within(3, 10)],
    };
    let mut net = Net::new(input);
    let layers = random.within(3, if cfg!(miri) { 8 } else { 14 });
    while net.nodes.len() <= layers {
        let before = net.nodes.len();
        random_layers(&mut net, random, is_wide);
        if !fits(&net, before) {
            net.nodes.truncate(before);
        }
    }
    net
}

/// Whether the layers from `first` on fit what they read, and are small.
fn fits(net: &Net, first: Id) -> bool {
    let Ok(graph) = Graph::parse(&net.json()) else { return false };
    let Ok(shapes) = infer(&graph, net.input) else { return false };
    graph.nodes.iter().zip(&shapes).skip(first).all(|(node, shape)| {
        let depth = match node.op {
            Op::Conv2d { in_channels, groups, kernel: [kh, kw], .. } => in_channels / groups * kh * kw,
            Op::Linear { in_features, .. } => in_features,
            _ => 1,
        };
        shape.len() <= MOST_FLOATS && shape.len() * depth <= MOST_PRODUCTS
    })
}

fn one_of<T: Copy>(random: &mut Random, items: &[T]) -> T {
    items[random.within(0, items.len() - 1)]
}

fn random_layers(net: &mut Net, random: &mut Random, is_wide: bool) {
    let shapes = net.shapes();
    let any = |random: &mut Random| random.within(0, shapes.len() - 1);
    let x = if random.coin() { shapes.len() - 1 } else { any(random) };
    let Shape { c, h, w, flat, .. } = shapes[x];
    let out = if is_wide { random.within(16, 64) } else { random.within(1, 6) };
    match random.within(0, 29) {
        0..=2 => {
            let groups = one_of(random, &[1, 1, 2, c]);
            convolution(net, random, x, [c, groups, groups * out.div_ceil(groups)])
        }
        3 | 4 if !flat => plain_convolution(net, random, x, out),
        5..=10 if !flat => block(net, random, x, out),
        11 => net.activation(one_of(random, &KINDS), x),
        12 => net.push("prelu", &[x], json!({ "channels": one_of(random, &[1, c]) })),
        13..=15 => scale(net, random, x),
        16 => {
            let eps = one_of(random, &[1e-5, 0.1, 0.1]);
            net.push("layer_norm2d", &[x], json!({ "channels": c, "eps": eps }))
        }
        17 => {
            let fields = json!({
                "size": random.within(1, 6), "alpha": one_of(random, &[1e-4, 0.5]), "beta": one_of(random, &[0.75, 0.5]),
                "k": one_of(random, &[1.0, 2.0]),
            });
            net.push("local_response_norm", &[x], fields)
        }
        18 | 19 => pooling(net, random, x),
        20 => {
            let op = one_of(random, &["adaptive_avg_pool2d", "adaptive_max_pool2d"]);
            net.push(op, &[x], json!({ "output": random.several::<2>(1, 4) }))
        }
        21 | 22 => {
            let alike: Vec<Id> = (0..shapes.len()).filter(|&id| shapes[id] == shapes[x]).collect();
            let others = random.within(1, 2);
            let mut operands: Vec<Id> = (0..others).map(|_| one_of(random, &alike)).collect();
            operands.insert(random.within(0, others), x);
            net.plain("add", &operands)
        }
        23 => {
            let goes = |other: Shape| other == shapes[x] || other == Shape { h: 1, w: 1, ..shapes[x] };
            let scales: Vec<Id> = (0..shapes.len()).filter(|&id| goes(shapes[id])).collect();
            net.plain("mul", &[x, one_of(random, &scales)])
        }
        24 => {
            let start = random.within(0, c - 1);
            net.push("slice", &[x], json!({ "start": start, "end": random.within(start + 1, c) }))
        }
        25 => {
            let padding: [isize; 4] = random.several(0, 4).map(|p| p as isize - 2);
            net.push("pad2d", &[x], json!({ "padding": padding }))
        }
        26 => {
            let [before, after] = random.several(0, 3);
            net.push("pad_channels", &[x], json!({ "before": before, "after": after }))
        }
        27 => net.push("channel_shuffle", &[x], json!({ "groups": one_of(random, &[1, 2, 3, c]) })),
        28 => match random.within(0, 3) {
            0 => net.plain("softmax", &[x]),
            1 => net.plain("log_softmax", &[x]),
            2 => net.plain("flatten", &[x]),
            _ => {
                let fields = json!({ "in_features": c * h * w, "out_features": random.within(1, 20), "bias": random.coin() });
                let flat = if flat { x } else { net.plain("flatten", &[x]) };
                net.push("linear", &[flat], fields)
            }
        },
        _ => {
            let alike = |other: Shape| Shape { c, ..other } == shapes[x];
            let branches: Vec<Id> = (0..shapes.len()).filter(|&id| alike(shapes[id])).collect();
            let mut joined: Vec<Id> = (0..random.within(0, 3)).map(|_| one_of(random, &branches)).collect();
            joined.insert(random.within(0, joined.len()), x);
            net.plain("concat", &joined)
        }
    };
}

/// Any convolution, from `c` channels to `out`.
fn convolution(net: &mut Net, random: &mut Random, x: Id, [c, groups, out]: [usize; 3]) -> Id {
    let same = random.within(0, 3) == 0;
    let fields = json!({
        "in_channels": c, "out_channels": out, "kernel": random.several::<2>(1, 4),
        "stride": random.several::<2>(1, 2), "padding": if same { [0; 4] } else { random.several::<4>(0, 2) },
        "dilation": random.several::<2>(1, 2), "groups": groups, "bias": random.coin(), "same": same,
    });
    net.push("conv2d", &[x], fields)
}

/// A convolution of a kind that Winograd's algorithms do, or one of a single pixel, that keeps the size.
fn plain_convolution(net: &mut Net, random: &mut Random, x: Id, out: usize) -> Id {
    let kernel =
        one_of(random, &[[1, 1], [1, 1], [3, 3], [3, 3], [3, 3], [5, 5], [1, 3], [3, 1], [1, 7], [7, 1]]);
    let [top, left] = kernel.map(|k| k / 2);
    let padding = [top, left, top, left];
    let fields = json!({ "kernel": kernel, "padding": padding, "bias": random.coin() });
    net.conv_with(x, out, [1, 1, 0], fields)
}

/// A scale and shift for each channel.
fn scale(net: &mut Net, random: &mut Random, x: Id) -> Id {
    let c = net.shape(x).c;
    match random.within(0, 3) {
        0 => {
            let count = one_of(random, &[1, c]);
            let (scale, shift) = (random.floats(count, -0.5, 1.2), random.floats(count, -0.3, 0.3));
            net.push("affine", &[x], json!({ "scale": scale, "shift": shift }))
        }
        1 => net.push("layer_scale", &[x], json!({ "channels": c })),
        _ => {
            let fields = json!({ "channels": c, "eps": 1e-3, "affine": random.coin() });
            net.push("batch_norm2d", &[x], fields)
        }
    }
}

fn pooling(net: &mut Net, random: &mut Random, x: Id) -> Id {
    let kernel: [usize; 2] = random.several(1, 3);
    let same = random.within(0, 3) == 0;
    let padding: [usize; 4] =
        std::array::from_fn(|i| if same { 0 } else { random.within(0, kernel[i % 2] - 1) });
    let fields = json!({
        "kernel": kernel, "stride": random.several::<2>(1, 3), "padding": padding,
        "ceil_mode": !same && random.coin(), "same": same,
    });
    // Dilated windows may see nothing but padding, and the largest of nothing is minus infinity.
    let dilation = if same || padding != [0; 4] { [1, 1] } else { random.several::<2>(1, 2) };
    match random.coin() {
        true => net.push("max_pool2d", &[x], with(fields, json!({ "dilation": dilation }))),
        false => {
            let more = json!({ "dilation": dilation, "count_include_pad": random.coin() });
            net.push("avg_pool2d", &[x], with(fields, more))
        }
    }
}

/// Several layers that networks have in a row, and that are merged.
fn block(net: &mut Net, random: &mut Random, x: Id, out: usize) -> Id {
    let Shape { c, .. } = net.shape(x);
    let kind = one_of(random, &KINDS);
    match random.within(0, 4) {
        // A convolution and what finishes it.
        0 => {
            let mut y = plain_convolution(net, random, x, out);
            if random.coin() {
                y = scale(net, random, y);
            }
            net.activation(kind, y)
        }
        // A residual block.
        1 => {
            let mut y = plain_convolution(net, random, x, c);
            if random.coin() {
                y = scale(net, random, y);
            }
            let sum = net.plain("add", &if random.coin() { [x, y] } else { [y, x] });
            if random.coin() { net.activation(kind, sum) } else { sum }
        }
        // What a convolution reads is made ready for it.
        2 => {
            let mut y = scale(net, random, x);
            if random.coin() {
                y = net.activation(one_of(random, &["relu", "relu6", kind]), y);
            }
            net.conv(y, out, [1, one_of(random, &[1, 2]), 0])
        }
        // Squeeze-excite.
        3 => {
            let mean = net.adaptive(x, [1, 1]);
            let scale = net.conv(mean, c, [1, 1, 0]);
            let scale = net.activation(kind, scale);
            let y = net.plain("mul", &[x, scale]);
            if random.coin() { net.conv(y, out, [1, 1, 0]) } else { net.plain("add", &[y, x]) }
        }
        _ => {
            let kernel = one_of(random, &[3, 5]);
            let fields: Value =
                json!({ "groups": c, "stride": random.several::<2>(1, 2), "bias": random.coin() });
            let mut y = net.conv_with(x, c, [kernel, 1, kernel / 2], fields);
            if random.coin() {
                y = scale(net, random, y);
            }
            net.activation(kind, y)
        }
    }
}
