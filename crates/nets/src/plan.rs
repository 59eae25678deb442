//! plan: the steps of a run for one input shape and one set of outputs, each map's place in the arena, and the phases in
//! which steps run side by side. Plain data: running it allocates nothing.

mod draft;
mod images;
mod kernel;

pub use draft::{Device, Draft, Drafts, Needs, Places};
pub use kernel::{Ending, Kernel, Scaling};

use crate::arena::{self, Buffer};
use crate::cpu::Weights;
use crate::error::{Code, Error, Result};
use crate::fuse::fuse;
use crate::graph::{Graph, Id};
use crate::shape::{MOST, Shape, infer_needed};
use kernels::par::Phase;

/// Products after which a run comes up for air, so that it can be aborted: some 10 ms of one thread. Most networks on one
/// image stay below it and run in one go.
const SLICE: u64 = 1 << 29;

/// One kernel call, cut into chunks.
pub struct Step {
    pub kernel: Kernel,
    pub chunks: usize,
    /// The layer's path, for whoever reads the plan.
    pub path: String,
    pub macs: u64,
}

/// A requested output: where its n * c * h * w floats lie after a run, in PyTorch's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub offset: usize,
    pub dims: Vec<usize>,
}

/// A run's steps and memory.
pub struct Plan {
    /// Where the input goes before a run: n * c * h * w floats in PyTorch's order.
    pub input: Output,
    pub outputs: Vec<Output>,
    /// By phase.
    pub steps: Vec<Vec<Step>>,
    pub phases: Vec<Phase>,
    /// The phase behind each slice's last.
    pub slices: Vec<usize>,
    /// Floats that the arena must have: the maps, then each member's scratch.
    pub arena: usize,
    /// Where the first member's scratch begins, and how many floats each has.
    pub scratch: [usize; 2],
    pub members: usize,
    /// Every map's buffer and its place, as `picture` draws them.
    buffers: Vec<Buffer>,
    offsets: Vec<u64>,
    /// Phases by which the buffers' lives are counted: those that run image by image once.
    lives: usize,
}

impl Plan {
    /// Floats of the maps that are alive together, where they are most.
    #[cfg(test)]
    pub fn largest_moment(&self) -> u64 {
        let alive = |phase| self.buffers.iter().filter(move |b| b.first <= phase && phase <= b.last);
        (0..self.lives).map(|phase| alive(phase).map(|b| b.size).sum()).max().unwrap_or(0)
    }

    /// The arena over time, for whoever studies a plan: a line a phase, memory from left to right.
    pub fn picture(&self) -> String {
        arena::picture(&self.buffers, &self.offsets, self.arena as u64, self.lives)
    }
}

/// Plans a run on [n, c, h, w] by a team of `members` that gives the requested nodes' maps.
pub fn plan(
    graph: &Graph,
    weights: Weights,
    input: [usize; 4],
    requested: &[Id],
    members: usize,
) -> Result<Plan> {
    let shapes = infer_needed(graph, input, &graph.needed(requested))?;
    let takes_before =
        |id: Id| weights.packed[id].as_ref().is_some_and(|packed| packed.takes_before(&graph.nodes[id]));
    let fused = fuse(graph, &shapes, requested, takes_before);
    let works = images::works(&shapes, &fused, weights);
    let drafts = Drafts::new(graph, &shapes, &fused, weights, requested, works)?;

    let buffers = drafts.buffers();
    let (offsets, maps) = arena::place(&buffers);
    let scratch = drafts.scratch().next_multiple_of(16);
    let maps = maps.next_multiple_of(16);
    let total = maps + (scratch * members) as u64;
    if total >= MOST {
        let Shape { n, h, w, .. } = shapes[0];
        let message = format!("an input of {n} x {h} x {w} needs {} MiB for its maps", total >> 18);
        return Err(Error::new(Code::TooLarge, message));
    }
    let mut steps = Vec::new();
    let (each, all) = drafts.phases.split_at(drafts.each);
    let images = shapes[0].n;
    let each = (0..images).flat_map(|image| each.iter().map(move |phase| (Some(image), phase)));
    for (image, phase) in each.chain(all.iter().map(|phase| (None, phase))) {
        let places = Places { offsets: &offsets, image };
        let step = |draft: &Draft| -> Result<Step> {
            let path = graph.nodes[drafts.node(draft)].path.clone();
            let kernel = drafts.kernel(draft, places);
            let chunks = weights.chunks(&kernel).map_err(|e| e.at(&path))?;
            let macs = drafts.macs(draft) / image.map_or(1, |_| images as u64);
            Ok(Step { macs, kernel, chunks, path })
        };
        steps.push(phase.iter().map(step).collect::<Result<Vec<Step>>>()?);
    }
    let place = |buffer: usize, id: Id| Output { offset: offsets[buffer] as usize, dims: shapes[id].dims() };
    Ok(Plan {
        input: place(drafts.staged_input(), 0),
        outputs: (0..).zip(requested).map(|(k, &id)| place(drafts.output(k), id)).collect(),
        phases: steps.iter().map(|phase| Phase::new(phase.iter().map(|s| s.chunks).sum())).collect(),
        slices: slices(&steps),
        steps,
        arena: total as usize,
        scratch: [maps as usize, scratch],
        members,
        buffers,
        offsets,
        lives: drafts.phases.len(),
    })
}

/// The phase behind each slice's last.
fn slices(steps: &[Vec<Step>]) -> Vec<usize> {
    let mut slices = Vec::new();
    let mut macs = 0;
    for (i, phase) in steps.iter().enumerate() {
        macs += phase.iter().map(|step| step.macs).sum::<u64>();
        if macs >= SLICE || i + 1 == steps.len() {
            slices.push(i + 1);
            macs = 0;
        }
    }
    slices
}
