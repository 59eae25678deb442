//! What alone reads a sum and works number by number is done as the sum is stored: a batch norm, a residual's addition, an
//! activation, in that order.

use super::{Fused, Scale, Work};
use crate::graph::{Graph, Id, Op};
use kernels::activation::Activation;

pub fn into_producers(fused: &mut Fused, graph: &Graph, requested: &[Id]) {
    let mut i = 0;
    while i < fused.works.len() {
        match merged(fused, graph, i, requested) {
            Some((p, work)) => {
                fused.works[p] = work;
                fused.works.remove(i);
            }
            None => i += 1,
        }
    }
}

/// The work before `i` that can do the work of `i` as well, as it is then.
fn merged(fused: &Fused, graph: &Graph, i: usize, requested: &[Id]) -> Option<(usize, Work)> {
    let work = &fused.works[i];
    if !is_elementwise(&graph.nodes[work.node].op, work) || matches!(work.scale, Some(Scale::Map(_))) {
        return None;
    }
    let mut operands = vec![(work.reads[0], work.add)];
    // A sum's operands may change places.
    operands.extend(work.add.filter(|_| work.scale.is_none()).map(|add| (add, Some(work.reads[0]))));
    operands.into_iter().find_map(|(operand, add)| {
        let p = fused.works.iter().position(|other| other.writes == operand)?;
        let producer = &fused.works[p];
        let is_there = |id: Id| fused.works[..p].iter().any(|other| other.writes == fused.written(id));
        let fits = can_finish(&graph.nodes[producer.node].op, producer)
            && last_part(producer) < first_part(work)
            && fused.is_private(operand, requested)
            && add.is_none_or(is_there);
        fits.then(|| {
            let activation = match work.activation {
                Activation::Identity => producer.activation,
                activation => activation,
            };
            let scale = producer.scale.or(work.scale);
            let add = producer.add.or(add);
            (p, Work { writes: work.writes, scale, add, activation, ..producer.clone() })
        })
    })
}

/// Whether all that a work does is to finish what it reads.
pub fn is_elementwise(op: &Op, work: &Work) -> bool {
    work.reads.len() == 1
        && matches!(
            op,
            Op::Activation { .. }
                | Op::BatchNorm2d { .. }
                | Op::LayerScale { .. }
                | Op::Affine { .. }
                | Op::Add
                | Op::Mul
        )
}

fn can_finish(op: &Op, work: &Work) -> bool {
    matches!(op, Op::Conv2d { .. } | Op::Linear { .. } | Op::LayerNorm2d { .. } | Op::Mul)
        || is_elementwise(op, work)
}

/// The parts of an epilogue in their order: scale 1, summand 2, activation 3.
fn parts(work: &Work) -> impl Iterator<Item = u8> {
    let present = [work.scale.is_some(), work.add.is_some(), work.activation != Activation::Identity];
    (1..).zip(present).filter_map(|(part, present)| present.then_some(part))
}

fn last_part(work: &Work) -> u8 {
    parts(work).last().unwrap_or(0)
}

fn first_part(work: &Work) -> u8 {
    parts(work).next().unwrap_or(4)
}
