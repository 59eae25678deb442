//! The planner's promise: what runs together does not get in each other's way, and what is read is still there.

use super::build::{Net, Random, named, random_net};
use crate::cpu;
use crate::graph::{Graph, Id, Node};
use crate::plan::{Op, Plan, Step, plan};
use crate::weights::{self, Packed};
use kernels::flatten::Direction;
use kernels::layout::Layout;
use std::collections::HashSet;
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
    let offset = map.offset - top * map.row - left * map.pixel;
    Layout { h: top + map.h + bottom, w: left + map.w + right, offset, ..*map }
}

/// The frame alone.
fn frame(map: &Layout, sides: [usize; 4]) -> Vec<usize> {
    let inside: HashSet<usize> = elements(map).into_iter().collect();
    elements(&grown(map, sides)).into_iter().filter(|i| !inside.contains(i)).collect()
}

/// What a step reads, and what it writes.
fn touched(op: &Op) -> (Vec<usize>, Vec<usize>) {
    let (x, y) = cpu::maps(op);
    let mut reads = x.as_ref().map_or(vec![], elements);
    let mut writes = y.as_ref().map_or(vec![], elements);
    match op {
        Op::Conv2d { spec, x, .. } => reads.extend(frame(x, spec.padding)),
        Op::Halo { map, halo } => writes = frame(map, *halo),
        Op::Flatten { direction, map, flat } => {
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

/// The paths of the layers whose steps may have written the map of `id`.
fn writers(graph: &Graph, id: Id) -> HashSet<&str> {
    let node = &graph.nodes[id];
    let mut paths = HashSet::from([node.path()]);
    if matches!(node, Node::Relu { .. } | Node::Concat { .. } | Node::Flatten { .. }) {
        node.inputs().iter().for_each(|&i| paths.extend(writers(graph, i)));
    }
    paths
}

fn id_of(graph: &Graph, step: &Step) -> Id {
    graph.nodes.iter().position(|node| node.path() == step.path).expect("a step's path is a layer's")
}

/// Goes through the plan float by float: within a phase no step touches what another writes, and whatever a step reads was
/// last written by a layer that it depends on, or is the halo of the very map it reads.
fn check(graph: &Graph, plan: &Plan, requested: &[Id], what: &str) {
    let steps: Vec<&Step> = plan.steps.iter().flatten().collect();
    let mut last: Vec<Option<usize>> = vec![None; plan.arena];
    let staged = plan.input.offset..plan.input.offset + plan.input.dims.iter().product::<usize>();
    let mut first = 0;
    for (p, phase) in plan.steps.iter().enumerate() {
        assert_eq!(plan.phases[p].chunks(), phase.iter().map(|step| step.chunks).sum::<usize>(), "{what}");
        let touched: Vec<_> = phase.iter().map(|step| touched(&step.op)).collect();
        let mut written: Vec<Option<usize>> = vec![None; plan.arena];
        for (i, (_, writes)) in touched.iter().enumerate() {
            for &at in writes {
                let before = written[at].replace(first + i);
                assert_eq!(before, None, "{what}: phase {p} writes {at} twice\n{}", plan.picture());
            }
        }
        for (step, (reads, _)) in phase.iter().zip(&touched) {
            let id = id_of(graph, step);
            let mut good = writers(graph, id);
            graph.nodes[id].inputs().iter().for_each(|&i| good.extend(writers(graph, i)));
            for &at in reads {
                assert_eq!(written[at], None, "{what}: phase {p} reads and writes {at}\n{}", plan.picture());
                let is_input = matches!(step.op, Op::Flatten { direction: Direction::ToChannelsLast, .. });
                let Some(writer) = last[at].map(|i| steps[i]) else {
                    assert!(is_input && staged.contains(&at), "{what}: {} reads {at}, unwritten", step.path);
                    continue;
                };
                match writer.op {
                    Op::Halo { map, .. } => {
                        let x = cpu::maps(&step.op).0.expect("a map");
                        assert_eq!((map.image, map.row, map.pixel), (x.image, x.row, x.pixel), "{what}");
                        assert!(
                            (map.offset..map.offset + map.pixel).contains(&x.offset),
                            "{what}: another's halo"
                        );
                    }
                    _ => assert!(
                        good.contains(&writer.path[..]),
                        "{what}: {} reads at {at} what {} wrote",
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
    assert_eq!(plan.slices.last(), Some(&plan.steps.len()), "{what}");
    for (out, &id) in plan.outputs.iter().zip(requested) {
        for writer in &last[out.offset..][..out.dims.iter().product()] {
            let writer = writer.map(|i| steps[i]).expect("outputs are written");
            assert_eq!(writer.path, graph.nodes[id].path(), "{what}: the output of {id} was overwritten");
        }
    }
}

fn packed(net: &Net, random: &mut Random) -> Vec<Option<Packed>> {
    let graph = net.graph();
    let weights = net.weights(random).into_iter().enumerate();
    let pack = |(id, given): (Id, Option<super::build::Weights>)| {
        given.map(|given| {
            weights::pack(&graph, id, &given.weight, given.bias.as_deref()).expect("weights that fit")
        })
    };
    weights.map(pack).collect()
}

fn check_net(net: &Net, random: &mut Random) {
    let (graph, packed) = (net.graph(), packed(net, random));
    let all: Vec<Id> = (0..graph.nodes.len()).collect();
    let some: Vec<Id> = (0..random.within(1, 4)).map(|_| random.within(0, all.len() - 1)).collect();
    for requested in [vec![graph.output], some, all] {
        let plan = plan(&graph, &packed, net.input, &requested).expect("a plan");
        check(&graph, &plan, &requested, &format!("{requested:?} of {}", net.json()));
    }
}

#[test]
fn steps_of_nets_keep_apart() {
    let random = &mut Random::new();
    for (_, net) in named() {
        check_net(&net, random);
    }
}

#[test]
fn steps_of_random_nets_keep_apart() {
    let random = &mut Random::new();
    for _ in 0..150 {
        check_net(&random_net(random), random);
    }
}

#[test]
fn what_is_not_needed_does_not_run() {
    let random = &mut Random::new();
    let (_, net) = &named()[2];
    let (graph, packed) = (net.graph(), packed(net, random));
    let early = plan(&graph, &packed, net.input, &[4]).expect("a plan");
    let paths: HashSet<&str> = early.steps.iter().flatten().map(|step| &step.path[..]).collect();
    assert!(paths.iter().all(|path| ["input", "n1", "n2", "n3", "n4"].contains(path)), "{paths:?}");
    let whole = plan(&graph, &packed, net.input, &[graph.output]).expect("a plan");
    assert!(early.arena <= whole.arena);
}
