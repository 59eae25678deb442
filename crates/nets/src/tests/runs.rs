//! What networks compute, against the interpreter.

use super::build::{Net, Random, Weights, knots, named, random_net, squeezenet};
use super::interpreter::{Value, interpret};
use crate::cpu;
use crate::graph::Id;
use crate::model::Model;
use crate::plan::{Plan, plan};
use crate::weights::{self, Packed};
use kernels::par::Team;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn pack(net: &Net, weights: &[Option<Weights>]) -> Vec<Option<Packed>> {
    let graph = net.graph();
    let packed = weights.iter().enumerate().map(|(id, given)| {
        let Weights { weight, bias } = given.as_ref()?;
        Some(weights::pack(&graph, id, weight, bias.as_deref()).expect("weights that fit"))
    });
    packed.collect()
}

/// Runs all slices in an arena that is full of NaN but for the input.
fn run_in_poison(plan: &Plan, packed: &[Option<Packed>], x: &[f32], team: &Team) -> Vec<Vec<f32>> {
    let mut arena = vec![f32::NAN; plan.arena];
    arena[plan.input.offset..][..x.len()].copy_from_slice(x);
    (0..plan.slices.len()).for_each(|slice| cpu::run(plan, slice, packed, &mut arena, team));
    let outputs = plan.outputs.iter().map(|out| &arena[out.offset..][..out.dims.iter().product()]);
    outputs.map(<[f32]>::to_vec).collect()
}

fn assert_close(what: &str, dims: &[usize], got: &[f32], want: &Value) {
    assert_eq!(dims, want.dims, "{what}");
    assert_eq!(got.len(), want.numbers.len(), "{what}");
    for (i, (&got, &y)) in got.iter().zip(&want.numbers).enumerate() {
        let off = (got as f64 - y as f64).abs();
        assert!(off <= want.error, "{what}: number {i} is {got}, not {y} to within {:e}", want.error);
    }
}

/// The outputs of these nodes equal the interpreter's.
fn check(name: &str, net: &Net, weights: &[Option<Weights>], x: &[f32], values: &[Value], outputs: &[Id]) {
    let packed = pack(net, weights);
    let plan = plan(&net.graph(), &packed, net.input, outputs).expect("a plan");
    let got = run_in_poison(&plan, &packed, x, &Team::new(0));
    for ((numbers, out), &id) in got.iter().zip(&plan.outputs).zip(outputs) {
        let what = format!("{name}: {outputs:?}: node {id} of {}", net.json());
        assert_close(&what, &out.dims, numbers, &values[id]);
    }
}

/// A bound that says little would let a wrong result pass.
fn is_sharp(value: &Value) -> bool {
    value.error <= 0.01 * value.numbers.iter().fold(0.0f32, |max, x| x.abs().max(max)) as f64
}

#[test]
fn nets_give_what_their_layers_say() {
    let random = &mut Random::new();
    for (name, net) in named() {
        let (weights, x) = (net.weights(random), net.numbers(random));
        let values = interpret(&net.graph(), &weights, net.input, &x);
        let ids: Vec<Id> = (0..values.len()).collect();
        assert!(values.iter().all(is_sharp), "{name}");
        check(name, &net, &weights, &x, &values, &[ids.len() - 1]);
        check(name, &net, &weights, &x, &values, &ids);
        for &id in &ids {
            check(name, &net, &weights, &x, &values, &[id]);
        }
        check(name, &net, &weights, &x, &values, &[ids.len() - 1, 2, 0, 2]);
    }
}

#[test]
fn random_nets_give_what_their_layers_say() {
    let random = &mut Random::new();
    let (mut maps, mut sharp) = (0, 0);
    for _ in 0..300 {
        let net = random_net(random);
        let (weights, x) = (net.weights(random), net.numbers(random));
        let values = interpret(&net.graph(), &weights, net.input, &x);
        maps += values.len();
        sharp += values.iter().filter(|value| is_sharp(value)).count();
        let last = values.len() - 1;
        check("random", &net, &weights, &x, &values, &[last]);
        let some: Vec<Id> = (0..random.within(1, 4)).map(|_| random.within(0, last)).collect();
        check("random", &net, &weights, &x, &values, &some);
        let all: Vec<Id> = (0..=last).collect();
        check("random", &net, &weights, &x, &values, &all);
    }
    assert!(sharp * 10 > maps * 9, "only {sharp} of {maps} bounds say much");
}

#[test]
fn a_requested_flatten_keeps_the_raw_map() {
    // The flatten is the convolution's own map under another shape, so the relu must not replace it.
    let random = &mut Random::new();
    let mut net = Net::new([1, 2, 4, 4]);
    let conv = net.conv(0, 3, [3, 1, 1]);
    let relu = net.plain("relu", &[conv]);
    let flat = net.plain("flatten", &[conv]);
    let (weights, x) = (net.weights(random), net.numbers(random));
    let values = interpret(&net.graph(), &weights, net.input, &x);
    check("flatten", &net, &weights, &x, &values, &[relu, flat]);
    check("flatten", &net, &weights, &x, &values, &[flat]);
}

#[test]
fn flattened_maps_are_joined_image_by_image() {
    let random = &mut Random::new();
    let mut net = Net::new([3, 2, 3, 2]);
    let a = net.plain("flatten", &[0]);
    let relu = net.plain("relu", &[0]);
    let b = net.plain("flatten", &[relu]);
    net.plain("concat", &[a, b]);
    let x = net.numbers(random);
    let values = interpret(&net.graph(), &[None, None, None, None, None], net.input, &x);
    check("joined", &net, &[None, None, None, None, None], &x, &values, &[4]);
}

fn model(net: &Net, weights: &[Option<Weights>], helpers: usize) -> Model {
    let mut model = Model::new(&net.json(), helpers).expect("a sound graph");
    for (id, given) in weights.iter().enumerate() {
        if let Some(Weights { weight, bias }) = given {
            model.load(id, weight, bias.as_deref()).expect("weights that fit");
        }
    }
    model
}

/// Runs a model as JavaScript does; gives the outputs' dimensions and numbers.
fn run(model: &mut Model, input: [usize; 4], x: &[f32], outputs: &[Id]) -> Vec<(Vec<usize>, Vec<f32>)> {
    let handle = model.prepare(input, outputs).expect("a plan");
    model.input(handle).expect("the plan's input").copy_from_slice(x);
    let mut slice = 0;
    while model.run(handle, slice).expect("a run") {
        slice += 1;
    }
    let outputs = (0..outputs.len().max(1)).map(|i| model.output(handle, i).expect("an output"));
    outputs.map(|(dims, numbers)| (dims.to_vec(), numbers.to_vec())).collect()
}

fn numbers_of(input: [usize; 4], random: &mut Random) -> Vec<f32> {
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
        let values = interpret(&graph, &weights, input, &x);
        let got = run(&mut model, input, &x, &outputs);
        let ids = if outputs.is_empty() { vec![graph.output] } else { outputs };
        for ((dims, numbers), id) in got.iter().zip(ids) {
            assert_close(&format!("round {round}, node {id}"), dims, numbers, &values[id]);
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
    let mut model = model(&net, &net.weights(random), 0);
    let x = net.numbers(random);
    let before = run(&mut model, net.input, &x, &[]);
    let weights = net.weights(random);
    let Some(Weights { weight, bias }) = &weights[1] else { unreachable!("a conv2d has weights") };
    model.load(1, weight, bias.as_deref()).unwrap();
    let after = run(&mut model, net.input, &x, &[]);
    assert_ne!(before, after);
    assert_close("after", &after[0].0, &after[0].1, &interpret(&net.graph(), &weights, net.input, &x)[1]);
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
    let random = &mut Random::new();
    let mut nets: Vec<Net> = named().into_iter().map(|(_, net)| net).collect();
    nets.extend((0..20).map(|_| random_net(random)));
    for net in nets {
        let (weights, x) = (net.weights(random), net.numbers(random));
        let ids: Vec<Id> = (0..net.graph().nodes.len()).collect();
        let alone = run(&mut model(&net, &weights, 0), net.input, &x, &ids);
        for threads in [2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            let mut model = model(&net, &weights, threads - 1);
            for _ in 0..3 {
                let got = pool.install(|| run(&mut model, net.input, &x, &ids));
                for ((dims, got), (want_dims, want)) in got.iter().zip(&alone) {
                    let same = got.iter().zip(want).all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(dims == want_dims && same, "{threads} threads: {}", net.json());
                }
            }
        }
    }
}
