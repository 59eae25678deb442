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

/// Products, at most, between two places where a run can be aborted, but for a turn that alone has more: some 10 ms of one
/// thread. Half as many take up to 1.02 of the time on two threads, which begin anew with each slice.
const SLICE: u64 = 1 << 28;

/// Products, at most, of the whole images that a member takes in a turn, some 100 ms; and how many images. Several, for a
/// faster member then takes more of them.
const TURN: (u64, usize) = (1 << 32, 4);

/// Floats of all members' rooms, at most: 128 MiB.
const ROOMS: u64 = 1 << 25;

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

/// What all members do together until they wait for one another.
pub enum Turn {
    /// The steps of a phase side by side; of the front for one image, in the first room.
    Steps { phase: usize, image: usize },
    /// The whole front for the images from `first` on. Each is one chunk, in the room of the member that takes it.
    Images { first: usize },
}

/// A run's steps and memory.
pub struct Plan {
    /// Where the input goes before a run: n * c * h * w floats in PyTorch's order.
    pub input: Output,
    pub outputs: Vec<Output>,
    /// By phase; those of the front are for one image.
    pub steps: Vec<Vec<Step>>,
    /// Phases of the front.
    pub front: usize,
    pub images: usize,
    pub turns: Vec<Turn>,
    /// The claims on each turn.
    pub phases: Vec<Phase>,
    /// The turn behind each slice's last.
    pub slices: Vec<usize>,
    /// Floats that the arena must have: the maps, then each member's scratch.
    pub arena: usize,
    /// Where the first member's scratch begins, and how many floats each has.
    pub scratch: [usize; 2],
    pub members: usize,
    /// Floats from one room, where the front's maps of one image lie, to the next.
    pub room: usize,
    /// Every map's buffer and its place, as `picture` draws them; of the rooms the first.
    buffers: Vec<Buffer>,
    offsets: Vec<u64>,
}

impl Plan {
    /// Floats of the maps that are alive together, where they are most.
    #[cfg(test)]
    pub fn largest_moment(&self) -> u64 {
        let alive = |phase| self.buffers.iter().filter(move |b| b.first <= phase && phase <= b.last);
        (0..self.steps.len()).map(|phase| alive(phase).map(|b| b.size).sum()).max().unwrap_or(0)
    }

    /// The arena over time, for whoever studies a plan: a line a phase, memory from left to right.
    pub fn picture(&self) -> String {
        arena::picture(&self.buffers, &self.offsets, self.arena as u64, self.steps.len())
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
    let images = shapes[0].n;
    let takes_before =
        |id: Id| weights.packed[id].as_ref().is_some_and(|packed| packed.takes_before(&graph.nodes[id]));
    let fused = fuse(graph, &shapes, requested, takes_before);
    let works = images::works(&shapes, &fused, weights);
    let drafts = Drafts::new(graph, &shapes, &fused, weights, requested, works)?;
    let front = drafts.front;

    let macs =
        |draft: &Draft, phase: usize| drafts.macs(draft) / if phase < front { images as u64 } else { 1 };
    let in_front: u64 = drafts.phases[..front].iter().flatten().map(|draft| macs(draft, 0)).sum();
    let rooms = |room: u64| {
        let fits = in_front <= TURN.0 && room * members as u64 <= ROOMS;
        if front > 0 && images >= members && fits { members } else { 1 }
    };
    let buffers = drafts.buffers();
    let Placed { offsets, room, rooms, maps } = Placed::new(&drafts, &buffers, rooms);
    let scratch = drafts.scratch().next_multiple_of(16);
    let maps = maps.next_multiple_of(16);
    let total = maps + (scratch * members) as u64;
    if total >= MOST {
        let Shape { n, h, w, .. } = shapes[0];
        let message = format!("an input of {n} x {h} x {w} needs {} MiB for its maps", total >> 18);
        return Err(Error::new(Code::TooLarge, message));
    }
    let mut steps = Vec::new();
    for (p, phase) in drafts.phases.iter().enumerate() {
        let places = Places { offsets: &offsets, is_front: p < front };
        let step = |draft: &Draft| -> Result<Step> {
            let path = graph.nodes[drafts.node(draft)].path.clone();
            let kernel = drafts.kernel(draft, places);
            let chunks = weights.chunks(&kernel).map_err(|e| e.at(&path))?;
            Ok(Step { macs: macs(draft, p), kernel, chunks, path })
        };
        steps.push(phase.iter().map(step).collect::<Result<Vec<Step>>>()?);
    }
    let sum = |phase: usize, of: fn(&Step) -> u64| steps[phase].iter().map(of).sum::<u64>();
    let mut timetable = Timetable::default();
    let together = if rooms > 1 { images - images % rooms } else { 0 };
    let each = (TURN.0 / in_front.max(1)).clamp(1, TURN.1 as u64) as usize;
    for first in (0..together).step_by(each * rooms) {
        let count = (together - first).min(each * rooms);
        timetable.add(Turn::Images { first }, count, count as u64 * in_front);
    }
    let alone = (together..images).flat_map(|image| (0..front).map(move |phase| (phase, image)));
    for (phase, image) in alone.chain((front..steps.len()).map(|phase| (phase, 0))) {
        let chunks = sum(phase, |step| step.chunks as u64) as usize;
        timetable.add(Turn::Steps { phase, image }, chunks, sum(phase, |step| step.macs));
    }
    let place = |buffer: usize, id: Id| Output { offset: offsets[buffer] as usize, dims: shapes[id].dims() };
    Ok(Plan {
        input: place(drafts.staged_input(), 0),
        outputs: (0..).zip(requested).map(|(k, &id)| place(drafts.output(k), id)).collect(),
        slices: timetable.slices(),
        turns: timetable.turns,
        phases: timetable.phases,
        steps,
        front,
        images,
        arena: total as usize,
        scratch: [maps as usize, scratch],
        members,
        room: room as usize,
        buffers,
        offsets,
    })
}

/// Where all buffers lie: those that the front alone uses in the first room.
struct Placed {
    offsets: Vec<u64>,
    /// Floats of a room, and how many there are.
    room: u64,
    rooms: usize,
    /// Floats that all take.
    maps: u64,
}

impl Placed {
    /// `rooms` says how many rooms of so many floats there are to be.
    fn new(drafts: &Drafts<Weights>, buffers: &[Buffer], rooms: impl Fn(u64) -> usize) -> Self {
        let is_in_room: Vec<bool> =
            buffers.iter().enumerate().map(|(i, life)| drafts.is_in_room(i, life)).collect();
        let only = |inside: bool| -> Vec<Buffer> {
            let of = |(&buffer, &is_in)| if is_in == inside { buffer } else { Buffer::UNUSED };
            buffers.iter().zip(&is_in_room).map(of).collect()
        };
        let (mut offsets, room) = arena::place(&only(true));
        let room = room.next_multiple_of(16);
        let rooms = rooms(room);
        let mut others = only(false);
        let last = drafts.front.saturating_sub(1);
        others.push(Buffer { size: rooms as u64 * room, first: 0, last });
        let (outside, maps) = arena::place(&others);
        for (i, offset) in offsets.iter_mut().enumerate() {
            *offset = if is_in_room[i] { *offset + outside[buffers.len()] } else { outside[i] };
        }
        Placed { offsets, room, rooms, maps }
    }
}

/// Turns, one behind the other.
#[derive(Default)]
struct Timetable {
    turns: Vec<Turn>,
    phases: Vec<Phase>,
    macs: Vec<u64>,
}

impl Timetable {
    fn add(&mut self, turn: Turn, chunks: usize, macs: u64) {
        self.turns.push(turn);
        self.phases.push(Phase::new(chunks));
        self.macs.push(macs);
    }

    /// The turn behind each slice's last.
    fn slices(&self) -> Vec<usize> {
        let mut slices = Vec::new();
        let mut sum = 0;
        for (i, macs) in self.macs.iter().enumerate() {
            if i > 0 && sum + macs > SLICE {
                slices.push(i);
                sum = 0;
            }
            sum += macs;
        }
        slices.push(self.macs.len());
        slices
    }
}
