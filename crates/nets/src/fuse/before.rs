//! What a 1 x 1 convolution alone reads, scaled channel by channel, is scaled while the convolution reads it: DenseNet's
//! batch norm and relu, squeeze-excite's scale.

use super::finish::is_elementwise;
use super::{Before, Fused};
use crate::graph::{Graph, Id, Op};

pub fn into_readers(fused: &mut Fused, graph: &Graph, requested: &[Id], takes_before: impl Fn(Id) -> bool) {
    let mut i = 0;
    while i < fused.works.len() {
        let work = &fused.works[i];
        let reader = fused.works.iter().position(|other| {
            other.reads.first() == Some(&work.writes)
                && matches!(graph.nodes[other.node].op, Op::Conv2d { .. })
                && takes_before(other.node)
        });
        match (work.scale, reader) {
            (Some(scale), Some(r))
                if is_elementwise(&graph.nodes[work.node].op, work)
                    && work.add.is_none()
                    && !work.activation.is_curve()
                    && fused.is_private(work.writes, requested) =>
            {
                let work = fused.works.remove(i);
                // What is removed stood before its reader.
                let reader = &mut fused.works[r - 1];
                reader.reads[0] = work.reads[0];
                reader.before = Some(Before { scale, activation: work.activation });
            }
            _ => i += 1,
        }
    }
}
