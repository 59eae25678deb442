//! plan: the kernels of a run for one input shape and one set of outputs, one behind the other, and each map's place in a
//! bank.

use super::banks::{self, Banks};
use super::dispatch::Gpu;
use super::traffic;
use crate::arena::Buffer;
use crate::error::{Code, Error, Result};
use crate::fuse::{align, fuse};
use crate::graph::Id;
use crate::plan::{Draft, Drafts, Kernel, Output, Places};
use crate::shape::infer_needed;

/// One kernel call, or two that a shader does at once.
pub struct Step {
    /// Its maps' offsets count through all banks.
    pub kernel: Kernel,
    /// What is done to the result, which has no place itself.
    pub then: Option<Kernel>,
    pub path: String,
    pub macs: u64,
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
    /// Bytes that would have to be read and written did every kernel read each of its maps and weights once, channels were
    /// not filled up, and joined maps were never copied.
    pub least: u64,
}

/// Plans a run on [n, c, h, w] that gives the requested nodes' maps.
pub fn plan(gpu: Gpu, input: [usize; 4], requested: &[Id]) -> Result<Plan> {
    let Gpu { graph, limits, .. } = gpu;
    let shapes = infer_needed(graph, input, &graph.needed(requested))?;
    let mut fused = fuse(graph, &shapes, requested, |id| gpu.takes_before(id));
    let least = traffic::least(graph, &shapes, &fused, requested);
    align(&mut fused, graph, &shapes);
    let drafts = Drafts::new(graph, &shapes, &fused, gpu, requested, 0)?;

    let mut buffers = drafts.buffers();
    let order: Vec<&Draft> = drafts.phases.iter().flatten().collect();
    let nowhere = vec![0; buffers.len()];
    let pairs = pairs(gpu, &order, |draft| drafts.kernel(draft, Places::of_all(&nowhere)));
    for &first in &pairs {
        buffers[order[first].writes].size = 0;
    }
    let most = limits.binding.min(limits.buffer) / 4;
    if let Some(large) = buffers.iter().position(|buffer| buffer.size > most) {
        let message = format!(
            "a map of {} MiB is larger than the {} MiB that the GPU takes at a time: use a smaller image or fewer at once",
            buffers[large].size.div_ceil(1 << 18),
            most >> 18
        );
        let error = Error::new(Code::TooLarge, message);
        // Behind the nodes' maps come the input, the outputs, and what Winograd's stages hand on.
        return Err(graph.nodes.get(large).map_or(error.clone(), |node| error.at(&node.path)));
    }
    let is_second = |i: usize| i > 0 && pairs.contains(&(i - 1));
    let touched = |i: usize| match pairs.contains(&i) {
        true => (&order[i].reads[..], order[i + 1].writes),
        false => (&order[i].reads[..], order[i].writes),
    };
    let firsts: Vec<usize> = (0..order.len()).filter(|&i| !is_second(i)).collect();
    let touches: Vec<(&[usize], usize)> = firsts.iter().map(|&i| touched(i)).collect();
    let banks = banks::place(&buffers, &touches, most);
    let bases = banks.bases();
    let offset = |&(bank, offset): &(usize, u64)| bases.get(bank).unwrap_or(&0) + offset;
    let offsets: Vec<u64> = banks.places.iter().map(offset).collect();

    let places = Places::of_all(&offsets);
    let step = |i: usize| {
        let (draft, then) = (order[i], pairs.contains(&i).then(|| order[i + 1]));
        Step {
            kernel: drafts.kernel(draft, places),
            then: then.map(|draft| drafts.kernel(draft, places)),
            path: graph.nodes[drafts.node(draft)].path.clone(),
            macs: drafts.macs(draft) + then.map_or(0, |draft| drafts.macs(draft)),
        }
    };
    let place = |buffer: usize, id: Id| Output { offset: offsets[buffer] as usize, dims: shapes[id].dims() };
    Ok(Plan {
        steps: firsts.into_iter().map(step).collect(),
        input: place(drafts.staged_input(), 0),
        outputs: (0..).zip(requested).map(|(k, &id)| place(drafts.output(k), id)).collect(),
        largest_moment: largest_moment(&buffers),
        banks,
        least,
    })
}

/// The first of each two steps that one shader can do at once: it alone reads what the other writes.
fn pairs(gpu: Gpu, order: &[&Draft], kernel: impl Fn(&Draft) -> Kernel) -> Vec<usize> {
    let users = |buffer: usize| {
        order.iter().filter(|draft| draft.writes == buffer || draft.reads.contains(&buffer)).count()
    };
    let mut pairs: Vec<usize> = Vec::new();
    for (i, two) in order.windows(2).enumerate() {
        let is_free = pairs.last().is_none_or(|&last| last + 1 < i);
        let hands_on = two[1].reads == [two[0].writes] && users(two[0].writes) == 2;
        if is_free && hands_on && gpu.fits_pair([&kernel(two[0]), &kernel(two[1])]) {
            pairs.push(i);
        }
    }
    pairs
}

fn largest_moment(buffers: &[Buffer]) -> u64 {
    let phases = buffers.iter().map(|buffer| buffer.last + 1).max().unwrap_or(0);
    let alive = |phase| buffers.iter().filter(move |b| b.first <= phase && phase <= b.last);
    (0..phases).map(|phase| alive(phase).map(|b| b.size).sum()).max().unwrap_or(0)
}
