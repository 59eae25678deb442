//! Recordings: what their kernels compute by every operator's `reference.rs`, where maps lie meanwhile, and what a device
//! is asked for.

mod cases;
mod run;
mod runs;
mod tables;
mod tuned;

use super::build::{Net, Random, Weights};
use crate::algorithm::Tuning;
use crate::webgpu::model::Model;
use crate::webgpu::weights::Write;
use kernels::gpu::Limits;

/// Rows and columns of the tiles of Winograd's convolutions.
fn tiles(model: &Model) -> Vec<Option<[usize; 2]>> {
    let gpu = model.gpu();
    gpu.table.entries.iter().map(|entry| gpu.tile(&entry.kind)).collect()
}

/// A model that has its weights, and what was written to its buffers.
fn loaded(
    net: &Net,
    given: &[Option<Weights>],
    winograd: bool,
    random: Option<&mut Random>,
) -> (Model, Vec<Vec<u8>>) {
    let [_, _, h, w] = net.input;
    loaded_with(net, given, winograd, [h, w], Limits::default(), random)
}

/// Weights come in one piece each, or with `random` in several.
fn loaded_with(
    net: &Net,
    given: &[Option<Weights>],
    winograd: bool,
    size: [usize; 2],
    limits: Limits,
    random: Option<&mut Random>,
) -> (Model, Vec<Vec<u8>>) {
    let model = Model::new(&net.json(), size, winograd, limits, &Tuning::new()).expect("a sound graph");
    filled(model, net, given, random)
}

/// The same for a model that is there.
fn filled(
    mut model: Model,
    net: &Net,
    given: &[Option<Weights>],
    mut random: Option<&mut Random>,
) -> (Model, Vec<Vec<u8>>) {
    let mut buffers: Vec<Vec<u8>> = model.buffers().iter().map(|&bytes| vec![0; bytes as usize]).collect();
    let mut write = |writes: Vec<Write>| {
        for Write { buffer, offset, bytes } in writes {
            assert!(offset % 4 == 0 && bytes.len() % 4 == 0, "WebGPU writes whole words");
            buffers[buffer][offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
    };
    write(model.constants());
    let graph = net.graph();
    for (id, given) in given.iter().enumerate() {
        let Some(Weights { weight, bias }) = given else { continue };
        let [outputs, depth] = crate::weights::rows(&graph.nodes[id]);
        let mut first = 0;
        while first < outputs {
            let count = random.as_mut().map_or(outputs, |random| random.within(0, outputs - first));
            let piece = &weight[first * depth..(first + count) * depth];
            let bias = bias.as_deref().filter(|_| first == 0);
            write(model.load(id, first, piece, bias).expect("weights that fit"));
            // An empty first piece has brought the bias all the same.
            if count == 0 && first == 0 {
                write(model.load(id, 0, weight, bias).expect("weights that fit"));
                break;
            }
            first += count;
        }
    }
    (model, buffers)
}
