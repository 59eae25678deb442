//! The texts of all shaders, and what stands in front of each.

const ACTIVATIONS: &str = include_str!("../activation/functions.wgsl");
const ENDING: &str = include_str!("../epilogue.wgsl");
const NARROW: &str = include_str!("../weights.wgsl");
const PIXEL: &str = include_str!("../pixel.wgsl");
const ADAPTIVE: &str = include_str!("../adaptive.wgsl");
const SHARES: &str = include_str!("../adaptive_shares.wgsl");
const CHANNELS: &str = include_str!("../channels.wgsl");
const VECTORS: &str = include_str!("../linear/shares.wgsl");
/// What stands in the place of the last three where sums are made by subgroups first.
const SUBGROUPS: &str = include_str!("../subgroups.wgsl");
const PIXEL_SUBGROUPS: &str = include_str!("../pixel_subgroups.wgsl");
const SHARES_SUBGROUPS: &str = include_str!("../adaptive_subgroups.wgsl");
const VECTORS_SUBGROUPS: &str = include_str!("../linear/subgroups.wgsl");
/// What products are computed in.
const FLOAT32: &str = include_str!("../conv2d/float32.wgsl");
const FLOAT16: &str = include_str!("../conv2d/float16.wgsl");
const POINTS: &str = include_str!("../conv2d/winograd/functions.wgsl");

/// In front of a shader's own text, behind what all have.
type Before = &'static [&'static str];
const ADDRESSES: Before = &[];
const FUNCTIONS: Before = &[ACTIVATIONS];
const CELLS: Before = &[ADAPTIVE, SHARES];
const CELLS_SUBGROUPS: Before = &[SUBGROUPS, ADAPTIVE, SHARES_SUBGROUPS];
const PIXELS: Before = &[ACTIVATIONS, CHANNELS, PIXEL];
const PIXELS_SUBGROUPS: Before = &[SUBGROUPS, ACTIVATIONS, CHANNELS, PIXEL_SUBGROUPS];
const PIXELS_ENDED: Before = &[ACTIVATIONS, ENDING, CHANNELS, PIXEL];
const PIXELS_ENDED_SUBGROUPS: Before = &[SUBGROUPS, ACTIVATIONS, ENDING, CHANNELS, PIXEL_SUBGROUPS];
const EPILOGUE: Before = &[ACTIVATIONS, ENDING];
const WEIGHTS: Before = &[ACTIVATIONS, NARROW];
const PRODUCTS: Before = &[ACTIVATIONS, ENDING, NARROW];
const MATRIX_PRODUCTS: Before = &[ACTIVATIONS, ENDING, NARROW, FLOAT32];
const MATRIX_PRODUCTS_F16: Before = &[FLOAT16, ACTIVATIONS, ENDING, NARROW];
const VECTOR_PRODUCTS: Before = &[ACTIVATIONS, ENDING, NARROW, VECTORS];
const VECTOR_PRODUCTS_SUBGROUPS: Before = &[SUBGROUPS, ACTIVATIONS, ENDING, NARROW, VECTORS_SUBGROUPS];
const TRANSFORM: Before = &[POINTS];
const TRANSFORM_BACK: Before = &[POINTS, ACTIVATIONS, ENDING];

const SHADERS: [(&str, Before, &str); 31] = [
    ("activation", FUNCTIONS, include_str!("../activation/activation.wgsl")),
    ("adaptive_avg_pool2d", CELLS, include_str!("../adaptive_avg_pool2d/adaptive_avg_pool2d.wgsl")),
    (
        "adaptive_avg_pool2d_subgroups",
        CELLS_SUBGROUPS,
        include_str!("../adaptive_avg_pool2d/adaptive_avg_pool2d.wgsl"),
    ),
    ("adaptive_max_pool2d", CELLS, include_str!("../adaptive_max_pool2d/adaptive_max_pool2d.wgsl")),
    (
        "adaptive_max_pool2d_subgroups",
        CELLS_SUBGROUPS,
        include_str!("../adaptive_max_pool2d/adaptive_max_pool2d.wgsl"),
    ),
    ("add", FUNCTIONS, include_str!("../add/add.wgsl")),
    ("affine", EPILOGUE, include_str!("../affine/affine.wgsl")),
    ("avg_pool2d", ADDRESSES, include_str!("../avg_pool2d/avg_pool2d.wgsl")),
    ("channel_shuffle", ADDRESSES, include_str!("../channel_shuffle/channel_shuffle.wgsl")),
    ("concat", ADDRESSES, include_str!("../concat/concat.wgsl")),
    ("conv2d", MATRIX_PRODUCTS, include_str!("../conv2d/conv2d.wgsl")),
    ("conv2d_f16", MATRIX_PRODUCTS_F16, include_str!("../conv2d/conv2d.wgsl")),
    ("excite", WEIGHTS, include_str!("../excite/excite.wgsl")),
    ("flatten", ADDRESSES, include_str!("../flatten/flatten.wgsl")),
    ("grouped", PRODUCTS, include_str!("../conv2d/grouped/grouped.wgsl")),
    ("layer_norm2d", PIXELS_ENDED, include_str!("../layer_norm2d/layer_norm2d.wgsl")),
    ("layer_norm2d_subgroups", PIXELS_ENDED_SUBGROUPS, include_str!("../layer_norm2d/layer_norm2d.wgsl")),
    ("linear", VECTOR_PRODUCTS, include_str!("../linear/linear.wgsl")),
    ("linear_subgroups", VECTOR_PRODUCTS_SUBGROUPS, include_str!("../linear/linear.wgsl")),
    ("local_response_norm", FUNCTIONS, include_str!("../local_response_norm/local_response_norm.wgsl")),
    ("log_softmax", PIXELS, include_str!("../log_softmax/log_softmax.wgsl")),
    ("log_softmax_subgroups", PIXELS_SUBGROUPS, include_str!("../log_softmax/log_softmax.wgsl")),
    ("max_pool2d", ADDRESSES, include_str!("../max_pool2d/max_pool2d.wgsl")),
    ("mul", EPILOGUE, include_str!("../mul/mul.wgsl")),
    ("pad2d", ADDRESSES, include_str!("../pad2d/pad2d.wgsl")),
    ("pad_channels", ADDRESSES, include_str!("../pad_channels/pad_channels.wgsl")),
    ("prelu", ADDRESSES, include_str!("../prelu/prelu.wgsl")),
    ("softmax", PIXELS, include_str!("../softmax/softmax.wgsl")),
    ("softmax_subgroups", PIXELS_SUBGROUPS, include_str!("../softmax/softmax.wgsl")),
    ("winograd_input", TRANSFORM, include_str!("../conv2d/winograd/input.wgsl")),
    ("winograd_output", TRANSFORM_BACK, include_str!("../conv2d/winograd/output.wgsl")),
];

/// Every shader's name and whole text.
pub fn shaders() -> impl Iterator<Item = (&'static str, String)> {
    SHADERS.iter().map(|&(name, before, own)| {
        // A directive must come first.
        let first = match before.first() {
            Some(&SUBGROUPS) => "enable subgroups;",
            Some(&FLOAT16) => "enable f16;",
            _ => "",
        };
        (name, [&[first, include_str!("../gpu.wgsl")], before, &[own]].concat().join("\n"))
    })
}
