//! Bytes that a run moves.

use crate::cpu::maps;
use crate::fuse::{Fused, Scale, Work};
use crate::graph::{Graph, Id, Node, Op};
use crate::plan::{Kernel, Needs};
use crate::shape::Shape;
use crate::weights;
use kernels::layout::Layout;

/// Floats of maps that a kernel reads, and those that it writes: each once, in whole vec4s.
pub fn floats(kernel: &Kernel, needs: &Needs) -> [u64; 2] {
    let of = |map: &Layout| (map.pixels() * map.c.next_multiple_of(4)) as u64;
    let (xs, y) = maps(kernel);
    let mut floats = [xs.iter().map(of).sum(), y.iter().map(of).sum()];
    match kernel {
        Kernel::Flatten { map, .. } => {
            let flat = if y.is_some() { 0 } else { 1 };
            floats[flat] += (map.pixels() * map.c) as u64;
        }
        &Kernel::Conv2d { x, stage, .. } if needs.stages > 1 => {
            // The first stage reads the map, the last what is finished with.
            let temp = |stage: usize| needs.temps[stage] as u64;
            let is_last = stage + 1 == needs.stages;
            let finish = if is_last { floats[0] - of(&x) } else { 0 };
            floats[0] = finish + if stage == 0 { of(&x) } else { temp(stage - 1) };
            floats[1] = if is_last { floats[1] } else { temp(stage) };
        }
        _ => {}
    }
    floats
}

/// Bytes of a node's weights as its network has them.
fn of_weights(node: &Node) -> u64 {
    let [outputs, depth] = weights::rows(node).map(|count| count as u64);
    match node.op {
        Op::Conv2d { bias, .. } | Op::Linear { bias, .. } => {
            outputs * (depth * node.storage().bytes() as u64 + if bias { 4 } else { 0 })
        }
        // Two numbers for each channel, once learned and measured are one.
        Op::BatchNorm2d { channels, .. } => 8 * channels as u64,
        Op::Affine { ref scale, .. } => 8 * scale.len() as u64,
        _ => 4 * outputs * depth,
    }
}

/// Bytes that the works of a network move at least: each reads its maps and weights once and writes one map.
pub fn least(graph: &Graph, shapes: &[Shape], fused: &Fused, requested: &[Id]) -> u64 {
    let floats = |id: Id| shapes[id].len() as u64;
    let of_work = |work: &Work| {
        if matches!(graph.nodes[work.node].op, Op::Concat) {
            // Of a branch that is in another map already there must be a copy.
            return work.reads.iter().map(|&id| 8 * floats(id)).sum();
        }
        let scales = [work.scale, work.before.map(|before| before.scale)].into_iter().flatten();
        let nodes = scales.filter_map(|scale| match scale {
            Scale::Node(id) if id != work.node => Some(of_weights(&graph.nodes[id])),
            _ => None,
        });
        let input = if matches!(graph.nodes[work.node].op, Op::Input { .. }) { floats(work.node) } else { 0 };
        let maps = input + work.all_reads().map(floats).sum::<u64>() + floats(work.writes);
        4 * maps + of_weights(&graph.nodes[work.node]) + nodes.sum::<u64>()
    };
    let outputs: u64 = requested.iter().map(|&id| 8 * floats(id)).sum();
    fused.works.iter().map(of_work).sum::<u64>() + outputs
}
