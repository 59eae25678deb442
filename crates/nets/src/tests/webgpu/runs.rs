//! What plans for a GPU compute, against the interpreter of graphs.

use super::super::build::{Net, Random};
use super::super::interpreter::interpret;
use super::super::nets::named;
use super::super::random::random_net;
use super::super::runs::assert_close;
use super::run::run;
use super::{loaded, loaded_with};
use crate::error::Code;
use crate::graph::Id;
use kernels::gpu::Limits;
use serde_json::json;

fn check(net: &Net, winograd: bool, random: &mut Random) {
    let given = net.weights(random);
    let (model, buffers) = loaded(net, &given, winograd, None);
    let (pieces, again) = loaded(net, &given, winograd, Some(random));
    assert!(buffers == again, "the pieces that weights come in change them: {}", net.json());
    assert_eq!(model.buffers(), pieces.buffers());
    let x = net.numbers(random);
    let nodes = net.nodes.len();
    let values = interpret(&net.graph(), &given, &vec![None; nodes], net.input, &x);
    let all: Vec<Id> = (0..nodes).collect();
    let some: Vec<Id> = (0..random.within(1, 4)).map(|_| random.within(0, nodes - 1)).collect();
    for outputs in [vec![nodes - 1], some, all] {
        let plan = model.plan(net.input, &outputs).expect("a plan");
        let got = run(&model, &plan, &given, &x);
        for ((numbers, out), &id) in got.iter().zip(&plan.outputs).zip(&outputs) {
            let what = || format!("{outputs:?}: node {id} of {}", net.json());
            assert_close(what, &out.dims, numbers, &values[id]);
        }
    }
}

#[test]
fn nets_give_what_their_layers_say() {
    let random = &mut Random::new();
    for (_, net) in named() {
        check(&net, true, random);
        check(&net, false, random);
    }
}

#[test]
fn random_nets_give_what_their_layers_say() {
    let random = &mut Random::new();
    for _ in 0..400 {
        let net = random_net(random);
        check(&net, random.coin(), random);
    }
}

#[test]
fn steps_of_random_nets_fit_their_bindings() {
    let random = &mut Random::new();
    for _ in 0..100 {
        let net = random_net(random);
        let given = net.weights(random);
        let (mut model, buffers) = loaded(&net, &given, true, None);
        let recording: serde_json::Value =
            serde_json::from_str(model.record(net.input, &[]).expect("a plan")).expect("JSON");
        let of = |value: &serde_json::Value| value.as_u64().unwrap_or(u64::MAX);
        for step in recording["steps"].as_array().expect("steps") {
            let bindings = step["bindings"].as_array().expect("bindings");
            let (last, others) = bindings.split_last().expect("some");
            assert!(
                others.iter().all(|other| other["bank"].is_null() || other["bank"] != last["bank"]),
                "{step}"
            );
            for binding in bindings {
                let end = of(&binding["offset"]).saturating_add(of(&binding["size"]));
                if let Some(bank) = binding["bank"].as_u64() {
                    assert!(end <= of(&recording["banks"][bank as usize]), "{step}");
                } else if let Some(buffer) = binding["weights"].as_u64() {
                    assert!(
                        of(&binding["offset"]) % 256 == 0 && end <= buffers[buffer as usize].len() as u64
                    );
                } else if let Some(params) = binding["params"].as_u64() {
                    let words = recording["params"].as_array().expect("words").len() as u64;
                    assert!(params % 256 == 0 && params + of(&binding["size"]) <= 4 * words);
                }
            }
        }
    }
}

#[test]
fn small_limits_split_weights_and_refuse_maps() {
    let random = &mut Random::new();
    let mut net = Net::new([1, 12, 9, 9]);
    let conv = net.conv(0, 70, [3, 1, 1]);
    net.global(conv);
    net.linear(3, 90);
    let given = net.weights(random);
    let limits = Limits { binding: 24 << 10, buffer: 24 << 10, ..Limits::default() };
    let (mut model, buffers) = loaded_with(&net, &given, false, [9, 9], limits, Some(random));
    assert!(buffers.iter().all(|buffer| buffer.len() <= 24 << 10));
    let text = model.record(net.input, &[]).expect("a plan");
    let recording: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let steps = recording["steps"].as_array().expect("steps");
    let of = |op: &str| steps.iter().filter(|step| step["op"] == op).count();
    assert_eq!([of("conv2d"), of("linear")], [2, 2], "{text}");
    let macs: u64 = steps.iter().map(|step| step["macs"].as_u64().expect("a number")).sum();
    assert_eq!(macs, 70 * 81 * 12 * 9 + 70 * 90);
    let error = model.record([1, 12, 40, 40], &[]).expect_err("too large");
    assert_eq!(error.code, Code::TooLarge);
    assert!(error.to_string().contains("use a smaller image"), "{error}");
}

#[test]
fn a_view_reads_the_same_weights() {
    let random = &mut Random::new();
    let mut net = Net::new([1, 3, 10, 8]);
    let conv = net.conv_relu(0, 6, [3, 2, 0]);
    let flat = net.plain("flatten", &[conv]);
    net.linear(flat, 7);
    let (model, _) = loaded(&net, &net.weights(random), true, None);
    let mut nodes = net.nodes[..3].to_vec();
    let shape = net.shape(conv);
    nodes.push(json!({
        "op": "conv2d", "inputs": [2], "path": net.nodes[4]["path"], "in_channels": 6, "out_channels": 7,
        "kernel": [shape.h, shape.w], "stride": [1, 1], "padding": [0, 0, 0, 0], "dilation": [1, 1], "groups": 1,
        "bias": true,
    }));
    let json = json!({ "nodes": nodes, "output": 3 }).to_string();
    let mut view = model.view(&json).expect("a view");
    assert_eq!(view.buffers(), model.buffers());
    assert!(view.record([1, 3, 30, 20], &[]).is_ok());
    let elsewhere = json.replace(net.nodes[4]["path"].as_str().expect("a path"), "elsewhere");
    assert_eq!(model.view(&elsewhere).err().expect("no such layer").code, Code::BadOption);
}
