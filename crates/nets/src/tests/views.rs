//! Second graphs over the weights of a model's first.

use super::build::{Net, Random, Weights};
use super::models::{SIZE, numbers_of, run};
use crate::algorithm::Tuning;
use crate::error::Code;
use crate::model::{Model, Options};
use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The layers of a small classifier: two convolutions, and two linear layers over a map of 10 channels and 5 x 3 cells.
fn classifier() -> Net {
    let mut net = Net::new([1, 3, 22, 14]);
    let x = net.conv_relu(0, 9, [3, 1, 1]);
    let x = net.push(
        "max_pool2d",
        &[x],
        json!({ "kernel": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0], "dilation": [1, 1], "ceil_mode": false }),
    );
    let x = net.conv_relu(x, 10, [3, 2, 0]);
    let x = net.plain("flatten", &[x]);
    let x = net.push("linear", &[x], json!({ "in_features": 150, "out_features": 21, "bias": true }));
    let x = net.relu(x);
    net.push("linear", &[x], json!({ "in_features": 21, "out_features": 5, "bias": false }));
    net
}

fn conv(inputs: usize, path: &str, [from, to]: [usize; 2], kernel: [usize; 2], bias: bool) -> Value {
    json!({
        "op": "conv2d", "inputs": [inputs], "path": path, "in_channels": from, "out_channels": to, "kernel": kernel,
        "stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1, "bias": bias,
    })
}

/// The same network with its linear layers as convolutions: the flatten goes.
fn convolutional(net: &Net) -> String {
    let mut nodes = net.nodes[..7].to_vec();
    let path = |id: usize| net.nodes[id]["path"].as_str().expect("a path");
    assert_eq!(net.nodes[6]["op"], "flatten");
    nodes[6] = conv(5, path(7), [10, 21], [5, 3], true);
    nodes.push(json!({ "op": "activation", "kind": "relu", "inputs": [6], "path": "relu" }));
    nodes.push(conv(7, path(9), [21, 5], [1, 1], false));
    json!({ "nodes": nodes, "output": 8 }).to_string()
}

fn options(winograd: bool, helpers: usize) -> Options {
    Options { helpers, size: SIZE, winograd, height: 6 }
}

fn loaded(json: &str, weights: &[Weights], options: Options) -> Model {
    let mut model = Model::new(json, options, &Tuning::new()).expect("a sound graph");
    let graph: Value = serde_json::from_str(json).expect("JSON");
    let nodes = graph["nodes"].as_array().expect("nodes");
    let has_weights = |op: &str| op == "conv2d" || op == "linear";
    let ids = (0..nodes.len()).filter(|&id| has_weights(nodes[id]["op"].as_str().expect("an operator")));
    for (id, Weights { weight, bias }) in ids.zip(weights) {
        model.load(id, 0, weight, bias.as_deref()).expect("weights that fit");
    }
    model
}

#[test]
fn a_linear_layers_weights_serve_its_convolution_bit_for_bit() {
    let random = &mut Random::new();
    let net = classifier();
    let dense = convolutional(&net);
    let weights: Vec<Weights> = net.weights(random).into_iter().flatten().collect();
    for helpers in [0, 1] {
        let own = loaded(&net.json(), &weights, options(false, helpers));
        let mut view = own.view(&dense).expect("a view");
        assert_eq!(view.bytes()[0], own.bytes()[0]);
        // Packed for the convolutions themselves, in panels of their own.
        let mut packed = loaded(&dense, &weights, options(false, helpers));
        for input in [net.input, [1, 3, 63, 58], [2, 3, 22, 131]] {
            let x = numbers_of(input, random);
            assert_eq!(run(&mut view, input, &x, &[]), run(&mut packed, input, &x, &[]), "{input:?}");
        }
    }
}

#[test]
fn at_the_native_size_a_view_gives_what_the_network_does() {
    let random = &mut Random::new();
    let net = classifier();
    let weights: Vec<Weights> = net.weights(random).into_iter().flatten().collect();
    let mut own = loaded(&net.json(), &weights, options(true, 0));
    let mut view = own.view(&convolutional(&net)).expect("a view");
    let x = numbers_of(net.input, random);
    let before = run(&mut own, net.input, &x, &[]);
    let [(dims, dense)] = &run(&mut view, net.input, &x, &[])[..] else { unreachable!("one output") };
    assert_eq!(dims, &[1, 5, 1, 1]);
    let largest = before[0].1.iter().fold(0f32, |most, y| most.max(y.abs()));
    for (a, b) in before[0].1.iter().zip(dense) {
        assert!((a - b).abs() <= 1e-5 * largest, "{a} and {b}");
    }
    // Its runs leave the network's own as they are.
    assert_eq!(run(&mut own, net.input, &x, &[]), before);
}

#[test]
fn weights_that_cannot_serve_are_refused_by_layer() {
    let random = &mut Random::new();
    let mut net = Net::new([1, 64, 63, 58]);
    let first = net.conv(0, 64, [3, 1, 1]);
    let weights: Vec<Weights> = net.weights(random).into_iter().flatten().collect();
    let dilated = |change: Value| {
        let mut nodes = net.nodes.clone();
        for (key, value) in change.as_object().expect("fields") {
            nodes[first][key] = value.clone();
        }
        json!({ "nodes": nodes, "output": first }).to_string()
    };
    let refused = |model: &Model, change: Value| {
        let error = model.view(&dilated(change)).err().expect("a refusal");
        (error.code, error.node.clone().unwrap_or_default(), error.to_string())
    };
    let path = net.nodes[first]["path"].as_str().expect("a path").to_string();
    let winograd = loaded(&net.json(), &weights, options(true, 0));
    let (code, node, message) = refused(&winograd, json!({ "dilation": [2, 2] }));
    assert_eq!((code, node), (Code::BadOption, path.clone()));
    assert!(message.contains("packed in a form"), "{message}");
    let direct = loaded(&net.json(), &weights, options(false, 0));
    assert!(direct.view(&dilated(json!({ "dilation": [2, 2], "stride": [2, 1] }))).is_ok());
    assert_eq!(refused(&direct, json!({ "kernel": [1, 9] })).1, path);
    assert_eq!(refused(&direct, json!({ "bias": false })).1, path);
    let (_, node, message) = refused(&direct, json!({ "path": "elsewhere" }));
    assert_eq!(node, "elsewhere");
    assert!(message.contains("no weights"), "{message}");
}

#[test]
fn the_room_of_a_run_is_what_its_plan_then_takes() {
    let random = &mut Random::new();
    let net = classifier();
    let weights: Vec<Weights> = net.weights(random).into_iter().flatten().collect();
    let own = loaded(&net.json(), &weights, options(true, 0));
    let mut view = own.view(&convolutional(&net)).expect("a view");
    let room = view.room([1, 3, 63, 58], &[]).expect("a plan");
    assert_eq!(view.bytes()[1], 0);
    run(&mut view, [1, 3, 63, 58], &numbers_of([1, 3, 63, 58], random), &[]);
    assert_eq!(view.bytes()[1], room);
}
