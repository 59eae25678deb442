//! The planner's promise: what runs together does not get in each other's way, and what is read is still there.

use super::build::{Net, Random};
use super::engine::pack;
use super::nets::{named, squeezenet};
use super::random::random_net;
use crate::cpu::{self, Weights};
use crate::graph::{Graph, Id, Node, Op};
use crate::plan::{Device, Kernel, Plan, Step, Turn, plan};
use crate::weights::Packed;
use kernels::flatten::Direction;
use kernels::layout::Layout;
use kernels::par::Phase;
use std::collections::{HashMap, HashSet};
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

/// A step as it runs: of the front for an image, in a room so many floats behind the first.
#[derive(Clone, Copy)]
struct Event<'a> {
    step: &'a Step,
    image: usize,
    room: usize,
}

impl Event<'_> {
    fn is_with(&self, other: &Event) -> bool {
        (self.image, self.room) == (other.image, other.room)
    }

    /// The same for whoever looks at what was handed on of it, which is in no room.
    fn handed_on(self) -> Self {
        Event { room: usize::MAX, ..self }
    }

    fn is_handed_on(&self) -> bool {
        self.room == usize::MAX
    }
}

/// What a step reads, and what it writes.
fn touched(event: Event, weights: Weights) -> (Vec<usize>, Vec<usize>) {
    let Event { step: Step { kernel, .. }, image, room } = event;
    let (xs, y) = cpu::maps(kernel);
    let mut reads: Vec<usize> = xs.iter().flat_map(elements).collect();
    let mut writes = y.as_ref().map_or(vec![], elements);
    // Where the staged input, an output or what is handed on lies, if it is one of them.
    let mut outside = (vec![], vec![]);
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
        Kernel::Flatten { direction, map, flat, image: each, is_staged } => {
            let first = if *is_staged { flat + image * each } else { flat + room };
            let floats = (first..first + map.pixels() * map.c).collect();
            match direction {
                Direction::ToChannelsFirst => outside.1 = floats,
                Direction::ToChannelsLast => outside.0 = floats,
            }
        }
        Kernel::HandOn { y, .. } => {
            outside.1 = elements(&y.moved(image * y.image));
            writes.clear();
        }
        _ => {}
    }
    let all = |inside: Vec<usize>, outside: Vec<usize>| {
        inside.into_iter().map(|at| at + room).chain(outside).collect::<Vec<_>>()
    };
    (all(reads, outside.0), all(writes, outside.1))
}

/// The steps of each turn as they may run one behind the other: lists of steps side by side, and the image's chunk where
/// whole images are.
fn in_turns<'a>(plan: &'a Plan) -> Vec<Vec<Vec<Event<'a>>>> {
    let events = |phase: usize, image: usize, room: usize| -> Vec<Event<'a>> {
        plan.steps[phase].iter().map(|step| Event { step, image, room }).collect()
    };
    let turn = |(turn, claims): (&Turn, &Phase)| match *turn {
        Turn::Steps { phase, image } => {
            assert_eq!(claims.chunks(), plan.steps[phase].iter().map(|step| step.chunks).sum::<usize>());
            vec![events(phase, image, 0)]
        }
        Turn::Images { first } => {
            let front = |chunk| {
                (0..plan.front).map(move |p| events(p, first + chunk, chunk % plan.members * plan.room))
            };
            (0..claims.chunks()).flat_map(front).collect()
        }
    };
    plan.turns.iter().zip(&plan.phases).map(turn).collect()
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

/// Goes through the plan float by float: what runs side by side does not touch what another writes, and whatever a step
/// reads was last written by a layer that it depends on, for its image, or is the halo of the very map it reads. No map lies in
/// a member's scratch.
fn check(graph: &Graph, plan: &Plan, weights: Weights, requested: &[Id], what: &dyn Fn() -> String) {
    let [maps, scratch] = plan.scratch;
    assert_eq!(plan.arena, maps + plan.members * scratch, "{}", what());
    let turns = in_turns(plan);
    let mut last: Vec<Option<Event>> = vec![None; maps];
    let staged = plan.input.offset..plan.input.offset + plan.input.dims.iter().product::<usize>();
    for turn in &turns {
        apart(turn, plan, weights, what);
        for together in turn {
            let is_hand_on = |event: &&Event| matches!(event.step.kernel, Kernel::HandOn { .. });
            for event in together.iter().filter(|event| !is_hand_on(event)) {
                assert!(weights.needs(&event.step.kernel).expect("weights").scratch <= scratch, "{}", what());
                let good = suppliers(graph, id_of(graph, event.step));
                for &at in &touched(*event, weights).0 {
                    check_read(*event, at, last[at], &good, staged.contains(&at), what);
                }
            }
            for event in together {
                let (reads, writes) = touched(*event, weights);
                for (i, &at) in writes.iter().enumerate() {
                    // A joined map may be handed on before all its channels are there.
                    last[at] = match is_hand_on(&event) {
                        true => last[reads[i]].filter(|from| from.is_with(event)).map(Event::handed_on),
                        false => Some(*event),
                    };
                }
            }
        }
    }
    assert_eq!(plan.slices.last(), Some(&plan.turns.len()), "{}", what());
    for (out, &id) in plan.outputs.iter().zip(requested) {
        let dims = &out.dims;
        for (i, writer) in last[out.offset..][..dims.iter().product()].iter().enumerate() {
            let Event { step, image, .. } = writer.expect("outputs are written");
            assert_eq!(step.path, graph.nodes[id].path, "{}: the output of {id} was overwritten", what());
            let of = i / dims[1..].iter().product::<usize>();
            let is_all = cpu::maps(&step.kernel).0[0].n == dims[0];
            assert!(is_all || image == of, "{}: image {image} in the place of {of}", what());
        }
    }
}

/// What runs at the same time must not touch what another step writes: the steps of a phase, or whole images in their rooms.
fn apart(turn: &[Vec<Event>], plan: &Plan, weights: Weights, what: &dyn Fn() -> String) {
    let is_images = turn.iter().flatten().any(|event| event.image != turn[0][0].image);
    let at_once: Vec<&[Vec<Event>]> = match is_images {
        true => turn.chunks(plan.front).take(plan.members).collect(),
        false => vec![turn],
    };
    let mut written: HashMap<usize, usize> = HashMap::new();
    let mut read: Vec<(usize, usize)> = vec![];
    let mut mine = 0;
    for image in at_once {
        for event in image.iter().flatten() {
            let (reads, writes) = touched(*event, weights);
            for at in writes {
                let other = *written.entry(at).or_insert(mine);
                assert!(other == mine, "{}: {at} is written twice\n{}", what(), plan.picture());
            }
            read.extend(reads.into_iter().map(|at| (at, mine)));
            mine += if is_images { 0 } else { 1 };
        }
        mine += 1;
    }
    for (at, reader) in read {
        let is_apart = written.get(&at).is_none_or(|&writer| is_images && writer == reader);
        assert!(is_apart, "{}: {at} is read and written\n{}", what(), plan.picture());
    }
}

fn check_read(
    event: Event,
    at: usize,
    last: Option<Event>,
    good: &HashSet<&str>,
    is_staged: bool,
    what: &dyn Fn() -> String,
) {
    let step = event.step;
    let Some(writer) = last else {
        let is_input = matches!(step.kernel, Kernel::Flatten { direction: Direction::ToChannelsLast, .. });
        assert!(is_input && is_staged, "{}: {} reads {at}, unwritten", what(), step.path);
        return;
    };
    // The rest of a plan reads all images.
    let is_own = writer.is_handed_on() || writer.is_with(&event);
    assert!(is_own, "{}: {} of image {} reads image {}", what(), step.path, event.image, writer.image);
    match writer.step.kernel {
        Kernel::Halo { map, .. } => {
            let x = cpu::maps(&step.kernel).0[0];
            assert_eq!((map.image, map.row, map.pixel), (x.image, x.row, x.pixel), "{}", what());
            let is_its = (map.offset..map.offset + map.pixel).contains(&x.offset) && map.n == x.n;
            assert!(is_its, "{}: another's halo", what());
        }
        _ => assert!(
            good.contains(&writer.step.path[..]),
            "{}: {} reads at {at} what {} wrote",
            what(),
            step.path,
            writer.step.path
        ),
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

/// Where maps are larger than weights a batch's steps run for one image after the other, and their maps hold one; several
/// members take whole images.
#[test]
fn the_first_steps_of_a_batch_run_image_by_image() {
    let mut net = Net::new([3, 4, 12, 10]);
    let large = net.conv(0, 6, [1, 1, 0]);
    let small = net.conv(large, 2, [1, 1, 0]);
    let flat = net.plain("flatten", &[small]);
    net.linear(flat, 50);
    let (graph, packed) = (net.graph(), packed(&net, &mut Random::new()));
    let weights = Weights { packed: &packed, height: 4 };
    let times = |input: [usize; 4], members: usize| {
        let plan = plan(&graph, weights, input, &[graph.output], members).expect("a plan");
        check(&graph, &plan, weights, &[graph.output], &|| format!("{input:?}"));
        let turns = in_turns(&plan);
        let events: Vec<&Event> = turns.iter().flatten().flatten().collect();
        let is_of = |event: &Event, id: Id| event.step.path == graph.nodes[id].path;
        let count = |id: Id| events.iter().filter(|event| is_of(event, id)).count();
        let images = |id: Id| {
            let event = events.iter().find(|event| is_of(event, id)).expect("a step");
            cpu::maps(&event.step.kernel).1.map(|y| y.n)
        };
        let whole = plan.turns.iter().filter(|turn| matches!(turn, Turn::Images { .. })).count();
        let macs: u64 = events.iter().map(|event| event.step.macs).sum();
        ([large, small, flat + 1].map(count), [large, small].map(images), macs, whole)
    };
    let macs = (120 * (4 * 6 + 6 * 2) + 240 * 50) as u64;
    // The second of the two layers' maps is handed on; the last layer's is put out.
    assert_eq!(times([3, 4, 12, 10], 1), ([3, 6, 2], [Some(1); 2], 3 * macs, 0));
    assert_eq!(times([3, 4, 12, 10], 2), ([3, 6, 2], [Some(1); 2], 3 * macs, 1));
    assert_eq!(times([3, 4, 12, 10], 4), ([3, 6, 2], [Some(1); 2], 3 * macs, 0));
    assert_eq!(times([17, 4, 12, 10], 2), ([17, 34, 2], [Some(1); 2], 17 * macs, 2));
    assert_eq!(times([1, 4, 12, 10], 2), ([1, 1, 2], [Some(1); 2], macs, 0));
    // Of small maps all images are near.
    let mut tiny = Net::new([2, 4, 1, 1]);
    tiny.conv(0, 6, [1, 1, 0]);
    let tiny = (tiny.graph(), self::packed(&tiny, &mut Random::new()));
    let plan = plan(&tiny.0, Weights { packed: &tiny.1, height: 4 }, [2, 4, 1, 1], &[1], 2).expect("a plan");
    assert_eq!((plan.front, plan.turns.iter().all(|turn| matches!(turn, Turn::Steps { .. }))), (0, true));
}

/// Many members' rooms would take more memory than their images are worth.
#[test]
fn rooms_take_little() {
    let mut net = Net::new([8, 4, 600, 600]);
    let large = net.conv(0, 16, [1, 1, 0]);
    net.conv(large, 1, [1, 1, 0]);
    let (graph, packed) = (net.graph(), packed(&net, &mut Random::new()));
    let weights = Weights { packed: &packed, height: 4 };
    let rooms = |members: usize| {
        let plan = plan(&graph, weights, net.input, &[graph.output], members).expect("a plan");
        (plan.arena, plan.turns.iter().filter(|turn| matches!(turn, Turn::Images { .. })).count())
    };
    let [(one, _), (two, together), (all, alone)] = [1, 2, 8].map(rooms);
    assert_eq!([together, alone], [1, 0]);
    let room = 600 * 600 * (4 + 16);
    assert!((room..room * 5 / 4).contains(&(two - one)), "{one} {two}");
    assert!(all < two);
}
