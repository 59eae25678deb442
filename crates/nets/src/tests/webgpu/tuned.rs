//! What a tuning measures, and what one that was found does.

use super::super::build::{Net, Random};
use super::super::interpreter::interpret;
use super::super::nets::named;
use super::super::runs::assert_close;
use super::filled;
use super::run::run;
use crate::algorithm::{self, Tuning};
use crate::error::Code;
use crate::webgpu::model::Model;
use kernels::conv2d::gpu::Algorithm;
use kernels::gpu::Limits;
use serde_json::Value;

fn fallback() -> Limits {
    Limits { fallback: true, ..Limits::default() }
}

fn model(net: &Net, winograd: bool, limits: Limits, tuning: &Tuning) -> Model {
    let [_, _, h, w] = net.input;
    Model::new(&net.json(), [h, w], winograd, limits, tuning).expect("a sound graph")
}

/// A 3 x 3 convolution that is worth transforming, one by pixels, wide groups, and a linear layer.
fn net() -> Net {
    let mut net = Net::new([1, 5, 12, 9]);
    let conv = net.conv_relu(0, 12, [3, 1, 1]);
    let again = net.conv_relu(conv, 12, [3, 1, 1]);
    let same = net.conv_relu(again, 12, [3, 1, 1]);
    let pixels = net.conv(same, 30, [1, 1, 0]);
    let flat = net.plain("flatten", &[pixels]);
    net.linear(flat, 10);
    net
}

fn recorded(model: &mut Model, input: [usize; 4]) -> Value {
    serde_json::from_str(model.record(input, &[]).expect("a plan")).expect("JSON")
}

#[test]
fn every_candidate_computes_what_its_layer_says() {
    let random = &mut Random::new();
    let nets = named().into_iter().map(|(_, net)| net).chain([net()]);
    for net in nets {
        let given = net.weights(random);
        let x = net.numbers(random);
        let values = interpret(&net.graph(), &given, &vec![None; net.nodes.len()], net.input, &x);
        for limits in [Limits::default(), fallback()] {
            let trials = model(&net, true, limits, &Tuning::new()).trials().expect("plans");
            // The first of each layer, then the second, and so on.
            for turn in 0..4 {
                let pick = |trial: &crate::webgpu::tune::Trial| {
                    let candidate = &trial.candidates[turn % trial.candidates.len()];
                    (trial.key.clone(), candidate.name.clone())
                };
                let tuning: Tuning = trials.iter().map(pick).collect();
                let (model, _) = filled(model(&net, true, limits, &tuning), &net, &given, None);
                let plan = model.plan(net.input, &[]).expect("a plan");
                let got = run(&model, &plan, &given, &x);
                let what = || format!("{tuning:?}: {}", net.json());
                assert_close(what, &plan.outputs[0].dims, &got[0], values.last().expect("an output"));
            }
        }
    }
}

#[test]
fn a_trial_is_its_layer_alone_and_fits_its_buffers() {
    let net = net();
    let trials = model(&net, true, Limits::default(), &Tuning::new()).trials().expect("plans");
    // Two of the convolutions are alike.
    assert_eq!(trials.len(), 4, "{trials:?}");
    let names =
        |i: usize| trials[i].candidates.iter().map(|candidate| &candidate.name[..]).collect::<Vec<_>>();
    assert!(names(0)[..2].iter().all(|name| name.starts_with("direct, ")), "{trials:?}");
    assert!(names(0)[2].starts_with("winograd 2 x 2, ") && names(0)[3].starts_with("winograd 4 x 4, "));
    assert_eq!(names(3), ["direct, 64 lanes", "direct, 32 lanes", "direct, 16 lanes", "direct, 8 lanes"]);
    for trial in &trials {
        assert!(trial.key.starts_with("webgpu: ") && (2..=4).contains(&trial.candidates.len()));
        let mut seen = std::collections::HashSet::new();
        for candidate in &trial.candidates {
            assert!(seen.insert(&candidate.name), "{} is there twice", candidate.name);
            let recording = serde_json::to_value(&candidate.recording).expect("JSON");
            let steps = recording["steps"].as_array().expect("steps");
            assert!(steps.iter().any(|step| step["op"] == "conv2d" || step["op"] == "linear"));
            for binding in steps.iter().flat_map(|step| step["bindings"].as_array().expect("bindings")) {
                if let Some(buffer) = binding["weights"].as_u64() {
                    let end =
                        binding["offset"].as_u64().expect("bytes") + binding["size"].as_u64().expect("bytes");
                    assert!(end <= trial.buffers[buffer as usize], "{trial:?}");
                }
            }
        }
    }
    let without = model(&net, false, Limits::default(), &Tuning::new()).trials().expect("plans");
    let all = || without.iter().flat_map(|trial| &trial.candidates);
    assert!(all().all(|candidate| candidate.name.starts_with("direct, ")));
}

#[test]
fn what_a_tuning_says_is_done_on_the_map_that_it_measured() {
    let net = net();
    let trials = model(&net, true, Limits::default(), &Tuning::new()).trials().expect("plans");
    let constants = |recording: &Value, layer: usize| {
        let steps = recording["steps"].as_array().expect("steps");
        let kinds = ["conv2d", "linear"];
        let mut sums = steps.iter().filter(|step| kinds.contains(&step["op"].as_str().expect("a word")));
        let step = sums.nth(layer).expect("a layer");
        recording["pipelines"][step["pipeline"].as_u64().expect("an index") as usize]["constants"].clone()
    };
    let mut plain = model(&net, true, Limits::default(), &Tuning::new());
    let [once, twice] = [[1, 5, 12, 9], [2, 5, 12, 9]].map(|input| recorded(&mut plain, input));
    for (trial, layer) in [(&trials[2], 3), (&trials[3], 4)] {
        for candidate in &trial.candidates {
            let tuning = Tuning::from([(trial.key.clone(), candidate.name.clone())]);
            let mut tuned = model(&net, true, Limits::default(), &tuning);
            let (name, recording) = (&candidate.name, recorded(&mut tuned, net.input));
            let own = constants(&recording, layer);
            let number = |name: &str| own[name].as_f64().map_or(0, |number| number as usize);
            let numbers = ["COLUMNS", "ROWS", "WIDTH", "HEIGHT", "SPLIT", "DEPTH"].map(number);
            let [columns, rows, width, height, split, depth] = numbers;
            let wanted = match layer {
                3 => format!("direct, {columns} x {rows} of {width} x {height}, {split} by {depth}"),
                _ => format!("direct, {} lanes", number("LANES")),
            };
            assert_eq!(*name, wanted);
            // The others, and other sizes, are as they are without.
            assert_eq!(constants(&recording, 0), constants(&once, 0));
            assert_eq!(recorded(&mut tuned, [2, 5, 12, 9]), twice);
        }
    }
}

#[test]
fn a_tuning_of_another_device_is_none_and_nonsense_is_refused() {
    let net = net();
    let [_, _, h, w] = net.input;
    let trials = model(&net, true, Limits::default(), &Tuning::new()).trials().expect("plans");
    let mut plain = model(&net, true, Limits::default(), &Tuning::new());
    let wanted = recorded(&mut plain, net.input);
    let graph = net.graph();
    let spec = graph.nodes[1].conv2d([h, w]).expect("a convolution");
    let cpu = Tuning::from([(algorithm::key(&spec, [h, w]), "winograd 4 x 4".into())]);
    assert_eq!(recorded(&mut model(&net, true, Limits::default(), &cpu), net.input), wanted);

    let given = |key: &str, name: &str| Tuning::from([(key.to_string(), name.to_string())]);
    for name in ["fast", "direct", "winograd 2 x 2", "direct, 65 lanes", "direct, 8 x 8 of 1 x 4, 1 by 5"] {
        let tuning = given(&trials[0].key, name);
        let result = Model::new(&net.json(), [h, w], true, Limits::default(), &tuning);
        let error = result.err().expect("no such choice");
        assert_eq!(error.code, Code::BadOption);
        assert!(error.to_string().contains("the tuning has"), "{error}");
    }
    // A pixelwise convolution is never transformed.
    let winograd = trials[0].candidates[3].name.clone();
    let tuning = given(&trials[2].key, &winograd);
    assert!(Model::new(&net.json(), [h, w], true, Limits::default(), &tuning).is_err());
    // Who wants no transforms has none.
    let tuned = model(&net, false, Limits::default(), &given(&trials[0].key, &winograd));
    let is_direct = |id: usize| tuned.gpu().algorithm(id) == Algorithm::Direct;
    assert!(is_direct(1));
}
