//! Weights that are kept in fewer bits: what is left of them, and that nothing else changes.

use super::build::{Net, Random, Weights, with};
use super::models::options;
use super::nets::squeezenet;
use super::random::random_net;
use crate::algorithm::Tuning;
use crate::error::Code;
use crate::graph::{Graph, Id, Op};
use crate::model::{Model, Options};
use kernels::conv2d::grouped;
use kernels::simd::Best;
use kernels::storage::{Storage, to_float16};
use serde_json::json;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// The network with its sums' weights to be kept as `storage` says.
fn kept(net: &Net, storage: &str) -> Net {
    let sums = ["conv2d", "linear"];
    let nodes = net.nodes.iter().map(|node| match sums.iter().any(|&op| node["op"] == op) {
        true => with(node.clone(), json!({ "storage": storage })),
        false => node.clone(),
    });
    Net { nodes: nodes.collect(), input: net.input }
}

/// What is left of a node's weights.
fn rounded(graph: &Graph, id: Id, storage: Storage, given: &Weights) -> Weights {
    let depth = match graph.nodes[id].op {
        Op::Conv2d { in_channels, groups, kernel: [kh, kw], .. } => in_channels / groups * kh * kw,
        Op::Linear { in_features, .. } => in_features,
        _ => 0,
    };
    let is_grouped = graph.nodes[id].conv2d([1, 1]).is_some_and(|spec| grouped::fits::<Best>(&spec));
    let Weights { mut weight, bias } = Weights { weight: given.weight.clone(), bias: given.bias.clone() };
    if depth > 0 && !is_grouped {
        for row in weight.chunks_exact_mut(depth) {
            let step = row.iter().fold(0.0f32, |most, w| most.max(w.abs())) / 127.0;
            row.iter_mut().for_each(|w| {
                *w = match storage {
                    Storage::Float32 => *w,
                    Storage::Float16 => to_float16(*w),
                    Storage::Int8 => (*w / step).round_ties_even() * step,
                }
            });
        }
    }
    Weights { weight, bias }
}

/// The bits of the network's output, and the bytes of its weights.
fn run(net: &Net, weights: &[Option<Weights>], x: &[f32]) -> (Vec<u32>, usize) {
    let options = Options { winograd: false, ..options(0) };
    let mut model = Model::new(&net.json(), options, &Tuning::new()).expect("a sound graph");
    for (id, given) in weights.iter().enumerate() {
        if let Some(Weights { weight, bias }) = given {
            model.load(id, 0, weight, bias.as_deref()).expect("weights that fit");
        }
    }
    let handle = model.prepare(net.input, &[]).expect("a plan");
    model.input(handle).expect("the plan's input").copy_from_slice(x);
    let mut slice = 0;
    while model.run(handle, slice).expect("a run") {
        slice += 1;
    }
    let (_, numbers) = model.output(handle, 0).expect("an output");
    (numbers.iter().map(|x| x.to_bits()).collect(), model.bytes()[0])
}

fn check(net: &Net, random: &mut Random) {
    let (graph, given, x) = (net.graph(), net.weights(random), net.numbers(random));
    for (name, storage) in [("float16", Storage::Float16), ("int8", Storage::Int8)] {
        let left = |(id, given): (Id, &Option<Weights>)| {
            given.as_ref().map(|given| rounded(&graph, id, storage, given))
        };
        let left: Vec<_> = given.iter().enumerate().map(left).collect();
        let (wanted, wide) = run(net, &left, &x);
        let (got, narrow) = run(&kept(net, name), &given, &x);
        assert!(got == wanted, "{name}: other bits than with rounded weights\n{}", net.json());
        assert!(narrow <= wide + 4 * 64 * net.nodes.len(), "{name}: {narrow} bytes of weights, not {wide}");
    }
}

#[test]
fn rounding_weights_is_all_that_it_does() {
    let random = &mut Random::new();
    check(&squeezenet(), random);
    for _ in 0..100 {
        check(&random_net(random), random);
    }
}

#[test]
fn a_half_and_a_quarter_of_the_bytes() {
    let random = &mut Random::new();
    let mut net = Net::new([1, 64, 8, 8]);
    let conv = net.conv(0, 64, [3, 1, 1]);
    let flat = net.plain("flatten", &[conv]);
    net.linear(flat, 64);
    let (given, x) = (net.weights(random), net.numbers(random));
    let [float32, float16, int8] =
        ["float32", "float16", "int8"].map(|storage| run(&kept(&net, storage), &given, &x).1);
    let weights = 64 * 64 * 9 + 64 * 64 * 64;
    // Beside the weights a bias for each output, and where they are narrow a factor.
    assert_eq!([float32, float16, int8], [4 * weights + 512, 2 * weights + 1024, weights + 1024]);
}

#[test]
fn what_cannot_be_kept() {
    let mut net = Net::new([1, 2, 1, 1]);
    let flat = net.plain("flatten", &[0]);
    let linear = net.linear(flat, 1);
    let load = |storage: &str, weight: f32| {
        let mut model = Model::new(&kept(&net, storage).json(), options(0), &Tuning::new()).unwrap();
        model.load(linear, 0, &[0.5, weight], Some(&[0.0]))
    };
    // Rounded, the largest would be 65504 still, and what is halfway to the next an infinity.
    load("float16", -65519.0).unwrap();
    for storage in ["float32", "int8"] {
        load(storage, -1e6).unwrap();
    }
    let error = load("float16", -65520.0).unwrap_err();
    assert_eq!((error.code, error.node.as_deref()), (Code::BadWeights, Some("n2")), "{error}");
    assert!(error.message.contains("-65520") && error.message.contains("65504"), "{error}");
    // What stays in float32 all the same may be larger.
    let mut wide = Net::new([1, 4, 3, 3]);
    let conv = wide.depthwise(0, [3, 1, 1]);
    let mut model = Model::new(&kept(&wide, "float16").json(), options(0), &Tuning::new()).unwrap();
    model.load(conv, 0, &[1e6; 36], None).unwrap();
    let error = Model::new(&kept(&net, "float8").json(), options(0), &Tuning::new()).err().unwrap();
    assert_eq!(error.code, Code::BadNet, "{error}");
}
