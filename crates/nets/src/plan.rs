//! plan: the steps of a run for one input shape and one set of outputs, each map's place in the arena, and the phases in
//! which steps run side by side. Plain data: running it allocates nothing.

use crate::arena::{self, Buffer};
use crate::error::{Code, Error, Result};
use crate::fuse::{Fused, Home, fuse};
use crate::graph::{Graph, Id, Node};
use crate::shape::{MOST, Shape, infer};
use crate::weights::Packed;
use kernels::activation::Activation;
use kernels::layout::Layout;
use kernels::par::Phase;
use kernels::{avg_pool2d, conv2d, flatten, max_pool2d};

/// Products after which a run comes up for air, so that it can be aborted: some 30 ms of one thread. Most networks on one
/// image stay below it and run in one go.
const SLICE: u64 = 1 << 30;

/// One kernel call, cut into chunks.
pub struct Step {
    pub op: Op,
    pub chunks: usize,
    /// The layer's path, for whoever reads the plan.
    pub path: String,
    pub macs: u64,
}

/// What a step does, to which maps.
pub enum Op {
    Conv2d { node: Id, spec: conv2d::Conv2d, x: Layout, y: Layout, activation: Activation },
    Linear { node: Id, x: Layout, y: Layout, activation: Activation },
    Relu { x: Layout, y: Layout },
    MaxPool2d { spec: max_pool2d::MaxPool2d, x: Layout, y: Layout },
    AvgPool2d { spec: avg_pool2d::AvgPool2d, x: Layout, y: Layout },
    AdaptiveAvgPool2d { x: Layout, y: Layout },
    Softmax { x: Layout, y: Layout },
    Concat { x: Layout, y: Layout },
    Flatten { direction: flatten::Direction, map: Layout, flat: usize },
    Halo { map: Layout, halo: [usize; 4] },
}

/// A requested output: where its n * c * h * w floats lie after a run, in PyTorch's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub offset: usize,
    pub dims: Vec<usize>,
}

/// Where the input goes before a run: n * c * h * w floats in PyTorch's order.
pub struct Plan {
    pub input: Output,
    pub outputs: Vec<Output>,
    /// By phase.
    pub steps: Vec<Vec<Step>>,
    pub phases: Vec<Phase>,
    /// The phase behind each slice's last.
    pub slices: Vec<usize>,
    /// Floats that the arena must have.
    pub arena: usize,
    /// Every map's buffer and its place, as `picture` draws them.
    buffers: Vec<Buffer>,
    offsets: Vec<u64>,
}

impl Plan {
    /// The arena over time, for whoever studies a plan: a line a phase, memory from left to right.
    pub fn picture(&self) -> String {
        arena::picture(&self.buffers, &self.offsets, self.arena as u64, self.phases.len())
    }
}

/// Plans a run on [n, c, h, w] that gives the requested nodes' maps.
pub fn plan(graph: &Graph, packed: &[Option<Packed>], input: [usize; 4], requested: &[Id]) -> Result<Plan> {
    let shapes = infer(graph, input)?;
    let fused = fuse(graph, &shapes, requested);
    let mut planner = Planner::new(graph, &shapes, &fused);
    planner.works(requested);
    planner.finish(packed, requested)
}

/// A step before its maps have places.
struct Draft {
    what: What,
    /// The buffers that it reads and writes.
    reads: Vec<usize>,
    writes: usize,
}

enum What {
    Run(usize),
    /// A branch of the concat that a work is, and its first channel there.
    Copy(usize, Id, usize),
    Halo(Id),
    Out(usize),
}

struct Planner<'a> {
    graph: &'a Graph,
    shapes: &'a [Shape],
    fused: &'a Fused,
    halos: Vec<[usize; 4]>,
    drafts: Vec<Vec<Draft>>,
    /// Whose halo is drafted already.
    bordered: Vec<bool>,
}

// Buffers are numbered: a node's map by its id, then the staged input, then the outputs.
impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, shapes: &'a [Shape], fused: &'a Fused) -> Self {
        let mut halos = vec![[0; 4]; shapes.len()];
        for work in &fused.works {
            if let Node::Conv2d { inputs, padding, .. } = &graph.nodes[work.node] {
                let halo = &mut halos[fused.buffer(inputs[0]).0];
                *halo = std::array::from_fn(|i| halo[i].max(padding[i]));
            }
        }
        let bordered = vec![false; shapes.len()];
        Planner { graph, shapes, fused, halos, drafts: vec![], bordered }
    }

    fn staged_input(&self) -> usize {
        self.shapes.len()
    }

    fn works(&mut self, requested: &[Id]) {
        for (i, work) in self.fused.works.iter().enumerate() {
            let (writes, _) = self.fused.buffer(work.writes);
            if !std::mem::replace(&mut self.bordered[writes], true) && self.halos[writes] != [0; 4] {
                self.push(Draft { what: What::Halo(writes), reads: vec![], writes });
            }
            match &self.graph.nodes[work.node] {
                Node::Input { .. } => {
                    self.push(Draft { what: What::Run(i), reads: vec![self.staged_input()], writes });
                }
                Node::Concat { inputs, .. } => {
                    let mut channel = 0;
                    for &branch in inputs {
                        if self.fused.homes[branch] != Home::Part(work.writes, channel) {
                            let reads = vec![self.fused.buffer(branch).0];
                            self.push(Draft { what: What::Copy(i, branch, channel), reads, writes });
                        }
                        channel += self.shapes[branch].c;
                    }
                }
                _ => {
                    let reads = work.reads.iter().map(|&id| self.fused.buffer(id).0).collect();
                    self.push(Draft { what: What::Run(i), reads, writes });
                }
            }
            let written = requested
                .iter()
                .enumerate()
                .filter(|&(_, &id)| self.resolved(id) == self.resolved(work.writes));
            for (k, &id) in written.collect::<Vec<_>>() {
                let reads = vec![self.fused.buffer(id).0];
                self.push(Draft { what: What::Out(k), reads, writes: self.staged_input() + 1 + k });
            }
        }
    }

    /// The node whose work writes the map of `id`.
    fn resolved(&self, id: Id) -> Id {
        match self.fused.homes[id] {
            Home::Same(other) => self.resolved(other),
            _ => id,
        }
    }

    /// Puts a step into the current phase if it reads nothing that the phase writes, else into a new one.
    fn push(&mut self, draft: Draft) {
        let waits = |phase: &Vec<Draft>| phase.iter().any(|earlier| draft.reads.contains(&earlier.writes));
        match self.drafts.last_mut() {
            Some(phase) if !waits(phase) => phase.push(draft),
            _ => self.drafts.push(vec![draft]),
        }
    }

    /// Floats of a node's buffer with its halo.
    fn size(&self, id: Id) -> u64 {
        let Shape { n, c, h, w, .. } = self.shapes[id];
        let [top, left, bottom, right] = self.halos[id];
        let cells = (h + top + bottom) as u64 * (w + left + right) as u64;
        // Far too large is large enough, and lets no sum of sizes overflow.
        cells.saturating_mul((n * c) as u64).min(1 << 40)
    }

    fn buffers(&self, requested: &[Id]) -> Vec<Buffer> {
        let unused = Buffer { size: 0, first: usize::MAX, last: 0 };
        let mut buffers = vec![unused; self.staged_input() + 1 + requested.len()];
        for (phase, drafts) in self.drafts.iter().enumerate() {
            for draft in drafts {
                for &buffer in draft.reads.iter().chain([&draft.writes]) {
                    let b = &mut buffers[buffer];
                    (b.first, b.last) = (b.first.min(phase), b.last.max(phase));
                }
            }
        }
        for (id, buffer) in buffers.iter_mut().enumerate().take(self.shapes.len()) {
            buffer.size = if buffer.first == usize::MAX { 0 } else { self.size(id) };
        }
        // The input is there before the first phase; the outputs stay till after the last.
        let staged = self.staged_input();
        buffers[staged] = Buffer { size: self.shapes[0].len() as u64, first: 0, ..buffers[staged] };
        for (buffer, &id) in buffers[staged + 1..].iter_mut().zip(requested) {
            *buffer = Buffer { size: self.shapes[id].len() as u64, last: self.drafts.len(), ..*buffer };
        }
        buffers
    }

    fn layout(&self, offsets: &[u64], id: Id) -> Layout {
        let (buffer, channel) = self.fused.buffer(id);
        let Shape { n, c: channels, h, w, .. } = self.shapes[buffer];
        let [top, left, bottom, right] = self.halos[buffer];
        let row = (left + w + right) * channels;
        let offset = offsets[buffer] as usize + top * row + left * channels + channel;
        let image = (top + h + bottom) * row;
        Layout { n, h, w, c: self.shapes[id].c, offset, image, row, pixel: channels }
    }

    fn finish(self, packed: &[Option<Packed>], requested: &[Id]) -> Result<Plan> {
        let buffers = self.buffers(requested);
        let (offsets, total) = arena::place(&buffers);
        let arena =
            Some(total).filter(|&floats| floats < MOST).map(|floats| floats as usize).ok_or_else(|| {
                let Shape { n, h, w, .. } = self.shapes[0];
                let message = format!("an input of {n} x {h} x {w} needs {} MiB for its maps", total >> 18);
                Error::new(Code::TooLarge, message)
            })?;
        let place =
            |buffer: usize, id: Id| Output { offset: offsets[buffer] as usize, dims: self.shapes[id].dims() };
        let staged = self.staged_input();
        let input = place(staged, 0);
        let outputs =
            requested.iter().enumerate().map(|(k, &id)| place(staged + 1 + k, id)).collect::<Vec<_>>();

        let mut steps = Vec::new();
        for drafts in &self.drafts {
            let phase: Result<Vec<Step>> = drafts
                .iter()
                .map(|draft| self.step(draft, &offsets, &input, &outputs, requested, packed))
                .collect();
            steps.push(phase?);
        }
        let phases =
            steps.iter().map(|phase: &Vec<Step>| Phase::new(phase.iter().map(|s| s.chunks).sum())).collect();
        let mut slices = Vec::new();
        let mut macs = 0;
        for (i, phase) in steps.iter().enumerate() {
            macs += phase.iter().map(|step| step.macs).sum::<u64>();
            if macs >= SLICE || i + 1 == steps.len() {
                slices.push(i + 1);
                macs = 0;
            }
        }
        Ok(Plan { input, outputs, steps, phases, slices, arena, buffers, offsets })
    }

    fn step(
        &self,
        draft: &Draft,
        offsets: &[u64],
        input: &Output,
        outputs: &[Output],
        requested: &[Id],
        packed: &[Option<Packed>],
    ) -> Result<Step> {
        let at = |id: Id| self.layout(offsets, id);
        let (id, op) = match draft.what {
            What::Halo(id) => (id, Op::Halo { map: at(id), halo: self.halos[id] }),
            What::Out(k) => {
                let id = requested[k];
                let map = at(self.resolved(id));
                let direction = flatten::Direction::ToChannelsFirst;
                (id, Op::Flatten { direction, map, flat: outputs[k].offset })
            }
            What::Copy(i, branch, channel) => {
                let work = &self.fused.works[i];
                let x = at(branch);
                (work.node, Op::Concat { x, y: at(work.writes).channels(channel, x.c) })
            }
            What::Run(i) => {
                let work = &self.fused.works[i];
                let y = at(work.writes);
                let x = work.reads.first().map_or(y, |&id| at(id));
                let activation = work.activation;
                let node = &self.graph.nodes[work.node];
                let op = match node {
                    Node::Input { .. } => {
                        let direction = flatten::Direction::ToChannelsLast;
                        Op::Flatten { direction, map: y, flat: input.offset }
                    }
                    Node::Conv2d { .. } => Op::Conv2d {
                        node: work.node,
                        spec: node.conv2d().expect("a conv2d"),
                        x,
                        y,
                        activation,
                    },
                    Node::Linear { .. } => Op::Linear { node: work.node, x, y, activation },
                    Node::Relu { .. } => Op::Relu { x, y },
                    Node::MaxPool2d { .. } => {
                        let windows = node.windows().expect("a pooling");
                        Op::MaxPool2d { spec: max_pool2d::MaxPool2d { windows }, x, y }
                    }
                    Node::AvgPool2d { count_include_pad, .. } => {
                        let windows = node.windows().expect("a pooling");
                        let spec = avg_pool2d::AvgPool2d { windows, count_include_pad: *count_include_pad };
                        Op::AvgPool2d { spec, x, y }
                    }
                    Node::AdaptiveAvgPool2d { .. } => Op::AdaptiveAvgPool2d { x, y },
                    Node::Softmax { .. } => Op::Softmax { x, y },
                    Node::Flatten { .. } => {
                        Op::Flatten { direction: flatten::Direction::ToChannelsFirst, map: x, flat: y.offset }
                    }
                    Node::Concat { .. } => unreachable!("a concat's copies are drafted one by one"),
                };
                (work.node, op)
            }
        };
        let path = self.graph.nodes[id].path().to_string();
        let chunks = crate::cpu::chunks(&op, packed).map_err(|e| e.at(&path))?;
        Ok(Step { macs: macs(&op, packed), op, chunks, path })
    }
}

fn macs(op: &Op, packed: &[Option<Packed>]) -> u64 {
    match op {
        Op::Conv2d { spec, y, .. } => (y.pixels() * y.c) as u64 * spec.depth() as u64,
        Op::Linear { node, y, .. } => match &packed[*node] {
            Some(Packed::Linear(panels)) => (y.n * y.c) as u64 * panels.depth as u64,
            _ => 0,
        },
        _ => 0,
    }
}
