//! Graphs as strangers would write them: each is refused with an error, or planned as the planner promises; nothing panics.
//! `CONVZOO_FUZZ` has the seconds that it takes, for a longer run than the tests'.

use super::build::{Net, Random};
use super::models::options;
use super::plans::check_plans;
use super::random::random_net;
use crate::algorithm::Tuning;
use crate::graph::{Graph, Op};
use crate::model::Model;
use crate::shape::infer;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Graphs of a run without `CONVZOO_FUZZ`.
const GRAPHS: usize = 3000;
/// Floats of a network that is planned step by step; larger ones are only asked how much room they take.
const MOST_FLOATS: usize = 20_000;

/// Numbers that do not fit, or hardly.
fn strange(random: &mut Random) -> Value {
    let edges = [
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(-1),
        json!(0.5),
        json!(255),
        json!(1 << 12),
        json!(1 << 16),
        json!(1 << 20),
        json!((1 << 20) + 1),
        json!(1u64 << 32),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(null),
        json!(true),
        json!("relu"),
        json!([]),
        json!([1, 1]),
        json!({}),
    ];
    edges[random.within(0, edges.len() - 1)].clone()
}

/// Changes one of a node's values; sides and counts mostly by a little, so that the layer still fits something.
fn change(value: &mut Value, random: &mut Random) {
    match value {
        Value::Array(items) if !items.is_empty() && random.within(0, 5) > 0 => match random.within(0, 9) {
            0 => drop(items.pop()),
            1 => items.push(items[0].clone()),
            _ => {
                let i = random.within(0, items.len() - 1);
                change(&mut items[i], random);
            }
        },
        Value::Number(number) if random.within(0, 2) > 0 => {
            let by = [-1, 1, 2, 7][random.within(0, 3)];
            *value = json!(number.as_i64().unwrap_or(0).saturating_add(by));
        }
        Value::Bool(flag) => *value = json!(!*flag),
        _ => *value = strange(random),
    }
}

/// One to three changes to a graph's nodes. Paths stay, as they tell the layers apart.
fn mutate(net: &mut Net, random: &mut Random) {
    for _ in 0..random.within(1, 3) {
        let id = random.within(0, net.nodes.len() - 1);
        let other = random.within(0, net.nodes.len() - 1);
        match random.within(0, 11) {
            // Another operator over the same fields, or another's fields.
            0 => net.nodes[id]["op"] = net.nodes[other]["op"].clone(),
            1 if id > 0 && other > 0 => {
                let path = net.nodes[id]["path"].clone();
                net.nodes[id] = net.nodes[other].clone();
                net.nodes[id]["path"] = path;
            }
            2 if id > 0 => net.nodes[id]["inputs"] = json!([other]),
            3 if id > 0 => net.nodes[id]["inputs"] = json!([other, id - 1]),
            _ => {
                let fields = net.nodes[id].as_object_mut().expect("a node");
                let names: Vec<String> = fields.keys().filter(|&name| name != "path").cloned().collect();
                if names.is_empty() {
                    continue;
                }
                let name = &names[random.within(0, names.len() - 1)];
                match random.within(0, 15) {
                    0 => drop(fields.remove(name)),
                    _ => change(fields.get_mut(name).expect("a field"), random),
                }
            }
        }
    }
}

/// Whether the layers are so small that a plan can be gone through float by float.
fn is_small(graph: &Graph, input: [usize; 4]) -> bool {
    let Ok(shapes) = infer(graph, input) else { return false };
    graph.nodes.iter().zip(&shapes).all(|(node, shape)| {
        let weights = match node.op {
            Op::Conv2d { in_channels, out_channels, groups, kernel: [kh, kw], .. } => {
                (in_channels / groups).saturating_mul(kh * kw).saturating_mul(out_channels)
            }
            Op::Linear { in_features, out_features, .. } => in_features.saturating_mul(out_features),
            _ => 0,
        };
        shape.len() <= MOST_FLOATS && weights <= 50 * MOST_FLOATS
    })
}

#[test]
fn graphs_of_strangers_are_refused_or_planned() {
    let random = &mut Random::new();
    let seconds = std::env::var("CONVZOO_FUZZ").ok().and_then(|text| text.parse().ok());
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut refused, mut asked, mut planned) = (0, 0, 0);
    for count in 0.. {
        match end {
            Some(end) if Instant::now() > end => break,
            None if count == GRAPHS => break,
            _ => {}
        }
        let mut net = random_net(random);
        mutate(&mut net, random);
        let json = net.json();
        let Ok(graph) = Graph::parse(&json) else {
            refused += 1;
            continue;
        };
        if let Op::Input { channels } = graph.nodes[0].op
            && random.within(0, 3) > 0
        {
            net.input[1] = channels;
        }
        if is_small(&graph, net.input) {
            check_plans(&net, random);
            planned += 1;
        }
        // What is far too large for it is an error too.
        if let Ok(model) = Model::new(&json, options(0), &Tuning::new()) {
            let sides = [0, 1, 3, 64, 65_536, usize::MAX];
            let any = |random: &mut Random| sides[random.within(0, sides.len() - 1)];
            let input = if random.coin() { net.input } else { std::array::from_fn(|_| any(random)) };
            let _ = model.room(input, &[random.within(0, net.nodes.len())]);
            asked += 1;
        }
    }
    println!("{refused} refused, {planned} planned, {asked} asked for their room");
    assert!(refused.min(asked).min(planned) > 20);
}
