//! plan: the kernels of a run for one input shape and one set of outputs, one behind the other, and each map's place in a
//! bank.

use super::banks::{self, Banks};
use super::dispatch::Gpu;
use crate::error::{Code, Error, Result};
use crate::fuse::{align, fuse};
use crate::graph::Id;
use crate::plan::{Drafts, Kernel, Output};
use crate::shape::infer_needed;

/// One kernel call.
pub struct Step {
    /// Its maps' offsets count through all banks.
    pub kernel: Kernel,
    pub path: String,
    pub macs: u64,
    /// Floats that it reads and writes.
    pub floats: [u64; 2],
}

/// A run's steps and memory.
pub struct Plan {
    pub steps: Vec<Step>,
    pub banks: Banks,
    /// Where the input's floats go, in PyTorch's order, and where the outputs' lie, offsets as above.
    pub input: Output,
    pub outputs: Vec<Output>,
    /// Floats that are alive together where they are most.
    pub largest_moment: u64,
}

/// Plans a run on [n, c, h, w] that gives the requested nodes' maps.
pub fn plan(gpu: Gpu, input: [usize; 4], requested: &[Id]) -> Result<Plan> {
    let Gpu { graph, limits, .. } = gpu;
    let shapes = infer_needed(graph, input, &graph.needed(requested))?;
    let mut fused = fuse(graph, &shapes, requested, |id| gpu.takes_before(id));
    align(&mut fused, graph, &shapes);
    let drafts = Drafts::new(graph, &shapes, &fused, gpu, requested)?;

    let buffers = drafts.buffers();
    let most = limits.binding.min(limits.buffer) / 4;
    if let Some(large) = buffers.iter().position(|buffer| buffer.size > most) {
        let message = format!(
            "a map of {} MiB is larger than the {} MiB that the GPU takes at a time: use a smaller image or fewer at once",
            buffers[large].size.div_ceil(1 << 18),
            most >> 18
        );
        let path = graph.nodes.get(large).map_or("input", |node| &node.path);
        return Err(Error::new(Code::TooLarge, message).at(path));
    }
    let order = || drafts.phases.iter().flatten();
    let steps: Vec<(&[usize], usize)> = order().map(|draft| (&draft.reads[..], draft.writes)).collect();
    let banks = banks::place(&buffers, &steps, most);
    let bases = banks.bases();
    let offsets: Vec<u64> =
        banks.places.iter().map(|&(bank, offset)| bases.get(bank).unwrap_or(&0) + offset).collect();

    let mut moments = vec![0; drafts.phases.len() + 1];
    for buffer in buffers.iter().filter(|buffer| buffer.size > 0) {
        moments[buffer.first..=buffer.last].iter_mut().for_each(|moment| *moment += buffer.size);
    }
    let step = |draft| Step {
        kernel: drafts.kernel(draft, &offsets),
        path: graph.nodes[drafts.node(draft)].path.clone(),
        macs: drafts.macs(draft),
        floats: drafts.floats(draft),
    };
    let place = |buffer: usize, id: Id| Output { offset: offsets[buffer] as usize, dims: shapes[id].dims() };
    Ok(Plan {
        steps: order().map(step).collect(),
        input: place(drafts.staged_input(), 0),
        outputs: (0..).zip(requested).map(|(k, &id)| place(drafts.output(k), id)).collect(),
        banks,
        largest_moment: moments.into_iter().max().unwrap_or(0),
    })
}
