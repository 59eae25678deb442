//! cpu: runs a plan's steps. The match in `run_chunk` is the whole dispatch.

use crate::algorithm::Algorithm;
use crate::error::{Code, Error, Result};
use crate::graph::Id;
use crate::plan::{Device, Ending, Kernel, Needs, Plan, Scaling, Step, Turn};
use crate::weights::Packed;
use kernels::conv2d::{self, grouped, winograd};
use kernels::epilogue::{Affine, Epilogue};
use kernels::layout::Arena;
use kernels::layout::Layout;
use kernels::par::{Phase, Team};
use kernels::simd::Best;
use kernels::{
    activation, adaptive_avg_pool2d, adaptive_max_pool2d, add, affine, avg_pool2d, channel_shuffle, concat,
    flatten, halo, layer_norm2d, linear, local_response_norm, log_softmax, max_pool2d, mul, pad_channels,
    pad2d, prelu, softmax,
};
use std::ops::Range;
use std::sync::Arc;

/// A node's weights, as a plan or a run finds them.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    pub packed: &'a [Option<Arc<Packed>>],
    /// Pixels of the direct convolution's tile.
    pub height: usize,
}

/// The image that a step of the front is for, and how far behind the first room the one lies in which it runs.
#[derive(Clone, Copy)]
struct At {
    image: usize,
    room: usize,
}

/// A convolution by the algorithm that its weights were packed for.
enum Convolution<'a> {
    Direct(conv2d::Job<'a>),
    Winograd(winograd::Job<'a>),
    Grouped(grouped::Job<'a>),
}

fn lacking() -> Error {
    Error::new(Code::BadNet, "its weights were not loaded")
}

fn affine_of(packed: &[Option<Arc<Packed>>], id: usize) -> Result<&Affine> {
    match packed[id].as_deref() {
        Some(Packed::Affine(affine)) => Ok(affine),
        _ => Err(lacking()),
    }
}

impl Device for Weights<'_> {
    const GROUP: usize = 1;
    const TOGETHER: bool = true;
    const STAGES: usize = 2;

    fn reads_halo(self, node: Id) -> bool {
        self.packed[node].as_ref().is_some_and(|packed| packed.reads_halo())
    }

    /// Its weights must be there.
    fn needs(self, kernel: &Kernel) -> Result<Needs> {
        let mut needs = Needs { stages: 1, temps: [0; 2], scratch: 0 };
        if let Kernel::Conv2d { .. } = kernel {
            match self.convolution(kernel)? {
                Convolution::Direct(job) => needs.scratch = job.scratch(),
                Convolution::Winograd(job) => {
                    let temps = [job.temp_floats(), 0];
                    needs = Needs { stages: job.stages(), temps, scratch: job.scratch() };
                }
                Convolution::Grouped(_) => {}
            }
        }
        Ok(needs)
    }
}

impl<'a> Weights<'a> {
    fn epilogue(self, ending: &Ending) -> Result<Epilogue<'a>> {
        let affine = match ending.scale {
            Some(Scaling::Node(id)) => Some(affine_of(self.packed, id)?),
            _ => None,
        };
        Ok(Epilogue { affine, add: ending.add, activation: ending.activation })
    }

    fn convolution(self, kernel: &'a Kernel) -> Result<Convolution<'a>> {
        let &Kernel::Conv2d { node, ref spec, x, y, ref before, ref ending, temps, .. } = kernel else {
            unreachable!("only convolutions are asked for");
        };
        let epilogue = self.epilogue(ending)?;
        Ok(match self.packed[node].as_deref().ok_or_else(lacking)? {
            Packed::Linear(panels) => {
                let panels = std::slice::from_ref(panels);
                Convolution::Direct(conv2d::Job {
                    spec,
                    panels,
                    x,
                    y,
                    before: None,
                    epilogue,
                    height: self.height,
                })
            }
            Packed::Direct(panels) => {
                let before = match *before {
                    None => None,
                    Some((Scaling::Node(id), activation)) => {
                        let scaling = conv2d::Scaling::Affine(affine_of(self.packed, id)?);
                        Some(conv2d::Before { scaling, activation })
                    }
                    Some((Scaling::Map(map), activation)) => {
                        Some(conv2d::Before { scaling: conv2d::Scaling::Map(map), activation })
                    }
                };
                let height = self.height;
                Convolution::Direct(conv2d::Job { spec, panels, x, y, before, epilogue, height })
            }
            Packed::Winograd(packed) => Convolution::Winograd(winograd::Job {
                spec,
                packed,
                x,
                y,
                epilogue,
                temp: temps[0],
                height: self.height,
            }),
            Packed::Grouped(weights) => Convolution::Grouped(grouped::Job { spec, weights, x, y, epilogue }),
            _ => unreachable!("a convolution's weights are packed as one"),
        })
    }

    fn linear(self, kernel: &Kernel) -> Result<linear::Job<'a>> {
        let &Kernel::Linear { node, x, y, ref ending } = kernel else { unreachable!("a linear layer") };
        let Some(Packed::Linear(panels)) = self.packed[node].as_deref() else { return Err(lacking()) };
        Ok(linear::Job { panels, x, y, epilogue: self.epilogue(ending)? })
    }

    fn prelu(self, kernel: &Kernel) -> Result<prelu::Job<'a>> {
        let &Kernel::Prelu { node, x, y } = kernel else { unreachable!("a prelu") };
        let Some(Packed::Prelu(slopes)) = self.packed[node].as_deref() else { return Err(lacking()) };
        Ok(prelu::Job { slopes, x, y })
    }

    /// Into how many chunks a kernel is cut.
    pub fn chunks(self, kernel: &Kernel) -> Result<usize> {
        Ok(match kernel {
            Kernel::Conv2d { stage, .. } => match self.convolution(kernel)? {
                Convolution::Direct(job) => job.chunks(),
                Convolution::Winograd(job) => job.chunks(*stage),
                Convolution::Grouped(job) => job.chunks(),
            },
            Kernel::Linear { .. } => self.linear(kernel)?.chunks(),
            &Kernel::Elementwise { x, y, ref ending } => {
                affine::Job { x, y, epilogue: self.epilogue(ending)? }.chunks()
            }
            &Kernel::Mul { a, b, y, ref ending } => {
                mul::Job { a, b, y, epilogue: self.epilogue(ending)? }.chunks()
            }
            &Kernel::Add { ref xs, y, activation } => add::Job { xs, y, activation }.chunks(),
            &Kernel::Activation { x, y, activation } => activation::Job { x, y, activation }.chunks(),
            Kernel::Prelu { .. } => self.prelu(kernel)?.chunks(),
            &Kernel::LayerNorm2d { eps, x, y, ref ending } => {
                layer_norm2d::Job { eps, x, y, epilogue: self.epilogue(ending)? }.chunks()
            }
            &Kernel::LocalResponseNorm { ref spec, x, y } => local_response_norm::Job { spec, x, y }.chunks(),
            &Kernel::MaxPool2d { ref spec, x, y } => max_pool2d::Job { spec, x, y }.chunks(),
            &Kernel::AvgPool2d { ref spec, x, y } => avg_pool2d::Job { spec, x, y }.chunks(),
            &Kernel::AdaptiveAvgPool2d { x, y } => adaptive_avg_pool2d::Job { x, y }.chunks(),
            &Kernel::AdaptiveMaxPool2d { x, y } => adaptive_max_pool2d::Job { x, y }.chunks(),
            &Kernel::Concat { x, y } => concat::Job { x, y }.chunks(),
            &Kernel::Pad2d { ref spec, x, y } => pad2d::Job { spec, x, y }.chunks(),
            &Kernel::PadChannels { before, x, y } => pad_channels::Job { before, x, y }.chunks(),
            &Kernel::ChannelShuffle { groups, x, y } => channel_shuffle::Job { groups, x, y }.chunks(),
            &Kernel::Softmax { x, y } => softmax::Job { x, y }.chunks(),
            &Kernel::LogSoftmax { x, y } => log_softmax::Job { x, y }.chunks(),
            &Kernel::Flatten { direction, map, flat, .. } => flatten::Job { direction, map, flat }.chunks(),
            &Kernel::HandOn { x, y } => concat::Job { x, y }.chunks(),
            &Kernel::Halo { map, halo } => halo::Job { map, halo }.chunks(),
        })
    }

    /// # Safety
    /// The plan must be one that `plan` made for these weights, the arena as large as it says, and scratch and room nobody
    /// else's.
    unsafe fn run_chunk(self, kernel: &Kernel, all: Arena, at: At, scratch: &mut [f32], chunk: usize) {
        const LOADED: &str = "a plan is made of loaded weights";
        let epilogue = |ending| self.epilogue(ending).expect(LOADED);
        // SAFETY: the caller's promise: the planner keeps what runs together apart.
        unsafe {
            let arena = all.from(at.room);
            match kernel {
                Kernel::Conv2d { stage, .. } => match self.convolution(kernel).expect(LOADED) {
                    Convolution::Direct(job) => job.run::<Best>(arena, scratch, chunk),
                    Convolution::Winograd(job) => job.run::<Best>(*stage, arena, scratch, chunk),
                    Convolution::Grouped(job) => job.run::<Best>(arena, chunk),
                },
                Kernel::Linear { .. } => self.linear(kernel).expect(LOADED).run::<Best>(arena, chunk),
                &Kernel::Elementwise { x, y, ref ending } => {
                    affine::Job { x, y, epilogue: epilogue(ending) }.run::<Best>(arena, chunk);
                }
                &Kernel::Mul { a, b, y, ref ending } => {
                    mul::Job { a, b, y, epilogue: epilogue(ending) }.run::<Best>(arena, chunk);
                }
                &Kernel::Add { ref xs, y, activation } => {
                    add::Job { xs, y, activation }.run::<Best>(arena, chunk);
                }
                &Kernel::Activation { x, y, activation } => {
                    activation::Job { x, y, activation }.run::<Best>(arena, chunk);
                }
                Kernel::Prelu { .. } => self.prelu(kernel).expect(LOADED).run::<Best>(arena, chunk),
                &Kernel::LayerNorm2d { eps, x, y, ref ending } => {
                    layer_norm2d::Job { eps, x, y, epilogue: epilogue(ending) }.run::<Best>(arena, chunk);
                }
                &Kernel::LocalResponseNorm { ref spec, x, y } => {
                    local_response_norm::Job { spec, x, y }.run::<Best>(arena, chunk);
                }
                &Kernel::MaxPool2d { ref spec, x, y } => {
                    max_pool2d::Job { spec, x, y }.run::<Best>(arena, chunk);
                }
                &Kernel::AvgPool2d { ref spec, x, y } => {
                    avg_pool2d::Job { spec, x, y }.run::<Best>(arena, chunk);
                }
                &Kernel::AdaptiveAvgPool2d { x, y } => {
                    adaptive_avg_pool2d::Job { x, y }.run::<Best>(arena, chunk);
                }
                &Kernel::AdaptiveMaxPool2d { x, y } => {
                    adaptive_max_pool2d::Job { x, y }.run::<Best>(arena, chunk);
                }
                &Kernel::Concat { x, y } => concat::Job { x, y }.run(arena, chunk),
                &Kernel::Pad2d { ref spec, x, y } => pad2d::Job { spec, x, y }.run(arena, chunk),
                &Kernel::PadChannels { before, x, y } => {
                    pad_channels::Job { before, x, y }.run(arena, chunk);
                }
                &Kernel::ChannelShuffle { groups, x, y } => {
                    channel_shuffle::Job { groups, x, y }.run(arena, chunk);
                }
                &Kernel::Softmax { x, y } => softmax::Job { x, y }.run::<Best>(arena, chunk),
                &Kernel::LogSoftmax { x, y } => log_softmax::Job { x, y }.run::<Best>(arena, chunk),
                &Kernel::Flatten { direction, map, flat, image, is_staged: true } => {
                    let (map, flat) = (map.moved(at.room), flat + at.image * image);
                    flatten::Job { direction, map, flat }.run(all, chunk);
                }
                &Kernel::Flatten { direction, map, flat, .. } => {
                    flatten::Job { direction, map, flat }.run(arena, chunk);
                }
                &Kernel::HandOn { x, y } => {
                    concat::Job { x: x.moved(at.room), y: y.moved(at.image * y.image) }.run(all, chunk);
                }
                &Kernel::Halo { map, halo } => halo::Job { map, halo }.run(arena, chunk),
            }
        }
    }

    /// The algorithm of a convolution, for whoever reads a profile.
    pub fn algorithm(self, kernel: &Kernel) -> String {
        let Kernel::Conv2d { node, stage, .. } = kernel else { return String::new() };
        let algorithm = match self.packed[*node].as_deref() {
            Some(Packed::Winograd(packed)) => Algorithm::Winograd(packed.tile),
            Some(Packed::Grouped(_)) => Algorithm::Grouped,
            _ => Algorithm::Direct,
        };
        format!("{}{}", algorithm.name(), if *stage > 0 { ", products" } else { "" })
    }

    /// The products that a convolution's algorithm needs where they are fewer than the definition's.
    pub fn products(self, kernel: &Kernel) -> Option<u64> {
        let Kernel::Conv2d { node, y, stage, .. } = kernel else { return None };
        let Some(Packed::Winograd(packed)) = self.packed[*node].as_deref() else { return None };
        // The products are the last stage's; where there are two, the first only transforms.
        let is_last = self.needs(kernel).ok()?.stages == stage + 1;
        Some(if is_last { y.n as u64 * packed.products(y.h, y.w) } else { 0 })
    }

    /// Bytes of a kernel's maps and weights.
    pub fn bytes(self, kernel: &Kernel) -> u64 {
        let weights = match kernel {
            Kernel::Conv2d { node, .. } | Kernel::Linear { node, .. } => {
                self.packed[*node].as_deref().map_or(0, Packed::bytes)
            }
            _ => 0,
        };
        let (reads, writes) = maps(kernel);
        let floats: usize = reads.iter().chain(&writes).map(|map| map.pixels() * map.c).sum();
        (weights + 4 * floats) as u64
    }
}

/// Runs one step of a plan, of the front for one image.
pub fn run_step(plan: &Plan, step: &Step, image: usize, weights: Weights, floats: &mut [f32], team: &Team) {
    let arena = arena(plan, floats, team);
    team.run(&[Phase::new(step.chunks)], |member, _, chunk| {
        // SAFETY: the arena is as large as the plan says, and one room is used.
        unsafe { run_chunk(plan, step, At { image, room: 0 }, weights, arena, member, chunk) };
    });
}

/// Runs turns of the plan over the arena, in which the input already lies.
pub fn run(plan: &Plan, turns: Range<usize>, weights: Weights, floats: &mut [f32], team: &Team) {
    let arena = arena(plan, floats, team);
    team.run(&plan.phases[turns.clone()], |member, turn, mut chunk| match plan.turns[turns.start + turn] {
        Turn::Images { first } => {
            let at = At { image: first + chunk, room: member * plan.room };
            for step in plan.steps[..plan.front].iter().flatten() {
                for chunk in 0..step.chunks {
                    // SAFETY: as above, and no two members have the same room.
                    unsafe { run_chunk(plan, step, at, weights, arena, member, chunk) };
                }
            }
        }
        Turn::Steps { phase, image } => {
            for step in &plan.steps[phase] {
                if chunk < step.chunks {
                    // SAFETY: as above; what runs together is kept apart by the plan.
                    unsafe { run_chunk(plan, step, At { image, room: 0 }, weights, arena, member, chunk) };
                    return;
                }
                chunk -= step.chunks;
            }
        }
    });
}

fn arena<'a>(plan: &Plan, floats: &'a mut [f32], team: &Team) -> Arena<'a> {
    assert!(floats.len() >= plan.arena, "the arena was grown when the plan was made");
    assert!(plan.members >= team.members(), "each member has scratch and perhaps a room of its own");
    Arena::new(floats)
}

/// # Safety
/// As for `Weights::run_chunk`; a member runs one chunk at a time.
unsafe fn run_chunk(
    plan: &Plan,
    step: &Step,
    at: At,
    weights: Weights,
    arena: Arena,
    member: usize,
    chunk: usize,
) {
    let [start, each] = plan.scratch;
    // SAFETY: behind the maps, and no two members have the same number.
    let scratch = unsafe { std::slice::from_raw_parts_mut(arena.write(start + member * each, each), each) };
    // SAFETY: the caller's promise.
    unsafe { weights.run_chunk(&step.kernel, arena, at, scratch, chunk) };
}

/// The layouts that a kernel reads, and the one that it writes.
pub fn maps(kernel: &Kernel) -> (Vec<Layout>, Option<Layout>) {
    let with = |x: &Layout, ending: &Ending| {
        let scale = match ending.scale {
            Some(Scaling::Map(map)) => Some(map),
            _ => None,
        };
        [Some(*x), scale, ending.add].into_iter().flatten().collect::<Vec<_>>()
    };
    match kernel {
        Kernel::Conv2d { x, y, before, ending, .. } => {
            let mut xs = with(x, ending);
            if let Some((Scaling::Map(map), _)) = before {
                xs.push(*map);
            }
            (xs, Some(*y))
        }
        Kernel::Linear { x, y, ending, .. }
        | Kernel::LayerNorm2d { x, y, ending, .. }
        | Kernel::Elementwise { x, y, ending } => (with(x, ending), Some(*y)),
        Kernel::Mul { a, b, y, ending } => {
            let mut xs = with(a, ending);
            xs.push(*b);
            (xs, Some(*y))
        }
        Kernel::Add { xs, y, .. } => (xs.clone(), Some(*y)),
        Kernel::Activation { x, y, .. }
        | Kernel::Prelu { x, y, .. }
        | Kernel::LocalResponseNorm { x, y, .. }
        | Kernel::MaxPool2d { x, y, .. }
        | Kernel::AvgPool2d { x, y, .. }
        | Kernel::AdaptiveAvgPool2d { x, y }
        | Kernel::AdaptiveMaxPool2d { x, y }
        | Kernel::Pad2d { x, y, .. }
        | Kernel::PadChannels { x, y, .. }
        | Kernel::ChannelShuffle { x, y, .. }
        | Kernel::Softmax { x, y }
        | Kernel::LogSoftmax { x, y }
        | Kernel::Concat { x, y }
        | Kernel::HandOn { x, y } => (vec![*x], Some(*y)),
        Kernel::Flatten { direction: flatten::Direction::ToChannelsFirst, map, .. } => (vec![*map], None),
        Kernel::Flatten { direction: flatten::Direction::ToChannelsLast, map, .. }
        | Kernel::Halo { map, .. } => (vec![], Some(*map)),
    }
}
