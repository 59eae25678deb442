//! The branches of a concat write straight into their channels of the joined map.

use super::{Fused, Home};
use crate::graph::{Graph, Op};
use crate::shape::Shape;

pub fn into_channels(fused: &mut Fused, graph: &Graph, shapes: &[Shape]) {
    for i in 0..fused.works.len() {
        let work = &fused.works[i];
        if !matches!(graph.nodes[work.node].op, Op::Concat) {
            continue;
        }
        let joined = work.writes;
        let mut channel = 0;
        let mut copied = Vec::new();
        for &branch in &fused.works[i].reads.clone() {
            // A map has one home: a branch that is joined twice, or elsewhere already, is copied. So is a flatten's: it
            // writes its images one behind the other, which in a joined map they are not.
            let is_flatten = matches!(graph.nodes[branch].op, Op::Flatten);
            if fused.homes[branch] == Home::Own && !is_flatten {
                fused.homes[branch] = Home::Part(joined, channel);
            } else {
                copied.push(branch);
            }
            channel += shapes[branch].c;
        }
        fused.works[i].reads = copied;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Home, fuse};
    use crate::graph::Graph;
    use crate::shape::infer;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn branches_move_in_once() {
        // 3 = [x, relu x], 4 = [x, 3]: x moves into 3, 3 into 4, and x is copied into 4.
        let graph = Graph::parse(
            r#"{"output":3,"nodes":[{"op":"input","channels":2},{"op":"activation","kind":"relu","inputs":[0],"path":"r"},
            {"op":"concat","inputs":[0,1],"path":"a"},{"op":"concat","inputs":[0,2],"path":"b"}]}"#,
        )
        .unwrap();
        let shapes = infer(&graph, [1, 2, 3, 3]).unwrap();
        let fused = fuse(&graph, &shapes, &[3], |_| false);
        assert_eq!(fused.homes, [Home::Part(2, 0), Home::Part(2, 2), Home::Part(3, 2), Home::Own]);
        assert_eq!(fused.buffer(1), (3, 4));
        assert!(fused.works[2].reads.is_empty());
        assert_eq!(fused.works[3].reads, [0]);
    }
}
