//! Two networks small enough for Miri, in which every operator is.

use super::build::{Net, with};
use crate::graph::Id;
use serde_json::json;

/// Every operator, in few layers of few numbers.
pub fn smallest() -> [(&'static str, Net); 2] {
    let mut maps = Net::new([2, 5, 4, 5]);
    let window = json!({
        "kernel": [2, 3], "stride": [1, 2], "padding": [1, 1, 0, 1], "dilation": [1, 1], "ceil_mode": true,
    });
    let most = maps.push("max_pool2d", &[0], window.clone());
    let mean = maps.push("avg_pool2d", &[0], with(window, json!({ "count_include_pad": true })));
    let parts = [
        maps.push(
            "affine",
            &[most],
            json!({ "scale": [0.5, 1.0, 0.9, 1.1, 0.7], "shift": [0.1, 0.2, 0.0, -0.1, 0.3] }),
        ),
        maps.push("batch_norm2d", &[most], json!({ "channels": 5, "eps": 1e-3, "affine": true })),
        maps.push("layer_norm2d", &[mean], json!({ "channels": 5, "eps": 0.5 })),
        maps.push("layer_scale", &[mean], json!({ "channels": 5 })),
        maps.push("prelu", &[mean], json!({ "channels": 5 })),
        maps.push("local_response_norm", &[most], json!({ "size": 3, "alpha": 0.3, "beta": 0.75, "k": 1.0 })),
    ];
    let joined = maps.plain("concat", &parts);
    let some = maps.push("slice", &[joined], json!({ "start": 3, "end": 9 }));
    let cut = maps.push("pad2d", &[some], json!({ "padding": [-1, 1, 2, -1] }));
    let wider = maps.push("pad_channels", &[cut], json!({ "before": 1, "after": 2 }));
    let shuffled = maps.push("channel_shuffle", &[wider], json!({ "groups": 3 }));
    let one = maps.push("adaptive_avg_pool2d", &[shuffled], json!({ "output": [1, 1] }));
    let scaled = maps.plain("mul", &[shuffled, one]);
    let sum = maps.plain("add", &[scaled, shuffled]);
    maps.push("adaptive_max_pool2d", &[sum], json!({ "output": [3, 2] }));

    // Convolutions of three algorithms (Winograd's where the map is said to be larger), what stands before and behind them, and features.
    let mut sums = Net::new([2, 6, 4, 5]);
    let conv = |net: &mut Net, x: Id, [c, out, groups]: [usize; 3], [kernel, padding]: [usize; 2]| {
        let fields = json!({
            "in_channels": c, "out_channels": out, "kernel": [kernel, kernel], "stride": [1, 1],
            "padding": [padding, padding, padding, padding], "dilation": [1, 1], "groups": groups, "bias": true,
        });
        net.push("conv2d", &[x], fields)
    };
    let deep = conv(&mut sums, 0, [6, 6, 6], [3, 1]);
    let deep = sums.activation("hardswish", deep);
    let narrow = conv(&mut sums, deep, [6, 8, 2], [3, 1]);
    let ready = sums.push("batch_norm2d", &[narrow], json!({ "channels": 8, "eps": 1e-3, "affine": true }));
    let ready = sums.activation("relu6", ready);
    let direct = conv(&mut sums, ready, [8, 14, 1], [1, 0]);
    let direct = sums.activation("gelu", direct);
    let same = conv(&mut sums, direct, [14, 14, 1], [3, 1]);
    let sum = sums.plain("add", &[same, direct]);
    let sum = sums.activation("sigmoid", sum);
    let few = sums.push("adaptive_avg_pool2d", &[sum], json!({ "output": [2, 2] }));
    let flat = sums.plain("flatten", &[few]);
    let linear = json!({ "in_features": 56, "out_features": 9, "bias": true });
    let linear = sums.push("linear", &[flat], linear);
    let chances = sums.plain("softmax", &[linear]);
    let kept = sums.plain("log_softmax", &[linear]);
    sums.plain("concat", &[chances, kept]);
    [("maps", maps), ("sums", sums)]
}
