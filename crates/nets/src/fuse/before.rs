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

#[cfg(test)]
mod tests {
    use super::super::tests::fused;
    use super::super::{Before, Scale};
    use kernels::activation::Activation::{Identity, Relu};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const CONV: &str = r#""op":"conv2d","in_channels":3,"out_channels":3,"kernel":[1,1],"stride":[1,1],"padding":[0,0,0,0],"dilation":[1,1],"groups":1,"bias":true"#;
    const NORM: &str = r#""op":"batch_norm2d","channels":3,"eps":0.1,"affine":true"#;
    const RELU: &str = r#""op":"activation","kind":"relu""#;

    /// The works behind the input's: node, first read, and what is done before.
    fn works(
        layers: &[(&str, &[usize])],
        requested: &[usize],
        takes: bool,
    ) -> Vec<(usize, usize, Option<Before>)> {
        let fused = fused(layers, requested, |_| takes);
        fused.works[1..].iter().map(|work| (work.node, work.reads[0], work.before)).collect()
    }

    #[test]
    fn a_norm_and_a_relu_are_done_on_the_way_in() {
        let layers: [(&str, &[usize]); 3] = [(NORM, &[0]), (RELU, &[1]), (CONV, &[2])];
        let before = |activation| Some(Before { scale: Scale::Node(1), activation });
        assert_eq!(works(&layers, &[3], true), [(3, 0, before(Relu))]);
        assert_eq!(works(&[layers[0], (CONV, &[1])], &[2], true), [(2, 0, before(Identity))]);
        // Not where the kernel cannot, or somebody else reads what is between.
        assert_eq!(works(&layers, &[3], false), [(1, 0, None), (3, 2, None)]);
        assert_eq!(works(&layers, &[2, 3], true), [(1, 0, None), (3, 2, None)]);
        let twice = works(&[layers[0], layers[1], layers[2], (CONV, &[2])], &[3, 4], true);
        assert_eq!(twice, [(1, 0, None), (3, 2, None), (4, 2, None)]);
    }

    #[test]
    fn a_scale_of_channels_is_too() {
        let mean = r#""op":"adaptive_avg_pool2d","output":[1,1]"#;
        let layers: [(&str, &[usize]); 3] = [(mean, &[0]), (r#""op":"mul""#, &[0, 1]), (CONV, &[2])];
        let before = Before { scale: Scale::Map(1), activation: Identity };
        assert_eq!(works(&layers, &[3], true), [(1, 0, None), (3, 0, Some(before))]);
        // A product of two maps is not, nor is a curve.
        let layers: [(&str, &[usize]); 2] = [(r#""op":"mul""#, &[0, 0]), (CONV, &[1])];
        assert_eq!(works(&layers, &[2], true), [(1, 0, None), (2, 1, None)]);
        let tanh = r#""op":"activation","kind":"tanh""#;
        let layers: [(&str, &[usize]); 3] = [(NORM, &[0]), (tanh, &[1]), (CONV, &[2])];
        assert_eq!(works(&layers, &[3], true), [(1, 0, None), (3, 2, None)]);
    }
}
