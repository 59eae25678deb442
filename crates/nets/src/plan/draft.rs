//! The steps before their maps have places: what each reads and writes, and which run side by side.

mod places;

pub use places::Places;

use super::{Ending, Kernel, Scaling, images};
use crate::error::Result;
use crate::fuse::{Fused, Home, Scale, Work};
use crate::graph::{Graph, Id, Op};
use crate::shape::Shape;
use kernels::layout::Layout;
use kernels::{avg_pool2d, flatten, local_response_norm, max_pool2d, pad2d};

/// What a kernel needs beside its maps.
pub struct Needs {
    /// Steps that it takes, one after the other.
    pub stages: usize,
    /// Floats that each stage but the last leaves for the next; zero where there is none.
    pub temps: [usize; 2],
    /// Floats for each member that runs one of its chunks.
    pub scratch: usize,
}

/// What plans depend on of the device that runs them.
pub trait Device: Copy {
    /// A map's pixels begin at multiples of so many floats.
    const GROUP: usize;
    /// Whether steps that do not read one another run side by side.
    const TOGETHER: bool;
    /// Stages of a kernel, at most.
    const STAGES: usize;

    /// Whether a convolution wants its padding around its input, as zeros.
    fn reads_halo(self, node: Id) -> bool;
    /// What a kernel needs; where its maps lie does not matter.
    fn needs(self, kernel: &Kernel) -> Result<Needs>;
}

/// A step, the buffers that it reads and the one that it writes.
pub struct Draft {
    what: What,
    pub reads: Vec<usize>,
    pub writes: usize,
}

#[derive(Clone, Copy)]
enum What {
    /// A work's stage, with the first of the temp buffers if it has some.
    Run {
        work: usize,
        stage: usize,
        temp: Option<usize>,
    },
    /// A branch of the concat that a work is, and its first channel there.
    Copy {
        work: usize,
        branch: Id,
        channel: usize,
    },
    Halo(Id),
    /// What the front hands on of an image, to where the rest finds that of all.
    HandOn(Id),
    Out(usize),
}

/// Buffers are numbered: a node's map by its id, then the staged input, the outputs, what the front hands on, and the temps.
pub struct Drafts<'a, D> {
    graph: &'a Graph,
    shapes: &'a [Shape],
    fused: &'a Fused,
    device: D,
    requested: &'a [Id],
    /// Works, from the first on, that are the front: they run image by image.
    works: usize,
    /// The nodes whose buffers both the front and the rest touch; each has a second one then, for all images.
    handed_on: Vec<Id>,
    halos: Vec<[usize; 4]>,
    /// Floats of each temp.
    temps: Vec<usize>,
    /// The most that a step needs for itself.
    scratch: usize,
    pub phases: Vec<Vec<Draft>>,
    /// Phases, from the first on, that are the front.
    pub front: usize,
}

impl<'a, D: Device> Drafts<'a, D> {
    pub fn new(
        graph: &'a Graph,
        shapes: &'a [Shape],
        fused: &'a Fused,
        device: D,
        requested: &'a [Id],
        works: usize,
    ) -> Result<Self> {
        let mut halos = vec![[0; 4]; shapes.len()];
        for work in &fused.works {
            let node = &graph.nodes[work.node];
            let Some(&x) = work.reads.first() else { continue };
            let spec = node.conv2d([shapes[x].h, shapes[x].w]);
            if let Some(spec) = spec.filter(|_| device.reads_halo(work.node)) {
                let halo = &mut halos[fused.buffer(x).0];
                *halo = std::array::from_fn(|i| halo[i].max(spec.padding[i]));
            }
        }
        let mut drafts = Drafts {
            graph,
            shapes,
            fused,
            device,
            requested,
            works,
            handed_on: images::handed_on(fused, works),
            halos,
            temps: vec![],
            scratch: 0,
            phases: vec![],
            front: 0,
        };
        drafts.draft()?;
        Ok(drafts)
    }

    /// The buffer of the input as it was given.
    pub fn staged_input(&self) -> usize {
        self.shapes.len()
    }

    /// The buffer of requested output `k`.
    pub fn output(&self, k: usize) -> usize {
        self.staged_input() + 1 + k
    }

    fn temp(&self, t: usize) -> usize {
        self.output(self.requested.len()) + self.handed_on.len() + t
    }

    /// The buffer in which a node's map lies, for the front or for the rest.
    fn buffer(&self, id: Id, is_front: bool) -> usize {
        let buffer = self.fused.buffer(id).0;
        match self.handed_on.binary_search(&buffer) {
            Ok(i) if !is_front => self.output(self.requested.len()) + i,
            _ => buffer,
        }
    }

    pub fn scratch(&self) -> usize {
        self.scratch
    }

    fn draft(&mut self) -> Result<()> {
        // Whose halo is drafted already.
        let mut bordered = vec![false; self.shapes.len()];
        for (i, work) in self.fused.works.iter().enumerate() {
            let is_front = i < self.works;
            if i == self.works {
                for id in self.handed_on.clone() {
                    self.push(Draft {
                        what: What::HandOn(id),
                        reads: vec![id],
                        writes: self.buffer(id, false),
                    });
                }
                self.front = self.phases.len();
                for id in self.handed_on.clone() {
                    self.draft_halo(id, is_front);
                }
            }
            let (own, writes) = (self.fused.buffer(work.writes).0, self.buffer(work.writes, is_front));
            if !std::mem::replace(&mut bordered[own], true) {
                self.draft_halo(own, is_front);
            }
            match self.graph.nodes[work.node].op {
                Op::Input { .. } => {
                    let what = What::Run { work: i, stage: 0, temp: None };
                    self.push(Draft { what, reads: vec![self.staged_input()], writes });
                }
                Op::Concat => self.draft_copies(i, writes),
                _ => self.draft_stages(i, writes)?,
            }
            for k in 0..self.requested.len() {
                let id = self.requested[k];
                if self.fused.written(id) == work.writes {
                    let reads = vec![self.buffer(id, is_front)];
                    self.push(Draft { what: What::Out(k), reads, writes: self.output(k) });
                }
            }
        }
        if self.works == self.fused.works.len() {
            self.front = self.phases.len();
        }
        Ok(())
    }

    fn draft_halo(&mut self, id: Id, is_front: bool) {
        if self.halos[id] != [0; 4] {
            let writes = self.buffer(id, is_front);
            self.push(Draft { what: What::Halo(id), reads: vec![], writes });
        }
    }

    fn draft_copies(&mut self, i: usize, writes: usize) {
        let work = &self.fused.works[i];
        let mut channel = 0;
        for &branch in &self.graph.nodes[work.node].inputs {
            if self.fused.homes[branch] != Home::Part(work.writes, channel) {
                let reads = vec![self.buffer(branch, i < self.works)];
                self.push(Draft { what: What::Copy { work: i, branch, channel }, reads, writes });
            }
            channel += self.shapes[branch].c;
        }
    }

    fn draft_stages(&mut self, i: usize, writes: usize) -> Result<()> {
        let work = &self.fused.works[i];
        let buffer = |id: Id| self.buffer(id, i < self.works);
        let reads: Vec<usize> = work.all_reads().map(buffer).collect();
        // What a kernel needs follows from its maps' sizes; their places do not matter yet.
        let offsets = vec![0; self.temp(0)];
        let nowhere = Places { offsets: &offsets, is_front: i < self.works };
        let needs = self
            .device
            .needs(&self.run(i, 0, [0; 2], nowhere))
            .map_err(|e| e.at(&self.graph.nodes[work.node].path))?;
        self.scratch = self.scratch.max(needs.scratch);
        let temp = (needs.stages > 1).then_some(self.temps.len());
        for &floats in needs.temps.iter().take(D::STAGES - 1).filter(|&&floats| floats > 0) {
            self.temps.push(floats);
        }
        for stage in 0..needs.stages {
            let is_last = stage + 1 == needs.stages;
            let mut reads = reads.clone();
            if D::STAGES > 2 && stage > 0 {
                // What is worked on is read by the first stage alone.
                let last = work.all_reads().filter(|&id| is_last && work.finishes_with(id));
                reads = last.map(|id| self.buffer(id, i < self.works)).collect();
            }
            let temp_after = |stage: usize| temp.map(|t| self.temp(t + stage));
            if stage > 0 {
                reads.extend(temp_after(stage - 1));
            }
            let writes = temp_after(stage).filter(|_| !is_last).unwrap_or(writes);
            self.push(Draft { what: What::Run { work: i, stage, temp }, reads, writes });
        }
        Ok(())
    }

    /// Puts a step into the current phase if it reads nothing that the phase writes, else into a new one.
    fn push(&mut self, draft: Draft) {
        let waits = |phase: &Vec<Draft>| phase.iter().any(|earlier| draft.reads.contains(&earlier.writes));
        // The rest shares no phase with the front.
        let begun = self.phases.len() > self.front;
        match self.phases.last_mut() {
            Some(phase) if D::TOGETHER && begun && !waits(phase) => phase.push(draft),
            _ => self.phases.push(vec![draft]),
        }
    }

    /// The node that a step works for.
    pub fn node(&self, draft: &Draft) -> Id {
        match draft.what {
            What::Run { work, .. } | What::Copy { work, .. } => self.fused.works[work].node,
            What::Halo(id) | What::HandOn(id) => id,
            What::Out(k) => self.requested[k],
        }
    }

    /// Products of the convolution or linear layer that a step is, of all images, as its definition counts them.
    pub fn macs(&self, draft: &Draft) -> u64 {
        let What::Run { work, stage: 0, .. } = draft.what else { return 0 };
        let work = &self.fused.works[work];
        let results = self.shapes[work.writes].len() as u64;
        match self.graph.nodes[work.node].op {
            Op::Conv2d { in_channels, groups, kernel: [kh, kw], .. } => {
                results * (in_channels / groups * kh * kw) as u64
            }
            Op::Linear { in_features, .. } => results * in_features as u64,
            _ => 0,
        }
    }

    /// The kernel that a step calls, once its maps have places.
    pub fn kernel(&self, draft: &Draft, places: Places) -> Kernel {
        let at = |id: Id| self.layout(places, id);
        match draft.what {
            What::Halo(id) => Kernel::Halo { map: at(id), halo: self.halos[id] },
            What::HandOn(id) => {
                let all = Places { is_front: false, ..places };
                Kernel::HandOn { x: at(id), y: Layout { n: 1, ..self.layout(all, id) } }
            }
            What::Out(k) => {
                let direction = flatten::Direction::ToChannelsFirst;
                let map = at(self.requested[k]);
                let image = map.h * map.w * map.c;
                let flat = places.flat(self.output(k));
                Kernel::Flatten { direction, map, flat, image, is_staged: true }
            }
            What::Copy { work, branch, channel } => {
                let x = at(branch);
                Kernel::Concat { x, y: at(self.fused.works[work].writes).channels(channel, x.c) }
            }
            What::Run { work, stage, temp } => {
                let at = |t: usize| places.flat(self.temp(t));
                let second = |t: usize| if D::STAGES > 2 { at(t + 1) } else { 0 };
                self.run(work, stage, temp.map_or([0; 2], |t| [at(t), second(t)]), places)
            }
        }
    }

    fn ending(&self, work: &Work, places: Places) -> Ending {
        Ending {
            scale: work.scale.map(|scale| self.scaling(scale, places)),
            add: work.add.map(|id| self.layout(places, id)),
            activation: work.activation,
        }
    }

    fn scaling(&self, scale: Scale, places: Places) -> Scaling {
        match scale {
            Scale::Node(id) => Scaling::Node(id),
            Scale::Map(id) => Scaling::Map(self.layout(places, id)),
        }
    }

    fn run(&self, i: usize, stage: usize, temps: [usize; 2], places: Places) -> Kernel {
        let at = |id: Id| self.layout(places, id);
        let work = &self.fused.works[i];
        let id = work.node;
        let y = at(work.writes);
        let x = work.reads.first().map_or(y, |&id| at(id));
        let activation = work.activation;
        let node = &self.graph.nodes[id];
        let windows = || node.windows([x.h, x.w]).expect("a pooling");
        match node.op {
            Op::Input { .. } => {
                let direction = flatten::Direction::ToChannelsLast;
                let image = y.h * y.w * y.c;
                let flat = places.flat(self.staged_input());
                Kernel::Flatten { direction, map: y, flat, image, is_staged: true }
            }
            Op::Conv2d { .. } => {
                let spec = node.conv2d([x.h, x.w]).expect("a conv2d");
                let before = work.before.map(|b| (self.scaling(b.scale, places), b.activation));
                let ending = self.ending(work, places);
                Kernel::Conv2d { node: id, spec, x, y, before, ending, stage, temps }
            }
            Op::Linear { .. } => Kernel::Linear { node: id, x, y, ending: self.ending(work, places) },
            Op::Activation { .. } if work.scale.is_none() && work.add.is_none() => {
                Kernel::Activation { x, y, activation }
            }
            Op::Activation { .. } | Op::BatchNorm2d { .. } | Op::LayerScale { .. } | Op::Affine { .. } => {
                Kernel::Elementwise { x, y, ending: self.ending(work, places) }
            }
            Op::Add if work.reads.len() == 1 => {
                Kernel::Elementwise { x, y, ending: self.ending(work, places) }
            }
            Op::Add => Kernel::Add { xs: work.reads.iter().map(|&id| at(id)).collect(), y, activation },
            Op::Mul => {
                let mut ending = self.ending(work, places);
                let b = match ending.scale {
                    Some(Scaling::Map(map)) => map,
                    _ => at(work.reads[1]),
                };
                ending.scale = ending.scale.filter(|scale| matches!(scale, Scaling::Node(_)));
                Kernel::Mul { a: x, b, y, ending }
            }
            Op::Prelu { .. } => Kernel::Prelu { node: id, x, y },
            Op::LayerNorm2d { eps, .. } => {
                Kernel::LayerNorm2d { eps: eps as f32, x, y, ending: self.ending(work, places) }
            }
            Op::LocalResponseNorm { size, alpha, beta, k } => {
                let [alpha, beta, k] = [alpha, beta, k].map(|number| number as f32);
                let spec = local_response_norm::LocalResponseNorm { size, alpha, beta, k };
                Kernel::LocalResponseNorm { spec, x, y }
            }
            Op::MaxPool2d { .. } => {
                Kernel::MaxPool2d { spec: max_pool2d::MaxPool2d { windows: windows() }, x, y }
            }
            Op::AvgPool2d { count_include_pad, .. } => {
                let spec = avg_pool2d::AvgPool2d { windows: windows(), count_include_pad };
                Kernel::AvgPool2d { spec, x, y }
            }
            Op::AdaptiveAvgPool2d { .. } => Kernel::AdaptiveAvgPool2d { x, y },
            Op::AdaptiveMaxPool2d { .. } => Kernel::AdaptiveMaxPool2d { x, y },
            Op::Pad2d { padding } => Kernel::Pad2d { spec: pad2d::Pad2d { padding }, x, y },
            Op::PadChannels { before, .. } => Kernel::PadChannels { before, x, y },
            Op::ChannelShuffle { groups } => Kernel::ChannelShuffle { groups, x, y },
            Op::Softmax => Kernel::Softmax { x, y },
            Op::LogSoftmax => Kernel::LogSoftmax { x, y },
            Op::Flatten => {
                let direction = flatten::Direction::ToChannelsFirst;
                Kernel::Flatten { direction, map: x, flat: y.offset, image: y.image, is_staged: false }
            }
            // Only where a device cannot read it in its place.
            Op::Slice { start, .. } if D::GROUP > 1 => Kernel::Concat { x: x.channels(start, y.c), y },
            Op::Concat | Op::Slice { .. } => unreachable!("drafted as copies, or no work at all"),
        }
    }
}
