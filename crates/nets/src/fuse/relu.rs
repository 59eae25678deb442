//! A relu that alone reads a convolution or a linear layer is applied as the sums are stored.

use super::{Fused, Home, can_activate};
use crate::graph::{Graph, Id, Node};
use kernels::activation::Activation;

pub fn into_producers(fused: &mut Fused, graph: &Graph, requested: &[Id]) {
    let mut i = 0;
    while i < fused.works.len() {
        let relu = fused.works[i].clone();
        let producer = fused.works.iter().position(|work| {
            matches!(graph.nodes[relu.node], Node::Relu { .. })
                && work.writes == relu.reads[0]
                && can_activate(&graph.nodes[work.node])
                && work.activation == Activation::Identity
        });
        // Also under another shape.
        let is_requested =
            |raw: Id| requested.iter().any(|&id| id == raw || fused.homes[id] == Home::Same(raw));
        match producer {
            Some(p) if fused.readers(fused.works[p].writes) == 1 && !is_requested(fused.works[p].writes) => {
                fused.works[p].activation = Activation::Relu;
                fused.works[p].writes = fused.works.remove(i).writes;
            }
            _ => i += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fuse;
    use crate::graph::Graph;
    use crate::shape::infer;
    use kernels::activation::Activation;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const CONV: &str = r#""in_channels":3,"out_channels":3,"kernel":[1,1],"stride":[1,1],"padding":[0,0,0,0],"dilation":[1,1],"groups":1,"bias":true"#;

    fn works(requested: &[usize], extra: &str) -> Vec<(usize, usize, Activation)> {
        let json = format!(
            r#"{{"output":2,"nodes":[{{"op":"input","channels":3}},{{"op":"conv2d","inputs":[0],"path":"c",{CONV}}},
            {{"op":"relu","inputs":[1],"path":"r"}}{extra}]}}"#
        );
        let graph = Graph::parse(&json).unwrap();
        let shapes = infer(&graph, [1, 3, 4, 4]).unwrap();
        fuse(&graph, &shapes, requested).works.iter().map(|w| (w.node, w.writes, w.activation)).collect()
    }

    #[test]
    fn joins_the_only_reader() {
        use Activation::*;
        assert_eq!(works(&[2], ""), [(0, 0, Identity), (1, 2, Relu)]);
    }

    #[test]
    fn a_requested_output_stays() {
        use Activation::*;
        assert_eq!(works(&[1, 2], ""), [(0, 0, Identity), (1, 1, Identity), (2, 2, Identity)]);
    }

    #[test]
    fn a_second_reader_keeps_the_raw_map() {
        use Activation::*;
        let extra = r#",{"op":"softmax","inputs":[1],"path":"s"}"#;
        assert_eq!(works(&[2, 3], extra)[1..3], [(1, 1, Identity), (2, 2, Identity)]);
        // Where nobody asks for the second reader it does not run, so it is none.
        assert_eq!(works(&[2], extra), [(0, 0, Identity), (1, 2, Relu)]);
    }
}
