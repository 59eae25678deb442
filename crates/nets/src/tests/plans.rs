//! The planner's promise: what runs together does not get in each other's way, and what is read is still there.

use super::build::{Net, Random};
use super::engine::pack;
use super::nets::{named, squeezenet};
use super::random::random_net;
use crate::cpu::{self, Weights};
use crate::graph::{Graph, Id, Node, Op};
use crate::plan::{Device, Kernel, Plan, Step, plan};
use crate::weights::Packed;
use kernels::flatten::Direction;
use kernels::layout::Layout;
use std::collections::HashSet;
use std::sync::Arc;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn elements(map: &Layout) -> Vec<usize> {
    let mut places = Vec::with_capacity(map.pixels() * map.c);
    for (n, y, x) in (0..map.n).flat_map(|n| (0..map.h).flat_map(move |y| (0..map.w).map(move |x| (n, y, x))))
    {
        places.extend(map.at(n, y, x)..map.at(n, y, x) + map.c);
    }
    places
}

/// The map with a frame around it.
fn grown(map: &Layout, [top, left, bottom, right]: [usize; 4]) -> Layout {
    let offset = map.offset - frame_start(map, [top, left, bottom, right]);
    Layout { h: top + map.h + bottom, w: left + map.w + right, offset, ..*map }
}

/// Floats from the frame's first to the map's.
fn frame_start(map: &Layout, [top, left, ..]: [usize; 4]) -> usize {
    top * map.row + left * map.pixel
}

/// The frame alone.
fn frame(map: &Layout, sides: [usize; 4]) -> Vec<usize> {
    let inside: HashSet<usize> = elements(map).into_iter().collect();
    elements(&grown(map, sides)).into_iter().filter(|i| !inside.contains(i)).collect()
}

/// What a step reads, and what it writes.
fn touched(kernel: &Kernel, weights: Weights) -> (Vec<usize>, Vec<usize>) {
    let (xs, y) = cpu::maps(kernel);
    let mut reads: Vec<usize> = xs.iter().flat_map(elements).collect();
    let mut writes = y.as_ref().map_or(vec![], elements);
    match kernel {
        Kernel::Conv2d { node, spec, x, stage, temps, .. } => {
            if weights.packed[*node].as_ref().expect("weights").reads_halo() {
                reads.extend(frame(x, spec.padding));
            }
            let needs = weights.needs(kernel).expect("weights");
            let between = temps[0]..temps[0] + needs.temps[0];
            match (needs.stages, stage) {
                (1, _) => assert_eq!(needs.temps, [0; 2]),
                (_, 0) => writes = between.collect(),
                _ => reads = xs[1..].iter().flat_map(elements).chain(between).collect(),
            }
        }
        Kernel::Halo { map, halo } => writes = frame(map, *halo),
        Kernel::Flatten { direction, map, flat, .. } => {
            let floats = *flat..*flat + map.pixels() * map.c;
            match direction {
                Direction::ToChannelsFirst => writes.extend(floats),
                Direction::ToChannelsLast => reads.extend(floats),
            }
        }
        _ => {}
    }
    (reads, writes)
}

/// Whether it may be merged with what it reads, or is no work at all.
fn is_merged(node: &Node) -> bool {
    use Op::*;
    matches!(
        node.op,
        Activation { .. }
            | BatchNorm2d { .. }
            | LayerScale { .. }
            | Affine { .. }
            | Add
            | Mul
            | Concat
            | Flatten
            | Slice { .. }
    )
}

/// The paths of the layers whose steps may have written the map of `id`.
fn writers(graph: &Graph, id: Id) -> HashSet<&str> {
    let node = &graph.nodes[id];
    let mut paths = HashSet::from([&node.path[..]]);
    if is_merged(node) {
        node.inputs.iter().for_each(|&i| paths.extend(writers(graph, i)));
    }
    paths
}

/// The same for all maps that the steps of `id` may read: also those that layers merged with it bring along.
fn suppliers(graph: &Graph, id: Id) -> HashSet<&str> {
    let node = &graph.nodes[id];
    let mut paths: HashSet<&str> = node.inputs.iter().flat_map(|&i| writers(graph, i)).collect();
    let merged = graph.readers(id).filter(|(_, reader)| is_merged(reader));
    merged.for_each(|(reader, _)| paths.extend(suppliers(graph, reader)));
    paths.insert(&node.path);
    paths
}

fn id_of(graph: &Graph, step: &Step) -> Id {
    graph.nodes.iter().position(|node| node.path == step.path).expect("a step's path is a layer's")
}

/// Goes through the plan float by float: within a phase no step touches what another writes, and whatever a step reads was
/// last written by a layer that it depends on, or is the halo of the very map it reads. No map lies in a member's scratch.
fn check(graph: &Graph, plan: &Plan, weights: Weights, requested: &[Id], what: &dyn Fn() -> String) {
    let steps: Vec<&Step> = plan.steps.iter().flatten().collect();
    let [maps, scratch] = plan.scratch;
    assert_eq!(plan.arena, maps + plan.members * scratch, "{}", what());
    let mut last: Vec<Option<usize>> = vec![None; maps];
    let staged = plan.input.offset..plan.input.offset + plan.input.dims.iter().product::<usize>();
    let mut first = 0;
    for (p, phase) in plan.steps.iter().enumerate() {
        let chunks = phase.iter().map(|step| step.chunks).sum::<usize>();
        assert_eq!(plan.phases[p].chunks(), chunks, "{}", what());
        let touched: Vec<_> = phase.iter().map(|step| touched(&step.kernel, weights)).collect();
        let mut written: Vec<Option<usize>> = vec![None; maps];
        for (i, (_, writes)) in touched.iter().enumerate() {
            for &at in writes {
                let before = written[at].replace(first + i);
                assert_eq!(before, None, "{}: phase {p} writes {at} twice\n{}", what(), plan.picture());
            }
        }
        for (step, (reads, _)) in phase.iter().zip(&touched) {
            assert!(weights.needs(&step.kernel).expect("weights").scratch <= scratch, "{}", what());
            let good = suppliers(graph, id_of(graph, step));
            for &at in reads {
                assert_eq!(
                    written[at],
                    None,
                    "{}: phase {p} reads and writes {at}\n{}",
                    what(),
                    plan.picture()
                );
                let is_input =
                    matches!(step.kernel, Kernel::Flatten { direction: Direction::ToChannelsLast, .. });
                let Some(writer) = last[at].map(|i| steps[i]) else {
                    assert!(
                        is_input && staged.contains(&at),
                        "{}: {} reads {at}, unwritten",
                        what(),
                        step.path
                    );
                    continue;
                };
                match writer.kernel {
                    Kernel::Halo { map, halo } => {
                        let x = cpu::maps(&step.kernel).0[0];
                        assert_eq!((map.image, map.row, map.pixel), (x.image, x.row, x.pixel), "{}", what());
                        // Made with the whole map, or with the image that is read here.
                        let own = map.offset..map.offset + map.pixel;
                        let image = (0..x.n).find(|n| own.contains(&(x.offset + n * x.image)));
                        let image = image.unwrap_or_else(|| panic!("{}: another's halo", what()));
                        let around = (map.offset - frame_start(&map, halo))..map.offset + map.n * map.image;
                        assert!(
                            around.contains(&at) && image + map.n <= x.n,
                            "{}: another image's halo",
                            what()
                        );
                    }
                    _ => assert!(
                        good.contains(&writer.path[..]),
                        "{}: {} reads at {at} what {} wrote",
                        what(),
                        step.path,
                        writer.path
                    ),
                }
            }
        }
        for (_, writes) in touched.iter() {
            writes.iter().for_each(|&at| last[at] = written[at]);
        }
        first += phase.len();
    }
    assert_eq!(plan.slices.last(), Some(&plan.steps.len()), "{}", what());
    for (out, &id) in plan.outputs.iter().zip(requested) {
        for writer in &last[out.offset..][..out.dims.iter().product()] {
            let writer = writer.map(|i| steps[i]).expect("outputs are written");
            assert_eq!(writer.path, graph.nodes[id].path, "{}: the output of {id} was overwritten", what());
        }
    }
}

fn packed(net: &Net, random: &mut Random) -> Vec<Option<Arc<Packed>>> {
    let [_, _, h, w] = net.input;
    pack(net, &net.weights(random), true, [h, w], None)
}

/// Plans a net that fits its input for several outputs, and checks each plan.
pub fn check_plans(net: &Net, random: &mut Random) {
    let (graph, packed) = (net.graph(), packed(net, random));
    let weights = Weights { packed: &packed, height: 4 };
    let all: Vec<Id> = (0..graph.nodes.len()).collect();
    let some: Vec<Id> = (0..random.within(1, 4)).map(|_| random.within(0, all.len() - 1)).collect();
    for requested in [vec![graph.output], some, all] {
        let members = random.within(1, 3);
        let plan = plan(&graph, weights, net.input, &requested, members).expect("a plan");
        check(&graph, &plan, weights, &requested, &|| format!("{requested:?} of {}", net.json()));
    }
}

#[test]
fn steps_of_nets_keep_apart() {
    let random = &mut Random::new();
    for (_, net) in named() {
        check_plans(&net, random);
    }
}

#[test]
fn steps_of_random_nets_keep_apart() {
    let random = &mut Random::new();
    for _ in 0..150 {
        check_plans(&random_net(random), random);
    }
}

#[test]
fn maps_take_little_more_than_the_most_that_are_alive_together() {
    let random = &mut Random::new();
    for (name, net) in named() {
        let (graph, packed) = (net.graph(), packed(&net, random));
        let weights = Weights { packed: &packed, height: 4 };
        let plan = plan(&graph, weights, net.input, &[graph.output], 1).expect("a plan");
        // In small networks what fills up cache lines counts.
        let most = plan.largest_moment() * 5 / 4 + 16 * graph.nodes.len() as u64;
        assert!(plan.scratch[0] as u64 <= most, "{name}: {} floats\n{}", plan.scratch[0], plan.picture());
    }
}

#[test]
fn what_is_not_needed_does_not_run() {
    let random = &mut Random::new();
    let net = squeezenet();
    let (graph, packed) = (net.graph(), packed(&net, random));
    let weights = Weights { packed: &packed, height: 4 };
    let early = plan(&graph, weights, net.input, &[4], 1).expect("a plan");
    let paths: HashSet<&str> = early.steps.iter().flatten().map(|step| &step.path[..]).collect();
    assert!(paths.iter().all(|path| ["input", "n1", "n2", "n3", "n4"].contains(path)), "{paths:?}");
    let whole = plan(&graph, weights, net.input, &[graph.output], 1).expect("a plan");
    assert!(early.arena <= whole.arena);
}

/// Where maps are larger than weights a batch's steps run for one image after the other, and their maps hold one.
#[test]
fn the_first_steps_of_a_batch_run_image_by_image() {
    let mut net = Net::new([3, 4, 12, 10]);
    let large = net.conv(0, 6, [1, 1, 0]);
    let small = net.conv(large, 2, [1, 1, 0]);
    let flat = net.plain("flatten", &[small]);
    net.linear(flat, 50);
    let (graph, packed) = (net.graph(), packed(&net, &mut Random::new()));
    let weights = Weights { packed: &packed, height: 4 };
    let times = |input: [usize; 4]| {
        let plan = plan(&graph, weights, input, &[graph.output], 1).expect("a plan");
        check(&graph, &plan, weights, &[graph.output], &|| format!("{input:?}"));
        let steps = || plan.steps.iter().flatten();
        let count = |id: Id| steps().filter(|step| step.path == graph.nodes[id].path).count();
        let images = |id: Id| {
            let step = steps().find(|step| step.path == graph.nodes[id].path).expect("a step");
            cpu::maps(&step.kernel).1.map(|y| y.n)
        };
        let macs: u64 = steps().map(|step| step.macs).sum();
        ([large, small, flat + 1].map(count), [large, small].map(images), macs)
    };
    let macs = (120 * (4 * 6 + 6 * 2) + 240 * 50) as u64;
    assert_eq!(times([3, 4, 12, 10]), ([3, 3, 2], [Some(1); 2], 3 * macs));
    assert_eq!(times([1, 4, 12, 10]), ([1, 1, 2], [Some(1); 2], macs));
}
