//! Packed weights and runs by hand, for what a `Model` keeps to itself.

use super::build::{Net, Random, Weights};
use crate::algorithm::{Tuning, choose};
use crate::cpu;
use crate::graph::{Id, Op};
use crate::plan::Plan;
use crate::shape::infer;
use crate::weights::{self, Packed, Packing};
use kernels::par::Team;
use std::sync::Arc;

/// The weights, given in one piece, or with `pieces` in pieces of random sizes; for inputs of height and width `size`.
pub fn pack(
    net: &Net,
    given: &[Option<Weights>],
    winograd: bool,
    size: [usize; 2],
    mut pieces: Option<&mut Random>,
) -> Vec<Option<Arc<Packed>>> {
    let graph = net.graph();
    let input = [1, net.input[1], size[0], size[1]];
    let shapes = infer(&graph, input).unwrap_or_else(|_| net.shapes());
    let sizes = graph.nodes.iter().map(|node| match node.inputs.first() {
        Some(&x) => [shapes[x].h, shapes[x].w],
        None => size,
    });
    let sizes: Vec<[usize; 2]> = sizes.collect();
    let algorithms = choose(&graph, &sizes, winograd, &Tuning::new()).expect("weights that fit");
    let channels = graph.channels();
    let mut pack = |id: Id| {
        let node = &graph.nodes[id];
        let Some(Weights { weight, bias }) = &given[id] else {
            return weights::constants(node, channels[id]).expect("memory").map(Arc::new);
        };
        let outputs = match node.op {
            Op::Conv2d { out_channels, .. } => out_channels,
            Op::Linear { out_features, .. } => out_features,
            _ => 1,
        };
        let depth = weight.len() / outputs;
        let (mut first, mut packing): (usize, Option<Packing>) = (0, None);
        loop {
            let count = pieces.as_mut().map_or(outputs, |random| random.within(0, outputs - first));
            let piece = &weight[first * depth..(first + count) * depth];
            let bias = bias.as_deref().filter(|_| first == 0);
            let loaded = weights::load(&graph, id, packing, first, piece, bias, algorithms[id]);
            first += count;
            let loaded = loaded.expect("weights that fit");
            if loaded.is_finished(node) {
                return Some(Arc::new(loaded.into_packed()));
            }
            packing = Some(loaded);
        }
    };
    (0..graph.nodes.len()).map(&mut pack).collect()
}

/// Rows and columns of the tiles of Winograd's convolutions.
pub fn tiles(packed: &[Option<Arc<Packed>>]) -> Vec<Option<[usize; 2]>> {
    let tile = |packed: &Option<Arc<Packed>>| match packed.as_deref() {
        Some(Packed::Winograd(packed)) => Some(packed.tile.0),
        _ => None,
    };
    packed.iter().map(tile).collect()
}

/// Runs all slices in an arena that is full of `poison` but for the input.
pub fn run_in(poison: f32, plan: &Plan, weights: cpu::Weights, x: &[f32], team: &Team) -> Vec<Vec<f32>> {
    let mut arena = vec![poison; plan.arena];
    arena[plan.input.offset..][..x.len()].copy_from_slice(x);
    let mut first = 0;
    for &end in &plan.slices {
        cpu::run(plan, first..end, weights, &mut arena, team);
        first = end;
    }
    let outputs = plan.outputs.iter().map(|out| &arena[out.offset..][..out.dims.iter().product()]);
    outputs.map(<[f32]>::to_vec).collect()
}

/// Whether two runs gave the same, bit by bit.
pub fn same_bits(a: &[Vec<f32>], b: &[Vec<f32>]) -> bool {
    let bits = |outputs: &[Vec<f32>]| -> Vec<u32> { outputs.iter().flatten().map(|x| x.to_bits()).collect() };
    bits(a) == bits(b)
}
