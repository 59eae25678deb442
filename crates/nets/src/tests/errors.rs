//! What is refused, with which code, and that nothing a caller passes can panic.

use super::build::{Net, Random, lenet5, squeezenet};
use crate::error::{Code, Error};
use crate::graph::{Graph, Id};
use crate::model::Model;
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
    let relu = r#"{"op":"relu","inputs":[0],"path":"r"}"#;
    let cases = [
        (Graph::parse("").map(|_| ()).unwrap_err(), "cannot be read"),
        (Graph::parse("null").map(|_| ()).unwrap_err(), "cannot be read"),
        (Graph::parse(&"[".repeat(100_000)).map(|_| ()).unwrap_err(), "cannot be read"),
        (Graph::parse(r#"{"nodes":[]}"#).map(|_| ()).unwrap_err(), "output"),
        (parse(&[], "0"), "must begin with its input"),
        (parse(&[relu], "0"), "must begin with its input"),
        (parse(&[r#"{"op":"input","channels":0}"#], "0"), "must begin with its input"),
        (parse(&[r#"{"op":"input","channels":1048577}"#], "0"), "2^20"),
        (parse(&[INPUT], "1"), "none of its layers"),
        (parse(&[INPUT], "-1"), "cannot be read"),
        (parse(&[INPUT], "1e3"), "cannot be read"),
        (parse(&[INPUT], "0,\"extra\":1"), "extra"),
        (parse(&[INPUT, r#"{"op":"gelu","inputs":[0],"path":"g"}"#], "1"), "gelu"),
        (parse(&[INPUT, r#"{"op":"relu","inputs":[0],"path":"r","slope":1}"#], "1"), "slope"),
        (parse(&[INPUT, r#"{"op":"relu","path":"r"}"#], "1"), "inputs"),
        (parse(&[INPUT, r#"{"op":"relu","inputs":[0,0],"path":"r"}"#], "1"), "cannot be read"),
        (parse(&[INPUT, r#"{"op":"relu","inputs":[1],"path":"r"}"#], "1"), "read earlier ones"),
        (parse(&[INPUT, r#"{"op":"relu","inputs":[2],"path":"r"}"#, relu], "1"), "read earlier ones"),
        (parse(&[INPUT, r#"{"op":"concat","inputs":[],"path":"c"}"#], "1"), "read earlier ones"),
        (parse(&[INPUT, relu, INPUT], "1"), "only the first is the input"),
    ];
    for (error, part) in cases {
        assert_eq!(error.code, Code::BadNet, "{error}");
        assert!(error.message.contains(part), "{error}, without {part:?}");
    }
}

fn conv(change: Value) -> Value {
    let mut node = json!({
        "op": "conv2d", "inputs": [0], "path": "features.0", "in_channels": 4, "out_channels": 6, "kernel": [3, 3],
        "stride": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1], "groups": 1, "bias": true,
    });
    node.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    node
}

fn pool(change: Value) -> Value {
    let mut node = json!({
        "op": "max_pool2d", "inputs": [0], "path": "features.0", "kernel": [3, 3], "stride": [2, 2],
        "padding": [0, 0, 0, 0], "dilation": [1, 1], "ceil_mode": false,
    });
    node.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    node
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
        pool(json!({ "padding": [2, 1, 1, 1] })),
        pool(json!({ "stride": [0, 1] })),
        pool(json!({ "kernel": [2, large], "dilation": [1, large] })),
        json!({ "op": "avg_pool2d", "inputs": [0], "path": "features.0", "kernel": [3, 3], "stride": [1, 1],
            "padding": [0, 0, 2, 0], "ceil_mode": false, "count_include_pad": true }),
        json!({ "op": "adaptive_avg_pool2d", "inputs": [0], "path": "features.0", "output": [0, 1] }),
        json!({ "op": "linear", "inputs": [0], "path": "features.0", "in_features": 4, "out_features": 0, "bias": true }),
    ];
    for node in cases {
        let json = json!({ "nodes": [{ "op": "input", "channels": 4 }, node], "output": 1 }).to_string();
        let error = Graph::parse(&json).map(|_| &json).expect_err("a refusal");
        assert_eq!(error.code, Code::BadNet, "{error}: {json}");
    }
}

fn loaded(net: &Net) -> Model {
    let mut model = Model::new(&net.json(), 0).expect("a sound graph");
    for (id, weights) in net.weights(&mut Random::new()).iter().enumerate() {
        if let Some(given) = weights {
            model.load(id, &given.weight, given.bias.as_deref()).expect("weights that fit");
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
    let misfit = |build: &dyn Fn(&mut Net) -> Id| {
        let mut net = Net::new([1, 3, 8, 8]);
        build(&mut net);
        let error = refused(&net, [1, 3, 8, 8]);
        assert_eq!(error.code, Code::BadShape, "{error}");
        error.to_string()
    };
    let linear = json!({ "in_features": 192, "out_features": 5, "bias": false });
    assert!(misfit(&|net| net.push("linear", &[0], linear.clone())).contains("reads flat features"));
    let narrow = json!({
        "in_channels": 2, "out_channels": 2, "kernel": [1, 1], "stride": [1, 1], "padding": vec![0; 4],
        "dilation": [1, 1], "groups": 1, "bias": false,
    });
    assert!(misfit(&|net| net.push("conv2d", &[0], narrow.clone())).contains("expects 2 channels, got 3"));
    let flat = |net: &mut Net| net.plain("flatten", &[0]);
    assert!(
        misfit(&|net| {
            let x = flat(net);
            net.max_pool(x, [2, 2, 0], false)
        })
        .contains("reads a map")
    );
    assert!(
        misfit(&|net| {
            let x = flat(net);
            net.adaptive(x, [1, 1])
        })
        .contains("reads a map")
    );
    assert!(
        misfit(&|net| {
            let x = flat(net);
            net.plain("concat", &[0, x])
        })
        .contains("cannot join")
    );
    let pooled = |net: &mut Net| {
        let x = net.max_pool(0, [2, 2, 0], false);
        net.plain("concat", &[0, x])
    };
    assert!(misfit(&pooled).contains("cannot join"));
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
        net.plain("relu", &[flat])
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
fn weights_that_do_not_fit() {
    let mut net = Net::new([1, 3, 8, 8]);
    let conv = net.conv(0, 2, [3, 1, 1]);
    let flat = net.plain("flatten", &[conv]);
    let linear = net.linear(flat, 5);
    let mut model = Model::new(&net.json(), 0).unwrap();
    let cases = [
        (model.load(conv, &[0.0; 53], Some(&[0.0; 2])), "n1", "expects 54 weights, got 53"),
        (model.load(conv, &[0.0; 54], Some(&[0.0; 3])), "n1", "bias"),
        (model.load(conv, &[0.0; 54], None), "n1", "bias"),
        (model.load(linear, &[0.0; 128 * 5 + 1], Some(&[0.0; 5])), "n3", "expects 640 weights, got 641"),
    ];
    for (result, node, part) in cases {
        let error = result.unwrap_err();
        assert_eq!((error.code, error.node.as_deref()), (Code::WeightShape, Some(node)), "{error}");
        assert!(error.message.contains(part), "{error}, without {part:?}");
    }
    for node in [0, flat, 4, usize::MAX] {
        assert_eq!(model.load(node, &[], None).unwrap_err().code, Code::BadNet, "node {node}");
    }
    // Nothing of it was loaded.
    let error = model.prepare(net.input, &[]).unwrap_err();
    assert_eq!((error.code, error.node.as_deref()), (Code::BadNet, Some("n1")), "{error}");
    assert!(error.message.contains("were not loaded"), "{error}");
}

#[test]
fn features_that_are_no_map() {
    let mut net = Net::new([1, 3, 8, 8]);
    let flat = net.plain("flatten", &[0]);
    net.push("linear", &[flat], json!({ "in_features": 100, "out_features": 1, "bias": false }));
    let error = Model::new(&net.json(), 0).unwrap().load(2, &[0.0; 100], None).unwrap_err();
    assert_eq!((error.code, error.node.as_deref()), (Code::WeightShape, Some("n2")), "{error}");
}

#[test]
fn weights_beyond_any_memory() {
    // Counts that are 0 in 32 and in 64 bits, so that no weights would seem to fit.
    let counts = [(1 << 16, [1, 1]), (1 << 20, [1 << 4, 1 << 4]), (1 << 20, [1 << 12, 1 << 12])];
    for (channels, kernel) in counts {
        let node = conv(
            json!({ "in_channels": channels, "out_channels": channels, "kernel": kernel, "bias": false }),
        );
        let json =
            json!({ "nodes": [{ "op": "input", "channels": channels }, node], "output": 1 }).to_string();
        let error = Model::new(&json, 0).unwrap().load(1, &[], None).unwrap_err();
        assert_eq!((error.code, error.node.as_deref()), (Code::TooLarge, Some("features.0")), "{error}");
    }
    let linear = json!({ "op": "linear", "inputs": [1], "path": "l", "in_features": 1 << 20, "out_features": 1 << 20,
        "bias": false });
    let flat = json!({ "op": "flatten", "inputs": [0], "path": "f" });
    let json = json!({ "nodes": [{ "op": "input", "channels": 1 }, flat, linear], "output": 2 }).to_string();
    assert_eq!(Model::new(&json, 0).unwrap().load(2, &[], None).unwrap_err().code, Code::TooLarge);
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
