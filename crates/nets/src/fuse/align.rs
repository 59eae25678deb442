//! For devices that read and write whole vec4s, and never one buffer both ways in a step: what cannot live inside another
//! map for that is copied.

use super::{Fused, Home, Work};
use crate::graph::{Graph, Id, Op};
use crate::shape::Shape;
use kernels::activation::Activation;

/// Floats of a vec4.
const GROUP: usize = 4;

pub fn align(fused: &mut Fused, graph: &Graph, shapes: &[Shape]) {
    slices(fused, graph);
    for id in 0..fused.homes.len() {
        if matches!(fused.homes[id], Home::Part(_, channel) if channel % GROUP != 0) {
            fused.homes[id] = Home::Own;
        }
    }
    loop {
        copied(fused, graph, shapes);
        let Some(id) = fused.works.iter().find_map(|work| conflict(fused, work, shapes)) else { return };
        fused.homes[id] = Home::Own;
    }
}

/// A slice that begins between vec4s becomes a work, behind the one that writes what it is of.
fn slices(fused: &mut Fused, graph: &Graph) {
    for id in 0..fused.homes.len() {
        let Home::View(x, channel) = fused.homes[id] else { continue };
        if channel % GROUP == 0 || !matches!(graph.nodes[id].op, Op::Slice { .. }) {
            continue;
        }
        let written = fused.written(x);
        let writer = fused.works.iter().position(|work| work.writes == written);
        fused.homes[id] = Home::Own;
        let work = Work {
            node: id,
            reads: vec![x],
            writes: id,
            before: None,
            scale: None,
            add: None,
            activation: Activation::Identity,
        };
        fused.works.insert(writer.expect("a work writes what is read") + 1, work);
    }
}

/// Sets what each concat reads: the branches that do not live in it.
fn copied(fused: &mut Fused, graph: &Graph, shapes: &[Shape]) {
    for i in 0..fused.works.len() {
        let Work { node, writes, .. } = fused.works[i];
        if matches!(graph.nodes[node].op, Op::Concat) {
            let mut channel = 0;
            let mut reads = Vec::new();
            for &branch in &graph.nodes[node].inputs {
                if fused.homes[branch] != Home::Part(writes, channel) {
                    reads.push(branch);
                }
                channel += shapes[branch].c;
            }
            fused.works[i].reads = reads;
        }
    }
}

/// Where a work reads the buffer that it writes: the map, of the two, that moves out at the least cost.
fn conflict(fused: &Fused, work: &Work, shapes: &[Shape]) -> Option<Id> {
    let (writes, _) = fused.buffer(work.writes);
    let read = work.all_reads().find(|&id| fused.buffer(id).0 == writes)?;
    let maps = [work.writes, fused.written(read)];
    let inside = maps.into_iter().filter(|&id| matches!(fused.homes[id], Home::Part(..)));
    Some(inside.min_by_key(|&id| shapes[id].len()).expect("nothing reads what it writes itself"))
}

#[cfg(test)]
mod tests {
    use super::super::{Fused, Home, fuse};
    use super::align;
    use crate::graph::{Graph, Id};
    use crate::shape::infer;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn aligned(layers: &str, input: usize, output: Id) -> (Graph, Fused) {
        let json = format!(r#"{{"output":{output},"nodes":[{{"op":"input","channels":{input}}},{layers}]}}"#);
        let graph = Graph::parse(&json).expect("a sound graph");
        let shapes = infer(&graph, [1, input, 3, 3]).expect("layers that fit");
        let mut fused = fuse(&graph, &shapes, &[output], |_| false);
        align(&mut fused, &graph, &shapes);
        (graph, fused)
    }

    #[test]
    fn branches_between_vec4s_are_copied() {
        let softmax = r#"{"op":"softmax","inputs":[0],"path":"s"}"#;
        let concat = r#"{"op":"concat","inputs":[0,1],"path":"c"}"#;
        let (_, even) = aligned(&format!("{softmax},{concat}"), 8, 2);
        // The softmax may not write the buffer that it reads.
        assert_eq!(even.homes, [Home::Part(2, 0), Home::Own, Home::Own]);
        assert_eq!(even.works[2].reads, [1]);
        let (_, odd) = aligned(&format!("{softmax},{concat}"), 6, 2);
        assert_eq!(odd.homes, [Home::Part(2, 0), Home::Own, Home::Own]);
        assert_eq!(odd.works[2].reads, [1]);
    }

    #[test]
    fn slices_between_vec4s_are_works() {
        let slices = r#"{"op":"slice","inputs":[0],"path":"a","start":4,"end":8},
            {"op":"slice","inputs":[1],"path":"b","start":1,"end":3},
            {"op":"add","inputs":[2,2],"path":"c"}"#;
        let (_, fused) = aligned(slices, 8, 3);
        assert_eq!(fused.homes, [Home::Own, Home::View(0, 4), Home::Own, Home::Own]);
        assert_eq!(fused.works.iter().map(|work| work.node).collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(fused.works[1].reads, [1]);
    }

    #[test]
    fn a_copy_within_a_buffer_moves_out() {
        let twice = r#"{"op":"concat","inputs":[0,0],"path":"c"}"#;
        let (_, fused) = aligned(twice, 4, 1);
        assert_eq!(fused.homes, [Home::Own, Home::Own]);
        assert_eq!(fused.works[1].reads, [0, 0]);
    }
}
