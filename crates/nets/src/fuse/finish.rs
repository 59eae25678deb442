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

#[cfg(test)]
mod tests {
    use super::super::tests::fused;
    use super::super::{Scale, Work};
    use kernels::activation::Activation;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const CONV: &str = r#""op":"conv2d","in_channels":3,"out_channels":3,"kernel":[1,1],"stride":[1,1],"padding":[0,0,0,0],"dilation":[1,1],"groups":1,"bias":true"#;
    const NORM: &str = r#""op":"batch_norm2d","channels":3,"eps":0.1,"affine":true"#;
    const RELU: &str = r#""op":"activation","kind":"relu""#;
    const ADD: &str = r#""op":"add""#;

    /// What is left of the input, a convolution of it (1) and layers that read these: node, writes, scale, add, activation.
    fn works(layers: &[(&str, &[usize])], requested: &[usize]) -> Vec<Row> {
        let layers: Vec<_> = [(CONV, &[0][..])].into_iter().chain(layers.iter().copied()).collect();
        fused(&layers, requested, |_| false).works[1..].iter().map(row).collect()
    }

    type Row = (usize, usize, Option<usize>, Option<usize>, Activation);

    fn row(work: &Work) -> Row {
        let scale = work.scale.map(|scale| match scale {
            Scale::Node(id) | Scale::Map(id) => id,
        });
        (work.node, work.writes, scale, work.add, work.activation)
    }

    use Activation::{Identity, Relu};

    #[test]
    fn an_activation_joins_its_only_reader() {
        assert_eq!(works(&[(RELU, &[1])], &[2]), [(1, 2, None, None, Relu)]);
    }

    #[test]
    fn a_requested_output_stays() {
        let want = [(1, 1, None, None, Identity), (2, 2, None, None, Relu)];
        assert_eq!(works(&[(RELU, &[1])], &[1, 2]), want);
        // Also under another shape.
        let slice = r#""op":"slice","start":1,"end":2"#;
        assert_eq!(works(&[(RELU, &[1]), (slice, &[1])], &[2, 3]), want);
    }

    #[test]
    fn a_second_reader_keeps_the_raw_map() {
        let softmax = (r#""op":"softmax""#, &[1][..]);
        let both = works(&[(RELU, &[1]), softmax], &[2, 3]);
        assert_eq!(both[..2], [(1, 1, None, None, Identity), (2, 2, None, None, Relu)]);
        // Where nobody asks for the second reader it does not run, so it is none.
        assert_eq!(works(&[(RELU, &[1]), softmax], &[2]), [(1, 2, None, None, Relu)]);
    }

    #[test]
    fn all_parts_in_their_order() {
        let block: [(&str, &[usize]); 3] = [(NORM, &[1]), (ADD, &[2, 0]), (RELU, &[3])];
        assert_eq!(works(&block, &[4]), [(1, 4, Some(2), Some(0), Relu)]);
        // A residual may stand on the left.
        let block: [(&str, &[usize]); 3] = [(NORM, &[1]), (ADD, &[0, 2]), (RELU, &[3])];
        assert_eq!(works(&block, &[4]), [(1, 4, Some(2), Some(0), Relu)]);
        // What is asked for in between ends one work and begins the next.
        let want = [(1, 3, Some(2), Some(0), Identity), (4, 4, None, None, Relu)];
        assert_eq!(works(&block, &[3, 4]), want);
    }

    #[test]
    fn not_in_another_order() {
        let twice = works(&[(RELU, &[1]), (RELU, &[2])], &[3]);
        assert_eq!(twice, [(1, 2, None, None, Relu), (3, 3, None, None, Relu)]);
        let late = works(&[(RELU, &[1]), (NORM, &[2])], &[3]);
        assert_eq!(late, [(1, 2, None, None, Relu), (3, 3, Some(3), None, Identity)]);
        let late = works(&[(ADD, &[1, 0]), (NORM, &[2])], &[3]);
        assert_eq!(late, [(1, 2, None, Some(0), Identity), (3, 3, Some(3), None, Identity)]);
    }

    #[test]
    fn a_summand_is_there_first() {
        // 2 is computed after 1, so 1 cannot take it along; 2 takes 1.
        let sum = works(&[(CONV, &[0]), (ADD, &[1, 2])], &[3]);
        assert_eq!(sum, [(1, 1, None, None, Identity), (2, 3, None, Some(1), Identity)]);
        // Neither can a map be added to itself.
        let doubled = works(&[(ADD, &[1, 1])], &[2]);
        assert_eq!(doubled, [(1, 1, None, None, Identity), (2, 2, None, Some(1), Identity)]);
    }
}
