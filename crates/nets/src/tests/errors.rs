//! What is refused, with which code, and that nothing a caller passes can panic.

use super::build::{Net, Random, with};
use super::models::options;
use super::nets::{lenet5, squeezenet};
use crate::algorithm::Tuning;
use crate::error::{Code, Error};
use crate::graph::{Graph, Id};
use crate::model::Model;
use crate::shape::infer;
use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const INPUT: &str = r#"{"op":"input","channels":3}"#;

fn parse(nodes: &[&str], output: &str) -> Error {
    let json = format!(r#"{{"nodes":[{}],"output":{output}}}"#, nodes.join(","));
    Graph::parse(&json).map(|_| json).expect_err("a refusal")
}

#[test]
fn what_is_no_graph() {
    let softmax = r#"{"op":"softmax","inputs":[0],"path":"r"}"#;
    let cases = [
        (Graph::parse("").map(|_| ()).unwrap_err(), "cannot be read"),
        (Graph::parse("null").map(|_| ()).unwrap_err(), "cannot be read"),
        (Graph::parse(&"[".repeat(100_000)).map(|_| ()).unwrap_err(), "cannot be read"),
        (Graph::parse(r#"{"nodes":[]}"#).map(|_| ()).unwrap_err(), "output"),
        (parse(&[], "0"), "must begin with its input"),
        (parse(&[softmax], "0"), "must begin with its input"),
        (parse(&[r#"{"op":"input","channels":0}"#], "0"), "must begin with its input"),
        (parse(&[r#"{"op":"input","channels":1048577}"#], "0"), "2^20"),
        (parse(&[INPUT], "1"), "none of its layers"),
        (parse(&[INPUT], "-1"), "cannot be read"),
        (parse(&[INPUT], "1e3"), "cannot be read"),
        (parse(&[INPUT], "0,\"extra\":1"), "extra"),
        (parse(&[INPUT, r#"{"op":"relu","inputs":[0],"path":"r"}"#], "1"), "relu"),
        (parse(&[INPUT, r#"{"op":"activation","kind":"swish","inputs":[0],"path":"r"}"#], "1"), "swish"),
        (parse(&[INPUT, r#"{"op":"activation","inputs":[0],"path":"r"}"#], "1"), "kind"),
        (
            parse(&[INPUT, r#"{"op":"activation","kind":"relu","slope":1,"inputs":[0],"path":"r"}"#], "1"),
            "slope",
        ),
        (parse(&[INPUT, r#"{"op":"softmax","inputs":[0],"path":"r","dim":1}"#], "1"), "dim"),
        (parse(&[INPUT, r#"{"inputs":[0],"path":"r"}"#], "1"), "op"),
        (parse(&[INPUT, r#"{"op":"softmax","path":"r"}"#], "1"), "inputs"),
        (parse(&[INPUT, r#"{"op":"softmax","inputs":[0]}"#], "1"), "path"),
        (parse(&[INPUT, r#"{"op":"softmax","inputs":[0.5],"path":"r"}"#], "1"), "cannot be read"),
        (
            parse(&[INPUT, r#"{"op":"slice","start":-1,"end":2,"inputs":[0],"path":"r"}"#], "1"),
            "cannot be read",
        ),
        (parse(&[r#"{"op":"input","channels":3,"inputs":[0]}"#], "0"), "read earlier ones"),
        (parse(&[INPUT, r#"{"op":"softmax","inputs":[1],"path":"r"}"#], "1"), "read earlier ones"),
        (parse(&[INPUT, r#"{"op":"softmax","inputs":[2],"path":"r"}"#, softmax], "1"), "read earlier ones"),
        (parse(&[INPUT, softmax, INPUT], "1"), "only the first is the input"),
    ];
    for (error, part) in cases {
        assert_eq!(error.code, Code::BadNet, "{error}");
        assert!(error.message.contains(part), "{error}, without {part:?}");
    }
}

pub fn conv(change: Value) -> Value {
    let node = json!({
        "op": "conv2d", "inputs": [0], "path": "features.0", "in_channels": 4, "out_channels": 6, "kernel": [3, 3],
        "stride": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1, "bias": true,
    });
    with(node, change)
}

fn pool(change: Value) -> Value {
    let node = json!({
        "op": "max_pool2d", "inputs": [0], "path": "features.0", "kernel": [3, 3], "stride": [2, 2],
        "padding": [0, 0, 0, 0], "dilation": [1, 1], "ceil_mode": false,
    });
    with(node, change)
}

/// An operator that reads the input so many times.
fn op(name: &str, reads: usize, fields: Value) -> Value {
    with(json!({ "op": name, "inputs": vec![0; reads], "path": "features.0" }), fields)
}

#[test]
fn layers_that_cannot_be() {
    let large = 1 << 20;
    let cases = [
        conv(json!({ "in_channels": 0 })),
        conv(json!({ "out_channels": large + 1 })),
        conv(json!({ "groups": 3 })),
        conv(json!({ "groups": 0 })),
        conv(json!({ "kernel": [0, 3] })),
        conv(json!({ "kernel": [3, large + 1] })),
        conv(json!({ "stride": [1, 0] })),
        conv(json!({ "dilation": [0, 1] })),
        conv(json!({ "kernel": [large, large], "dilation": [large, large] })),
        conv(json!({ "padding": [1, 1, 1, 1_000_000] })),
        conv(json!({ "padding": [u64::MAX, 1, 1, 1] })),
        conv(json!({ "padding": [-1, 1, 1, 1] })),
        pool(json!({ "padding": [3, 1, 1, 1] })),
        pool(json!({ "stride": [0, 1] })),
        pool(json!({ "kernel": [2, large], "dilation": [1, large] })),
        op(
            "avg_pool2d",
            1,
            json!({ "kernel": [3, 3], "stride": [1, 1], "padding": [0, 0, 3, 0], "ceil_mode": false,
            "count_include_pad": true }),
        ),
        op("adaptive_avg_pool2d", 1, json!({ "output": [0, 1] })),
        op("adaptive_max_pool2d", 1, json!({ "output": [1, large + 1] })),
        op("linear", 1, json!({ "in_features": 4, "out_features": 0, "bias": true })),
        op("prelu", 1, json!({ "channels": 0 })),
        op("layer_scale", 1, json!({ "channels": large + 1 })),
        op("batch_norm2d", 1, json!({ "channels": 0, "eps": 1e-5, "affine": true })),
        op("layer_norm2d", 1, json!({ "channels": 0, "eps": 1e-5 })),
        op("affine", 1, json!({ "scale": [], "shift": [] })),
        op("affine", 1, json!({ "scale": [1.0, 2.0], "shift": [0.0] })),
        op("affine", 1, json!({ "scale": [1e300], "shift": [0.0] })),
        op("local_response_norm", 1, json!({ "size": 0, "alpha": 1.0, "beta": 1.0, "k": 1.0 })),
        op("slice", 1, json!({ "start": 2, "end": 2 })),
        op("slice", 1, json!({ "start": 0, "end": usize::MAX })),
        op("pad2d", 1, json!({ "padding": [0, isize::MIN, 0, 0] })),
        op("pad_channels", 1, json!({ "before": 0, "after": usize::MAX })),
        op("channel_shuffle", 1, json!({ "groups": 0 })),
        op("softmax", 0, json!({})),
        op("softmax", 2, json!({})),
        op("slice", 2, json!({ "start": 0, "end": 1 })),
        op("concat", 0, json!({})),
        op("add", 1, json!({})),
        op("mul", 1, json!({})),
        op("mul", 3, json!({})),
    ];
    for node in cases {
        let json = json!({ "nodes": [{ "op": "input", "channels": 4 }, node], "output": 1 }).to_string();
        let error = Graph::parse(&json).map(|_| &json).expect_err("a refusal");
        assert_eq!(error.code, Code::BadNet, "{error}: {json}");
    }
}

fn loaded(net: &Net) -> Model {
    let mut model = Model::new(&net.json(), options(0), &Tuning::new()).expect("a sound graph");
    for (id, weights) in net.weights(&mut Random::new()).iter().enumerate() {
        if let Some(given) = weights {
            model.load(id, 0, &given.weight, given.bias.as_deref()).expect("weights that fit");
        }
    }
    model
}

fn refused(net: &Net, input: [usize; 4]) -> Error {
    loaded(net).prepare(input, &[]).expect_err(&format!("{input:?} should be refused"))
}

#[test]
fn inputs_of_the_wrong_shape() {
    let cases = [
        (refused(&squeezenet(), [1, 4, 63, 63]), None, "reads 3 channels, not 4"),
        (refused(&squeezenet(), [0, 3, 63, 63]), None, "empty"),
        (refused(&squeezenet(), [1, 3, 0, 63]), None, "empty"),
        (refused(&squeezenet(), [1, 3, 63, 0]), None, "empty"),
        (refused(&squeezenet(), [1, 3, 2, 63]), Some("n1"), "too small"),
        (refused(&lenet5(), [1, 1, 32, 28]), Some("n8"), "expects 400 features, got"),
    ];
    for (error, node, part) in cases {
        assert_eq!((error.code, error.node.as_deref()), (Code::BadShape, node), "{error}");
        assert!(error.message.contains(part), "{error}, without {part:?}");
    }
}

#[test]
fn layers_that_do_not_fit() {
    // 0 is a map of 3 x 8 x 8, 1 the same flat, 2 a map of 3 x 4 x 4, 3 of 6 x 8 x 8, 4 a vector for a map of 3 channels,
    // 5 a map of 65537 channels.
    let vector = op("adaptive_avg_pool2d", 1, json!({ "output": [1, 1] }));
    let pool = json!({ "kernel": [2, 2], "stride": [2, 2] });
    let many = op("pad_channels", 1, json!({ "before": 0, "after": 65534 }));
    let given =
        [op("flatten", 1, json!({})), self::pool(pool.clone()), op("concat", 2, json!({})), vector, many];
    let of =
        |name: &str, inputs: &[Id], fields: Value| with(op(name, 0, fields), json!({ "inputs": inputs }));
    let conv = |input: Id, channels: usize| conv(json!({ "in_channels": channels, "inputs": [input] }));
    let eps = |channels: usize| json!({ "channels": channels, "eps": 1e-5 });
    let cases = [
        (
            of("linear", &[0], json!({ "in_features": 192, "out_features": 5, "bias": false })),
            "reads flat features",
        ),
        (
            of("linear", &[1], json!({ "in_features": 191, "out_features": 5, "bias": false })),
            "expects 191 features",
        ),
        (conv(0, 2), "expects 2 channels, got 3"),
        (conv(1, 192), "reads a map"),
        (self::pool(with(pool, json!({ "inputs": [1] }))), "reads a map"),
        (of("adaptive_avg_pool2d", &[1], json!({ "output": [1, 1] })), "reads a map"),
        (of("adaptive_max_pool2d", &[1], json!({ "output": [1, 1] })), "reads a map"),
        (of("slice", &[1], json!({ "start": 0, "end": 1 })), "reads a map"),
        (of("pad2d", &[1], json!({ "padding": [1, 1, 1, 1] })), "reads a map"),
        (of("pad_channels", &[1], json!({ "before": 1, "after": 1 })), "reads a map"),
        (of("concat", &[0, 1], json!({})), "cannot join"),
        (of("concat", &[0, 2], json!({})), "cannot join"),
        (of("add", &[0, 0, 2], json!({})), "cannot combine"),
        (of("add", &[0, 3], json!({})), "cannot combine"),
        (of("add", &[0, 1], json!({})), "cannot combine"),
        (of("add", &[0, 4], json!({})), "cannot combine"),
        (of("mul", &[4, 0], json!({})), "cannot combine"),
        (of("mul", &[3, 4], json!({})), "cannot combine"),
        (of("batch_norm2d", &[0], with(eps(4), json!({ "affine": true }))), "expects 4 channels, got 3"),
        (of("layer_norm2d", &[0], eps(4)), "expects 4 channels, got 3"),
        (of("layer_scale", &[0], json!({ "channels": 6 })), "expects 6 channels, got 3"),
        (of("prelu", &[3], json!({ "channels": 3 })), "expects 3 channels, got 6"),
        (
            of("affine", &[0], json!({ "scale": [1.0, 2.0], "shift": [0.0, 0.0] })),
            "expects 2 channels, got 3",
        ),
        (of("slice", &[0], json!({ "start": 1, "end": 4 })), "has no channels 1 to 4"),
        (of("prelu", &[5], json!({ "channels": 1 })), "at most 65536 channels"),
        (of("affine", &[5], json!({ "scale": [1.0], "shift": [1.0] })), "at most 65536 channels"),
        (of("pad2d", &[0], json!({ "padding": [-4, 0, -4, 0] })), "nothing is left"),
        (of("pad2d", &[0], json!({ "padding": [0, -9, 0, 3] })), "nothing is left"),
        (of("channel_shuffle", &[0], json!({ "groups": 2 })), "2 groups do not divide 3"),
    ];
    for (node, part) in cases {
        let mut nodes = vec![json!({ "op": "input", "channels": 3 })];
        nodes.extend(given.iter().cloned().chain([node]));
        let graph = Graph::parse(&json!({ "nodes": nodes, "output": 6 }).to_string()).expect("a sound graph");
        let error = infer(&graph, [1, 3, 8, 8]).expect_err(part);
        assert_eq!((error.code, error.node.as_deref()), (Code::BadShape, Some("features.0")), "{error}");
        assert!(error.message.contains(part), "{error}, without {part:?}");
    }
}

#[test]
fn sizes_beyond_any_memory() {
    let sizes = [
        [1, 3, 60_000, 60_000],
        [1, 3, 30_000, 30_000],
        [100_000, 3, 224, 224],
        [1, 3, 1 << 16, 1 << 16],
        [1 << 16, 3, 1 << 8, 1 << 8],
        [1 << 31, 3, 63, 63],
        [1, 3, usize::MAX, 63],
        [1, 3, 63, usize::MAX],
        [usize::MAX, 3, 63, 63],
        [usize::MAX, 3, usize::MAX, usize::MAX],
    ];
    for size in sizes {
        let error = refused(&squeezenet(), size);
        assert_eq!(error.code, Code::TooLarge, "{size:?}: {error}");
    }
    // Products of the three that are 0 or small in 32 bits.
    for size in [[1 << 16, 3, 1 << 16, 1], [1 << 11, 3, 1 << 11, 1 << 10]] {
        assert_eq!(refused(&squeezenet(), size).code, Code::TooLarge, "{size:?}");
    }
}

#[test]
fn layers_beyond_any_memory() {
    let too_large = |what: &str, build: &dyn Fn(&mut Net) -> Id| {
        let mut net = Net::new([1, 3, 8, 8]);
        build(&mut net);
        let error = refused(&net, [1, 3, 8, 8]);
        assert_eq!(error.code, Code::TooLarge, "{what}: {error}");
    };
    too_large("pooled up", &|net| net.adaptive(0, [1 << 20, 1 << 20]));
    too_large("pooled up in one direction", &|net| {
        let x = net.adaptive(0, [1 << 20, 1 << 7]);
        net.adaptive(x, [1 << 20, 1 << 20])
    });
    too_large("joined with itself again and again", &|net| {
        (0..80).fold(0, |x, _| net.plain("concat", &[x, x]))
    });
    too_large("flattened", &|net| {
        let x = (0..23).fold(0, |x, _| net.plain("concat", &[x, x]));
        let flat = net.plain("flatten", &[x]);
        net.relu(flat)
    });
    // A map of 2^17 floats, whose halo makes it too large.
    let mut net = Net::new([1, 1, 1, 1]);
    let fields = json!({
        "in_channels": 1 << 17, "out_channels": 1, "kernel": [1, 1], "stride": [1, 1], "padding": [0, 4000, 0, 4000],
        "dilation": [1, 1], "groups": 1, "bias": false,
    });
    let x = (0..17).fold(0, |x, _| net.plain("concat", &[x, x]));
    net.push("conv2d", &[x], fields);
    assert_eq!(refused(&net, net.input).code, Code::TooLarge);
}

#[test]
fn plans_outputs_and_slices_that_are_not_there() {
    let net = lenet5();
    let mut model = loaded(&net);
    assert_eq!(model.prepare(net.input, &[99]).unwrap_err().code, Code::BadNet);
    let plan = model.prepare(net.input, &[]).unwrap();
    for code in [
        model.input(plan + 1).unwrap_err().code,
        model.run(plan + 1, 0).unwrap_err().code,
        model.run(plan + 1, 1).unwrap_err().code,
        model.run(plan, 1).unwrap_err().code,
        model.run(plan, usize::MAX).unwrap_err().code,
        model.output(plan, 1).unwrap_err().code,
        model.output(plan + 1, 0).unwrap_err().code,
    ] {
        assert_eq!(code, Code::BadOption);
    }
}

#[test]
fn inputs_that_are_no_numbers() {
    let net = lenet5();
    let mut model = loaded(&net);
    let plan = model.prepare(net.input, &[]).unwrap();
    for strange in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let input = model.input(plan).unwrap();
        input.fill(0.5);
        input[77] = strange;
        let error = model.run(plan, 0).unwrap_err();
        assert_eq!(error.code, Code::NotFinite);
        assert!(error.message.contains("element 77"), "{error}");
    }
    model.input(plan).unwrap().fill(0.5);
    assert!(!model.run(plan, 0).unwrap());
    assert!(model.output(plan, 0).unwrap().1.iter().all(|y| y.is_finite()));
}
