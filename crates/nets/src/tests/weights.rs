//! Weights: which are refused, and in which pieces they may come.

use super::build::{Net, Random, Weights};
use super::errors::conv;
use super::models::options;
use crate::algorithm::Tuning;
use crate::error::Code;
use crate::graph::Id;
use crate::model::Model;
use serde_json::json;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A convolution, a batch norm, a flatten and a linear layer, all with weights but the flatten.
fn small() -> (Net, [Id; 4]) {
    let mut net = Net::new([1, 3, 8, 8]);
    let conv = net.conv(0, 2, [3, 1, 1]);
    let norm = net.batch_norm(conv);
    let flat = net.plain("flatten", &[norm]);
    let linear = net.linear(flat, 5);
    (net, [conv, norm, flat, linear])
}

#[test]
fn weights_that_do_not_fit() {
    let (net, [conv, norm, flat, linear]) = small();
    let mut model = Model::new(&net.json(), options(0), &Tuning::new()).unwrap();
    let cases: [(Id, usize, Option<usize>, &str); 12] = [
        (conv, 53, Some(2), "expects 2 x 27 weights, got 53"),
        (conv, 81, Some(2), "expects 2 x 27 weights, got 81"),
        (conv, 54, Some(3), "bias"),
        (conv, 54, None, "bias"),
        (conv, 27, None, "bias"),
        (norm, 7, None, "expects 1 x 8 weights, got 7"),
        (norm, 16, None, "expects 1 x 8 weights, got 16"),
        (norm, 8, Some(2), "bias"),
        (linear, 128 * 5 + 1, Some(5), "expects 5 x 128 weights, got 641"),
        (linear, 128 * 6, Some(5), "expects 5 x 128 weights, got 768"),
        (linear, 128 * 5, Some(0), "bias"),
        (linear, 128, None, "bias"),
    ];
    for (node, weights, bias, part) in cases {
        let bias = bias.map(|len| vec![0.0; len]);
        let error = model.load(node, 0, &vec![0.0; weights], bias.as_deref()).unwrap_err();
        let path = format!("n{node}");
        assert_eq!((error.code, error.node.as_deref()), (Code::WeightShape, Some(&path[..])), "{error}");
        assert!(error.message.contains(part), "{error}, without {part:?}");
    }
    for node in [0, flat, 5, usize::MAX] {
        for first in [0, 1] {
            assert_eq!(model.load(node, first, &[], None).unwrap_err().code, Code::BadNet, "node {node}");
        }
    }
    // Nothing of it was loaded.
    let error = model.prepare(net.input, &[]).unwrap_err();
    assert_eq!((error.code, error.node.as_deref()), (Code::BadNet, Some("n1")), "{error}");
    assert!(error.message.contains("were not loaded"), "{error}");
}

#[test]
fn pieces_that_are_missing_or_out_of_order() {
    let random = &mut Random::new();
    let (net, [conv, norm, _, linear]) = small();
    let given = net.weights(random);
    let Some(Weights { weight, bias }) = &given[linear] else { unreachable!("a linear layer has weights") };
    let piece = |first: usize, end: usize| &weight[first * 128..end * 128];
    let bias = bias.as_deref();
    let mut model = Model::new(&net.json(), options(0), &Tuning::new()).unwrap();
    for id in [conv, norm] {
        let Weights { weight, bias } = given[id].as_ref().expect("weights");
        model.load(id, 0, weight, bias.as_deref()).unwrap();
    }
    let not_loaded = |model: &mut Model| {
        let error = model.prepare(net.input, &[]).unwrap_err();
        assert_eq!((error.code, error.node.as_deref()), (Code::BadNet, Some("n4")), "{error}");
    };
    let refused = |model: &mut Model, first: usize, piece: &[f32]| {
        assert_eq!(
            model.load(linear, first, piece, None).unwrap_err().code,
            Code::WeightShape,
            "from {first} on"
        );
    };
    // Nothing came before.
    refused(&mut model, 2, piece(2, 5));
    // One piece is left out.
    model.load(linear, 0, piece(0, 2), bias).unwrap();
    not_loaded(&mut model);
    refused(&mut model, 3, piece(3, 5));
    // What was refused is forgotten as a whole.
    refused(&mut model, 2, piece(2, 5));
    not_loaded(&mut model);
    // More than there are; another node's weights in between.
    model.load(linear, 0, piece(0, 4), bias).unwrap();
    refused(&mut model, 4, piece(3, 5));
    model.load(linear, 0, piece(0, 4), bias).unwrap();
    let Weights { weight, bias: other } = given[conv].as_ref().expect("weights");
    model.load(conv, 0, weight, other.as_deref()).unwrap();
    refused(&mut model, 4, piece(4, 5));
    not_loaded(&mut model);
    // From the beginning it works, an empty piece among them.
    model.load(linear, 0, piece(0, 3), bias).unwrap();
    model.load(linear, 3, piece(3, 3), None).unwrap();
    not_loaded(&mut model);
    model.load(linear, 3, piece(3, 5), None).unwrap();
    model.prepare(net.input, &[]).unwrap();
    // Pieces of a second loading do not disturb what is there.
    model.load(linear, 0, piece(0, 3), bias).unwrap();
    model.prepare(net.input, &[]).unwrap();
}

#[test]
fn features_that_are_no_map() {
    let mut net = Net::new([1, 3, 8, 8]);
    let flat = net.plain("flatten", &[0]);
    net.push("linear", &[flat], json!({ "in_features": 100, "out_features": 1, "bias": false }));
    let error = Model::new(&net.json(), options(0), &Tuning::new())
        .unwrap()
        .load(2, 0, &[0.0; 100], None)
        .unwrap_err();
    assert_eq!((error.code, error.node.as_deref()), (Code::WeightShape, Some("n2")), "{error}");
}

#[test]
fn weights_beyond_any_memory() {
    let too_large = |json: &str, node: Id| {
        let loaded =
            Model::new(json, options(0), &Tuning::new()).and_then(|mut model| model.load(node, 0, &[], None));
        assert_eq!(loaded.expect_err(json).code, Code::TooLarge);
    };
    // Counts that are 0 in 32 and in 64 bits, so that no weights would seem to fit.
    let counts = [(1 << 16, [1, 1]), (1 << 20, [1 << 4, 1 << 4]), (1 << 20, [1 << 12, 1 << 12])];
    for (channels, kernel) in counts {
        let node = conv(
            json!({ "in_channels": channels, "out_channels": channels, "kernel": kernel, "bias": false }),
        );
        let json =
            json!({ "nodes": [{ "op": "input", "channels": channels }, node], "output": 1 }).to_string();
        too_large(&json, 1);
    }
    let linear = json!({ "op": "linear", "inputs": [1], "path": "l", "in_features": 1 << 20, "out_features": 1 << 20,
        "bias": false });
    let flat = json!({ "op": "flatten", "inputs": [0], "path": "f" });
    let json = json!({ "nodes": [{ "op": "input", "channels": 1 }, flat, linear], "output": 2 }).to_string();
    too_large(&json, 2);
}
