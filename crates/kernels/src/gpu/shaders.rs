//! The texts of all shaders, and what stands in front of each.

/// In front of a shader's own text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// What all have.
    Addresses,
    /// The activations too.
    Functions,
    /// And the epilogue.
    Epilogue,
    /// And the weights.
    Weights,
}

use Before::{Addresses, Epilogue, Functions, Weights};

const SHADERS: [(&str, Before, &str); 20] = [
    ("activation", Functions, include_str!("../activation/activation.wgsl")),
    ("adaptive_avg_pool2d", Addresses, include_str!("../adaptive_avg_pool2d/adaptive_avg_pool2d.wgsl")),
    ("adaptive_max_pool2d", Addresses, include_str!("../adaptive_max_pool2d/adaptive_max_pool2d.wgsl")),
    ("add", Functions, include_str!("../add/add.wgsl")),
    ("affine", Epilogue, include_str!("../affine/affine.wgsl")),
    ("avg_pool2d", Addresses, include_str!("../avg_pool2d/avg_pool2d.wgsl")),
    ("channel_shuffle", Addresses, include_str!("../channel_shuffle/channel_shuffle.wgsl")),
    ("concat", Addresses, include_str!("../concat/concat.wgsl")),
    ("conv2d", Weights, include_str!("../conv2d/conv2d.wgsl")),
    ("flatten", Addresses, include_str!("../flatten/flatten.wgsl")),
    ("layer_norm2d", Epilogue, include_str!("../layer_norm2d/layer_norm2d.wgsl")),
    ("linear", Weights, include_str!("../linear/linear.wgsl")),
    ("local_response_norm", Functions, include_str!("../local_response_norm/local_response_norm.wgsl")),
    ("log_softmax", Functions, include_str!("../log_softmax/log_softmax.wgsl")),
    ("max_pool2d", Addresses, include_str!("../max_pool2d/max_pool2d.wgsl")),
    ("mul", Epilogue, include_str!("../mul/mul.wgsl")),
    ("pad2d", Addresses, include_str!("../pad2d/pad2d.wgsl")),
    ("pad_channels", Addresses, include_str!("../pad_channels/pad_channels.wgsl")),
    ("prelu", Addresses, include_str!("../prelu/prelu.wgsl")),
    ("softmax", Functions, include_str!("../softmax/softmax.wgsl")),
];

/// Every shader's name and whole text.
pub fn shaders() -> impl Iterator<Item = (&'static str, String)> {
    SHADERS.iter().map(|&(name, before, own)| {
        let mut texts = vec![include_str!("../gpu.wgsl")];
        if before != Addresses {
            texts.push(include_str!("../activation/functions.wgsl"));
        }
        if matches!(before, Epilogue | Weights) {
            texts.push(include_str!("../epilogue.wgsl"));
        }
        if before == Weights {
            texts.push(include_str!("../weights.wgsl"));
        }
        texts.push(own);
        (name, texts.join("\n"))
    })
}
