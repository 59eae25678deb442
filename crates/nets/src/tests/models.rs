//! What a model keeps from run to run: plans, weights, the arena; and that threads change nothing.

use super::build::{Net, Random, Weights};
use super::engine::{pack, tiles};
use super::interpreter::{Value, interpret};
use super::nets::{knots, squeezenet};
use super::runs::assert_close;
use crate::algorithm::Tuning;
use crate::graph::Id;
use crate::model::{Model, Options};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

pub const SIZE: [usize; 2] = [63, 58];

pub fn options(helpers: usize) -> Options {
    Options { helpers, size: SIZE, winograd: true, height: 4 }
}

pub fn model(net: &Net, weights: &[Option<Weights>], helpers: usize) -> Model {
    let mut model = Model::new(&net.json(), options(helpers), &Tuning::new()).expect("a sound graph");
    for (id, given) in weights.iter().enumerate() {
        if let Some(Weights { weight, bias }) = given {
            model.load(id, 0, weight, bias.as_deref()).expect("weights that fit");
        }
    }
    model
}

fn values(net: &Net, weights: &[Option<Weights>], input: [usize; 4], x: &[f32]) -> Vec<Value> {
    interpret(&net.graph(), weights, &tiles(&pack(net, weights, true, SIZE, None)), input, x)
}

/// Runs a model as JavaScript does; gives the outputs' dimensions and numbers.
pub fn run(model: &mut Model, input: [usize; 4], x: &[f32], outputs: &[Id]) -> Vec<(Vec<usize>, Vec<f32>)> {
    let handle = model.prepare(input, outputs).expect("a plan");
    model.input(handle).expect("the plan's input").copy_from_slice(x);
    let mut slice = 0;
    while model.run(handle, slice).expect("a run") {
        slice += 1;
    }
    let outputs = (0..outputs.len().max(1)).map(|i| model.output(handle, i).expect("an output"));
    outputs.map(|(dims, numbers)| (dims.to_vec(), numbers.to_vec())).collect()
}

pub fn numbers_of(input: [usize; 4], random: &mut Random) -> Vec<f32> {
    random.floats(input.iter().product(), -1.0, 1.0)
}

#[test]
fn runs_do_not_disturb_each_other() {
    let random = &mut Random::new();
    let net = squeezenet();
    let (weights, graph) = (net.weights(random), net.graph());
    let mut model = model(&net, &weights, 0);
    let sizes = [[1, 3, 33, 47], [2, 3, 31, 31], [1, 3, 63, 58]];
    let middle = graph.nodes.len() / 2;
    for round in 0..9 {
        let input = sizes[round % 3];
        let outputs = [vec![], vec![middle, graph.output]][round % 2].clone();
        let x = numbers_of(input, random);
        let values = values(&net, &weights, input, &x);
        let got = run(&mut model, input, &x, &outputs);
        let ids = if outputs.is_empty() { vec![graph.output] } else { outputs };
        for ((dims, numbers), id) in got.iter().zip(ids) {
            assert_close(|| format!("round {round}, node {id}"), dims, numbers, &values[id]);
        }
    }
}

#[test]
fn the_plan_longest_unused_goes_first() {
    let random = &mut Random::new();
    let net = knots();
    let mut model = model(&net, &net.weights(random), 0);
    let size = |i: usize| [1, 3, 5 + i, 6];
    let x: Vec<Vec<f32>> = (0..9).map(|i| numbers_of(size(i), random)).collect();
    let last = net.graph().output;
    // The output depends on the size of its input alone, so that other sizes are other results.
    let conv = [last - 4];
    let first: Vec<_> = (0..8).map(|i| run(&mut model, size(i), &x[i], &conv)).collect();
    let handles: Vec<u32> = (0..8).map(|i| model.prepare(size(i), &conv).unwrap()).collect();
    // 0 is used again, so 1 must go when the ninth comes.
    assert_eq!(model.prepare(size(0), &conv).unwrap(), handles[0]);
    run(&mut model, size(8), &x[8], &conv);
    assert_eq!(model.prepare(size(0), &conv).unwrap(), handles[0]);
    assert!(model.plan(handles[1]).is_err());
    assert!(model.plan(handles[2]).is_ok());
    let again = model.prepare(size(1), &conv).unwrap();
    assert!(!handles.contains(&again));
    for i in 0..8 {
        assert_eq!(run(&mut model, size(i), &x[i], &conv), first[i], "size {i}");
    }
}

#[test]
fn new_weights_take_the_place_of_the_old() {
    let random = &mut Random::new();
    let mut net = Net::new([1, 2, 3, 3]);
    net.conv(0, 4, [3, 1, 1]);
    net.batch_norm(1);
    let mut model = model(&net, &net.weights(random), 0);
    let x = net.numbers(random);
    let mut before = run(&mut model, net.input, &x, &[]);
    let weights = net.weights(random);
    for (id, given) in weights.iter().enumerate() {
        let Some(Weights { weight, bias }) = given else { continue };
        model.load(id, 0, weight, bias.as_deref()).unwrap();
        let after = run(&mut model, net.input, &x, &[]);
        assert_ne!(before, after);
        before = after;
    }
    let want = &values(&net, &weights, net.input, &x)[2];
    assert_close(|| "after".into(), &before[0].0, &before[0].1, want);
}

#[test]
fn many_images_run_in_slices() {
    // Each image is some 0.4e9 products, three of them more than a slice.
    let random = &mut Random::new();
    let mut net = Net::new([3, 8, 112, 112]);
    let wide = net.conv_relu(0, 40, [3, 1, 1]);
    let next = net.conv_relu(wide, 72, [3, 1, 1]);
    net.conv(next, 8, [1, 4, 0]);
    let mut model = model(&net, &net.weights(random), 0);
    let x = net.numbers(random);
    let handle = model.prepare(net.input, &[]).unwrap();
    assert!(model.plan(handle).unwrap().slices.len() > 1);
    let all = run(&mut model, net.input, &x, &[]);
    for (image, want) in x.chunks_exact(x.len() / 3).zip(all[0].1.chunks_exact(all[0].1.len() / 3)) {
        let one = run(&mut model, [1, 8, 112, 112], image, &[]);
        assert!(one[0].1 == want, "an image's bits depend on its batch");
    }
}

#[cfg(all(feature = "threads", not(target_arch = "wasm32")))]
#[test]
fn threads_change_no_bit() {
    use super::nets::named;
    use super::random::random_net;
    use super::smallest::smallest;

    let random = &mut Random::new();
    let mut nets: Vec<Net> = smallest().into_iter().map(|(_, net)| net).collect();
    if !cfg!(miri) {
        nets.extend(named().into_iter().map(|(_, net)| net));
        nets.extend((0..150).map(|_| random_net(random)));
    }
    let pools = [2, 4].map(|threads| {
        (threads, rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool"))
    });
    for net in nets {
        let (weights, x) = (net.weights(random), net.numbers(random));
        let ids: Vec<Id> = (0..net.graph().nodes.len()).collect();
        let last = [ids.len() - 1];
        for outputs in [&ids[..], &last] {
            let alone = run(&mut model(&net, &weights, 0), net.input, &x, outputs);
            for (threads, pool) in &pools {
                // The caller becomes one of the pool's threads, so that only as many are at work; in a browser it is not.
                let mut model = model(&net, &weights, *threads);
                for _ in 0..if cfg!(miri) { 1 } else { 3 } {
                    let got = pool.install(|| run(&mut model, net.input, &x, outputs));
                    for ((dims, got), (want_dims, want)) in got.iter().zip(&alone) {
                        let same = got.iter().zip(want).all(|(a, b)| a.to_bits() == b.to_bits());
                        assert!(dims == want_dims && same, "{threads} threads: {}", net.json());
                    }
                }
            }
        }
    }
}
