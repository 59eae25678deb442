//! Networks by hand: like those of the zoo but thinner, and two that are tied up in every way that was thought of.

use super::build::Net;
use crate::graph::Id;
use serde_json::json;

pub fn lenet5() -> Net {
    let mut net = Net::new([2, 1, 28, 28]);
    let mut x = net.conv_relu(0, 6, [5, 1, 2]);
    x = net.max_pool(x, [2, 2, 0], false);
    x = net.conv_relu(x, 16, [5, 1, 0]);
    x = net.max_pool(x, [2, 2, 0], false);
    x = net.plain("flatten", &[x]);
    for out in [120, 84] {
        x = net.linear(x, out);
        x = net.relu(x);
    }
    net.linear(x, 10);
    net
}

/// With the normalisation and the two groups that it was published with.
pub fn alexnet() -> Net {
    let mut net = Net::new([1, 3, 79, 95]);
    let mut x = net.conv_relu(0, 8, [11, 4, 2]);
    x = net.push("local_response_norm", &[x], json!({ "size": 5, "alpha": 0.3, "beta": 0.75, "k": 1.0 }));
    x = net.max_pool(x, [3, 2, 0], false);
    x = net.conv_with(x, 24, [5, 1, 2], json!({ "groups": 2 }));
    x = net.relu(x);
    x = net.max_pool(x, [3, 2, 0], false);
    for out in [48, 32, 32] {
        x = net.conv_relu(x, out, [3, 1, 1]);
    }
    x = net.adaptive(x, [6, 6]);
    x = net.plain("flatten", &[x]);
    for out in [64, 50] {
        x = net.linear(x, out);
        x = net.relu(x);
    }
    net.linear(x, 30);
    net
}

pub fn squeezenet() -> Net {
    let mut net = Net::new([1, 3, 63, 58]);
    let mut x = net.conv_relu(0, 8, [3, 2, 0]);
    for fires in [&[(4, 8), (4, 8)][..], &[(6, 16), (6, 16)], &[(8, 24), (8, 24), (9, 32), (9, 32)]] {
        x = net.max_pool(x, [3, 2, 0], true);
        for &(squeeze, expand) in fires {
            let squeezed = net.conv_relu(x, squeeze, [1, 1, 0]);
            let left = net.conv_relu(squeezed, expand, [1, 1, 0]);
            let right = net.conv_relu(squeezed, expand, [3, 1, 1]);
            x = net.plain("concat", &[left, right]);
        }
    }
    x = net.conv_relu(x, 30, [1, 1, 0]);
    net.global(x);
    net
}

/// Basic blocks, the residual on either side of the sum, then a bottleneck.
fn resnet() -> Net {
    let mut net = Net::new([1, 3, 61, 64]);
    let stem = net.conv_norm(0, 16, [7, 2, 3]);
    let stem = net.relu(stem);
    let mut x = net.max_pool(stem, [3, 2, 1], false);
    for (i, (out, stride)) in [(16, 1), (24, 2), (24, 1)].into_iter().enumerate() {
        let first = net.conv_norm(x, out, [3, stride, 1]);
        let first = net.relu(first);
        let second = net.conv_norm(first, out, [3, 1, 1]);
        let shortcut = if stride == 1 { x } else { net.conv_norm(x, out, [1, stride, 0]) };
        let both = if i == 2 { [shortcut, second] } else { [second, shortcut] };
        let sum = net.plain("add", &both);
        x = net.relu(sum);
    }
    let narrow = net.conv_norm(x, 10, [1, 1, 0]);
    let narrow = net.relu(narrow);
    let between = net.conv_with(narrow, 10, [3, 1, 1], json!({ "groups": 5, "bias": false }));
    let between = net.batch_norm(between);
    let between = net.relu(between);
    let wide = net.conv_norm(between, 24, [1, 1, 0]);
    let sum = net.plain("add", &[x, wide]);
    x = net.relu(sum);
    x = net.global(x);
    net.linear(x, 20);
    net
}

/// Batch norm and relu come before each convolution, and both the raw sum and what is made of it have readers; a shortcut
/// is pooled and filled up with channels of zeros.
fn preact() -> Net {
    let mut net = Net::new([2, 3, 20, 21]);
    let mut x = net.conv(0, 16, [3, 1, 1]);
    for (out, stride) in [(16, 1), (28, 2), (28, 1)] {
        let ready = net.batch_norm(x);
        let ready = net.relu(ready);
        let first = net.conv_norm(ready, out, [3, stride, 1]);
        let first = net.relu(first);
        let second = net.conv_with(first, out, [3, 1, 1], json!({ "bias": false }));
        if stride == 2 {
            x = net.avg_pool(x, [2, 2, 0]);
            x = net.push("pad2d", &[x], json!({ "padding": [0, 0, 0, 1] }));
            x = net.push("pad_channels", &[x], json!({ "before": 5, "after": 7 }));
        }
        x = net.plain("add", &[second, x]);
    }
    x = net.batch_norm(x);
    x = net.relu(x);
    x = net.global(x);
    x = net.linear(x, 10);
    net.plain("log_softmax", &[x]);
    net
}

/// Joined maps that grow, each read through a batch norm and relu of its own.
fn densenet() -> Net {
    let mut net = Net::new([1, 3, 40, 36]);
    let stem = net.conv_norm(0, 12, [5, 2, 2]);
    let stem = net.relu(stem);
    let mut x = net.max_pool(stem, [3, 2, 1], false);
    for layers in [2, 2] {
        let mut maps = vec![x];
        for _ in 0..layers {
            let all = net.plain("concat", &maps);
            let ready = net.batch_norm(all);
            let ready = net.relu(ready);
            let narrow = net.conv_norm(ready, 20, [1, 1, 0]);
            let narrow = net.relu(narrow);
            maps.push(net.conv_with(narrow, 8, [3, 1, 1], json!({ "bias": false })));
        }
        let all = net.plain("concat", &maps);
        let ready = net.batch_norm(all);
        let ready = net.relu(ready);
        let narrow = net.conv_with(ready, 14, [1, 1, 0], json!({ "bias": false }));
        x = net.avg_pool(narrow, [2, 2, 0]);
    }
    x = net.batch_norm(x);
    x = net.relu(x);
    x = net.global(x);
    net.linear(x, 15);
    net
}

/// A vector that says how much of each channel goes on.
fn squeeze_excite(net: &mut Net, x: Id, narrow: usize, kinds: [&str; 2]) -> Id {
    let c = net.shape(x).c;
    let mean = net.adaptive(x, [1, 1]);
    let squeezed = net.conv(mean, narrow, [1, 1, 0]);
    let squeezed = net.activation(kinds[0], squeezed);
    let scale = net.conv(squeezed, c, [1, 1, 0]);
    let scale = net.activation(kinds[1], scale);
    net.plain("mul", &[x, scale])
}

/// MobileNetV3's and EfficientNet's blocks, TensorFlow's padding in some.
fn mobilenet() -> Net {
    let mut net = Net::new([1, 3, 45, 38]);
    let constants = json!({ "scale": [0.9, 1.1, 1.0], "shift": [0.1, 0.0, -0.1] });
    let x = net.push("affine", &[0], constants);
    let stem = net.conv_with(x, 12, [3, 2, 0], json!({ "bias": false, "same": true }));
    let stem = net.batch_norm(stem);
    let mut x = net.activation("hardswish", stem);
    for (kernel, stride, out, kinds) in [
        (3, 1, 12, ["hardswish", "hardsigmoid"]),
        (5, 2, 20, ["silu", "sigmoid"]),
        (5, 1, 20, ["hardswish", "hardsigmoid"]),
    ] {
        let input = x;
        let c = net.shape(x).c;
        let kind = if kinds[0] == "hardswish" { "relu6" } else { "silu" };
        let wide = net.conv_norm(x, 2 * c, [1, 1, 0]);
        let wide = net.activation(kind, wide);
        let same = json!({ "groups": 2 * c, "bias": false, "same": true });
        let deep = net.conv_with(wide, 2 * c, [kernel, stride, 0], same);
        let deep = net.batch_norm(deep);
        let deep = net.activation(kind, deep);
        let scaled = squeeze_excite(&mut net, deep, c / 4, kinds);
        x = net.conv_norm(scaled, out, [1, 1, 0]);
        if stride == 1 && c == out {
            x = net.plain("add", &[input, x]);
        }
    }
    x = net.global(x);
    x = net.linear(x, 20);
    net.plain("softmax", &[x]);
    net
}

/// Four branches, one of them pooled.
fn googlenet() -> Net {
    let mut net = Net::new([1, 3, 33, 30]);
    let stem = net.conv_norm(0, 16, [3, 1, 1]);
    let mut x = net.relu(stem);
    for out in [16, 24] {
        x = net.max_pool(x, [3, 2, 1], true);
        let a = net.conv_relu(x, out, [1, 1, 0]);
        let b = net.conv_relu(x, out, [1, 1, 0]);
        let b = net.conv_relu(b, out, [3, 1, 1]);
        let c = net.conv_relu(x, 16, [1, 1, 0]);
        let c = net.conv_relu(c, out, [5, 1, 2]);
        let d = net.max_pool(x, [3, 1, 1], true);
        let d = net.conv_relu(d, out, [1, 1, 0]);
        x = net.plain("concat", &[a, b, c, d]);
    }
    x = net.global(x);
    net.linear(x, 20);
    net
}

/// Half of the channels pass by; then the halves are shuffled.
fn shufflenet() -> Net {
    let mut net = Net::new([2, 3, 24, 23]);
    let stem = net.conv_norm(0, 12, [3, 2, 1]);
    let mut x = net.relu(stem);
    for stride in [2, 1, 1] {
        let (left, right) = if stride == 2 {
            let left = net.depthwise(x, [3, 2, 1]);
            let left = net.batch_norm(left);
            let left = net.conv_norm(left, 16, [1, 1, 0]);
            (net.relu(left), x)
        } else {
            let left = net.push("slice", &[x], json!({ "start": 0, "end": 16 }));
            (left, net.push("slice", &[x], json!({ "start": 16, "end": 32 })))
        };
        let right = net.conv_norm(right, 16, [1, 1, 0]);
        let right = net.relu(right);
        let right = net.depthwise(right, [3, stride, 1]);
        let right = net.batch_norm(right);
        let right = net.conv_norm(right, 16, [1, 1, 0]);
        let right = net.relu(right);
        let both = net.plain("concat", &[left, right]);
        x = net.push("channel_shuffle", &[both], json!({ "groups": 2 }));
    }
    x = net.global(x);
    net.linear(x, 10);
    net
}

fn convnext() -> Net {
    let mut net = Net::new([1, 3, 40, 44]);
    let norm = |net: &mut Net, x: Id| {
        let c = net.shape(x).c;
        // Where channels are much alike, a small eps would make much of their rounding errors.
        net.push("layer_norm2d", &[x], json!({ "channels": c, "eps": 0.5 }))
    };
    let mut x = net.conv(0, 12, [4, 4, 0]);
    x = norm(&mut net, x);
    let deep = net.conv_with(x, 12, [7, 1, 3], json!({ "groups": 12 }));
    let deep = norm(&mut net, deep);
    let wide = net.conv(deep, 48, [1, 1, 0]);
    let wide = net.activation("gelu", wide);
    let narrow = net.conv(wide, 12, [1, 1, 0]);
    let scaled = net.of_channels("layer_scale", narrow);
    x = net.plain("add", &[scaled, x]);
    x = net.conv(x, 20, [2, 2, 0]);
    x = net.global(x);
    net.linear(x, 12);
    net
}

/// Kernels of one row or column, and a residual that is scaled before it is added.
fn inception_resnet() -> Net {
    let mut net = Net::new([1, 3, 29, 31]);
    let mut x = net.conv_relu(0, 40, [3, 2, 0]);
    for factor in [0.17, 0.1] {
        let a = net.conv_relu(x, 16, [1, 1, 0]);
        let mut b = net.conv_relu(x, 16, [1, 1, 0]);
        for (kernel, padding) in [([1, 7], [0, 3, 0, 3]), ([7, 1], [3, 0, 3, 0])] {
            b = net.conv_with(
                b,
                24,
                [1, 1, 0],
                json!({ "kernel": kernel, "padding": padding, "bias": false }),
            );
            b = net.batch_norm(b);
            b = net.relu(b);
        }
        let both = net.plain("concat", &[a, b]);
        let up = net.conv(both, 40, [1, 1, 0]);
        let scaled = net.push("affine", &[up], json!({ "scale": [factor], "shift": [0.0] }));
        let sum = net.plain("add", &[x, scaled]);
        x = net.relu(sum);
    }
    x = net.push("adaptive_max_pool2d", &[x], json!({ "output": [2, 3] }));
    x = net.of_channels("prelu", x);
    x = net.plain("flatten", &[x]);
    net.linear(x, 10);
    net
}

/// Joined maps in joined maps, one of them twice, one with a halo inside another's, and a flatten that a softmax reads.
pub fn knots() -> Net {
    let mut net = Net::new([2, 3, 7, 6]);
    let a = net.conv_relu(0, 5, [3, 1, 1]);
    let b = net.conv(0, 4, [1, 1, 0]);
    let twice = net.plain("concat", &[a, a]);
    let mixed = net.plain("concat", &[b, twice, 0, b]);
    let wide = net.conv_relu(mixed, 6, [5, 1, 2]);
    let narrow = net.conv(twice, 3, [1, 1, 0]);
    let all = net.plain("concat", &[mixed, wide, narrow, a]);
    let last = net.conv(all, 5, [3, 2, 1]);
    let flat = net.plain("flatten", &[last]);
    let other = net.plain("flatten", &[narrow]);
    let joined = net.plain("concat", &[flat, other, flat]);
    net.plain("softmax", &[joined]);
    net
}

/// Slices of slices, of joined maps and into them; sums and products of a map with itself, with its own slice's origin, and
/// with maps that end elsewhere; crops.
fn loops() -> Net {
    let mut net = Net::new([2, 6, 9, 8]);
    let slice = |net: &mut Net, x: Id, start: usize, end: usize| {
        net.push("slice", &[x], json!({ "start": start, "end": end }))
    };
    let a = net.conv_relu(0, 8, [3, 1, 1]);
    let upper = slice(&mut net, a, 4, 8);
    let middle = slice(&mut net, upper, 1, 3);
    let doubled = net.plain("add", &[a, a]);
    let squared = net.plain("mul", &[upper, upper]);
    let lower = slice(&mut net, doubled, 0, 4);
    let sum = net.plain("add", &[lower, squared, upper]);
    let joined = net.plain("concat", &[middle, sum, upper, middle]);
    let again = slice(&mut net, joined, 1, 11);
    let ready = net.batch_norm(again);
    let ready = net.activation("relu6", ready);
    let narrow = net.conv(ready, 4, [1, 1, 0]);
    let sum = net.plain("add", &[narrow, squared]);
    let product = net.plain("mul", &[sum, narrow]);
    let product = net.activation("tanh", product);
    let cropped = net.push("pad2d", &[product], json!({ "padding": [-1, 2, 1, -3] }));
    let last = net.depthwise(cropped, [3, 1, 2]);
    let mean = net.adaptive(last, [1, 1]);
    let scaled = net.plain("mul", &[last, mean]);
    net.plain("add", &[scaled, scaled]);
    net
}

pub fn named() -> [(&'static str, Net); 13] {
    [
        ("lenet5", lenet5()),
        ("alexnet", alexnet()),
        ("squeezenet", squeezenet()),
        ("resnet", resnet()),
        ("preact", preact()),
        ("densenet", densenet()),
        ("mobilenet", mobilenet()),
        ("googlenet", googlenet()),
        ("shufflenet", shufflenet()),
        ("convnext", convnext()),
        ("inception_resnet", inception_resnet()),
        ("knots", knots()),
        ("loops", loops()),
    ]
}
