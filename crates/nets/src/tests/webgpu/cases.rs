//! Cases for the tests on a device, which read them from build/test/gpu-cases: cases.json lists graphs and where, in floats,
//! their numbers lie in numbers.bin.

use super::super::build::{Net, Random, Weights};
use super::super::interpreter::interpret;
use super::super::nets::named;
use super::super::random::random_net;
use super::tiles;
use crate::algorithm::Tuning;
use crate::graph::Id;
use crate::webgpu::model::Model;
use kernels::gpu::Limits;
use serde_json::{Value, json};
use std::path::Path;

/// Networks at random that are written.
const NETS: usize = 60;

#[derive(Default)]
struct Cases {
    listed: Vec<Value>,
    numbers: Vec<u8>,
}

impl Cases {
    /// Where the numbers lie: the first one's place, and how many.
    fn put(&mut self, numbers: &[f32]) -> [usize; 2] {
        let first = self.numbers.len() / 4;
        self.numbers.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        [first, numbers.len()]
    }

    /// A network of which the nodes `outputs` are wanted.
    fn push(&mut self, name: &str, net: &Net, outputs: &[Id], winograd: bool, random: &mut Random) {
        let (graph, given, x) = (net.graph(), net.weights(random), net.numbers(random));
        let [_, _, h, w] = net.input;
        let model = Model::new(&net.json(), [h, w], winograd, Limits::default(), &Tuning::new())
            .expect("a sound graph");
        let values = interpret(&graph, &given, &tiles(&model), net.input, &x);
        let mut weights = Vec::new();
        for (node, given) in given.iter().enumerate() {
            let Some(Weights { weight, bias }) = given else { continue };
            let bias = bias.as_ref().map(|bias| self.put(bias));
            weights.push(json!({ "node": node, "weight": self.put(weight), "bias": bias }));
        }
        let output = |&id: &Id| {
            let value = &values[id];
            let numbers = self.put(&value.numbers);
            json!({ "node": id, "shape": value.dims, "numbers": numbers, "error": value.error })
        };
        let outputs: Vec<Value> = outputs.iter().map(output).collect();
        let graph: Value = serde_json::from_str(&net.json()).expect("JSON");
        let case = json!({
            "name": name, "graph": graph, "winograd": winograd, "input": net.input, "x": self.put(&x),
            "weights": weights, "outputs": outputs,
        });
        self.listed.push(case);
    }
}

/// Every operator that ends with an epilogue, with one such epilogue.
fn endings(kind: Option<&str>, affine: bool, add: bool) -> (Net, Vec<Id>) {
    let mut net = Net::new([2, 6, 7, 5]);
    let wide = net.conv(0, 10, [1, 1, 0]);
    let vector = net.adaptive(0, [1, 1]);
    let flat = net.plain("flatten", &[vector]);
    let features = net.linear(flat, 9);
    let mut outputs = Vec::new();
    for op in 0..8 {
        let (mut y, summand) = match op {
            0 => (net.conv(0, 10, [1, 1, 0]), wide),
            1 => (net.conv(0, 10, [3, 1, 1]), wide),
            2 => (net.depthwise(0, [3, 1, 1]), 0),
            3 => (net.conv_with(0, 10, [3, 1, 1], json!({ "groups": 2 })), wide),
            4 => (net.linear(flat, 9), features),
            5 => (net.push("layer_norm2d", &[0], json!({ "channels": 6, "eps": 0.1 })), 0),
            6 => (net.plain("mul", &[0, 0]), 0),
            _ => (net.plain("mul", &[0, vector]), 0),
        };
        // A layer norm has a scale of its own.
        if affine && op != 5 {
            y = net.of_channels("layer_scale", y);
        }
        if add {
            y = net.plain("add", &[y, summand]);
        }
        if let Some(kind) = kind {
            y = net.activation(kind, y);
        }
        outputs.push(y);
    }
    (net, outputs)
}

/// The operators that move or reduce numbers, over channels that do not fill vec4s.
fn movers() -> (Net, Vec<Id>) {
    let mut net = Net::new([2, 6, 9, 7]);
    let conv = net.conv(0, 22, [1, 1, 0]);
    let mut outputs = Vec::new();
    for (from, to) in [(1, 6), (4, 9), (5, 22), (0, 3)] {
        outputs.push(net.push("slice", &[conv], json!({ "start": from, "end": to })));
    }
    outputs.push(net.plain("concat", &[0, conv, 0, outputs[1]]));
    outputs.push(net.plain("concat", &[conv, outputs[2], outputs[3]]));
    outputs.push(net.push("pad2d", &[conv], json!({ "padding": [2, -1, -3, 4] })));
    outputs.push(net.push("pad_channels", &[conv], json!({ "before": 3, "after": 7 })));
    for groups in [2, 11] {
        outputs.push(net.push("channel_shuffle", &[conv], json!({ "groups": groups })));
    }
    for op in ["softmax", "log_softmax"] {
        outputs.push(net.plain(op, &[conv]));
        outputs.push(net.plain(op, &[0]));
    }
    outputs.push(net.of_channels("prelu", conv));
    outputs.push(net.push("prelu", &[conv], json!({ "channels": 1 })));
    for beta in [0.75, 0.5, 0.6] {
        let fields = json!({ "size": 5, "alpha": 0.5, "beta": beta, "k": 1.5 });
        outputs.push(net.push("local_response_norm", &[conv], fields));
    }
    for op in ["adaptive_avg_pool2d", "adaptive_max_pool2d"] {
        for output in [[1, 1], [2, 3], [9, 7], [4, 10]] {
            outputs.push(net.push(op, &[conv], json!({ "output": output })));
        }
    }
    outputs.push(net.max_pool(conv, [3, 2, 1], true));
    outputs.push(net.max_pool(0, [2, 2, 0], false));
    outputs.push(net.avg_pool(conv, [3, 2, 1]));
    for include in [false, true] {
        let fields = json!({
            "kernel": [3, 2], "stride": [2, 3], "padding": [1, 1, 0, 0], "ceil_mode": true, "count_include_pad": include,
        });
        outputs.push(net.push("avg_pool2d", &[0], fields));
    }
    outputs.push(net.plain("flatten", &[conv]));
    outputs.push(net.plain("add", &[conv; 3]));
    outputs.push(net.plain("add", &[0; 9]));
    (net, outputs)
}

/// A map that is large, for reductions of which workgroups share the work.
fn large() -> (Net, Vec<Id>) {
    let mut net = Net::new([1, 3, 96, 80]);
    let conv = net.conv(0, 40, [1, 1, 0]);
    let mean = net.adaptive(conv, [1, 1]);
    let most = net.push("adaptive_max_pool2d", &[conv], json!({ "output": [1, 1] }));
    let wide = net.conv(mean, 1000, [1, 1, 0]);
    let norm = net.push("layer_norm2d", &[wide], json!({ "channels": 1000, "eps": 1e-3 }));
    let (soft, log) = (net.plain("softmax", &[wide]), net.plain("log_softmax", &[wide]));
    (net, vec![mean, most, norm, soft, log])
}

/// Reductions by one, two and more groups of threads of a workgroup, in workgroups that are full and that are not.
fn reductions() -> (Net, Vec<Id>) {
    let mut net = Net::new([3, 8, 13, 11]);
    let mut outputs = Vec::new();
    for channels in [70, 130, 300, 530] {
        let conv = net.conv(0, channels, [1, 1, 0]);
        for op in ["softmax", "log_softmax"] {
            outputs.push(net.plain(op, &[conv]));
        }
        outputs.push(net.push("layer_norm2d", &[conv], json!({ "channels": channels, "eps": 1e-3 })));
        for (op, output) in [("avg", [1, 1]), ("max", [1, 1]), ("avg", [2, 2]), ("max", [3, 2])] {
            let op = format!("adaptive_{op}_pool2d");
            outputs.push(net.push(&op, &[conv], json!({ "output": output })));
        }
        let mean = outputs[outputs.len() - 4];
        let flat = net.plain("flatten", &[mean]);
        outputs.push(net.linear(flat, 37));
    }
    (net, outputs)
}

#[test]
#[ignore = "writes build/test/gpu-cases, for the tests on a device"]
fn write() {
    let random = &mut Random::new();
    let mut cases = Cases::default();
    let kinds = ["relu", "relu6", "hardswish", "hardsigmoid", "sigmoid", "silu", "gelu", "tanh"];
    for kind in [None].into_iter().chain(kinds.map(Some)) {
        for (affine, add) in [(false, false), (false, true), (true, false), (true, true)] {
            let (net, outputs) = endings(kind, affine, add);
            let name = format!("{}, affine {affine}, add {add}", kind.unwrap_or("identity"));
            cases.push(&name, &net, &outputs, true, random);
        }
    }
    for (name, (net, outputs)) in [("movers", movers()), ("large", large()), ("reductions", reductions())] {
        cases.push(name, &net, &outputs, true, random);
    }
    for (name, net) in named() {
        let last = net.nodes.len() - 1;
        cases.push(name, &net, &[last], true, random);
    }
    for i in 0..NETS {
        let net = random_net(random);
        let last = net.nodes.len() - 1;
        let outputs = [last, random.within(0, last)];
        cases.push(&format!("random {i}"), &net, &outputs, random.coin(), random);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../build/test/gpu-cases");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("numbers.bin"), &cases.numbers).expect("room");
    let json = serde_json::to_string(&cases.listed).expect("JSON");
    std::fs::write(folder.join("cases.json"), json).expect("room");
}
