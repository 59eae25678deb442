//! cpu: runs a plan's steps. The match in `run` is the whole dispatch.

use crate::error::{Code, Error, Result};
use crate::plan::{Op, Plan};
use crate::weights::Packed;
use kernels::epilogue::Epilogue;
use kernels::layout::Arena;
#[cfg(test)]
use kernels::layout::Layout;
use kernels::par::Team;
use kernels::simd::{Best, TILE_PIXELS};
use kernels::{
    adaptive_avg_pool2d, avg_pool2d, concat, conv2d, flatten, halo, linear, max_pool2d, relu, softmax,
};

fn conv<'a>(op: &'a Op, packed: &'a [Option<Packed>]) -> Option<conv2d::Job<'a>> {
    let Op::Conv2d { node, spec, x, y, activation } = op else { return None };
    let Some(Packed::Conv2d(panels)) = &packed[*node] else { return None };
    let epilogue = Epilogue { activation: *activation, ..Epilogue::default() };
    Some(conv2d::Job { spec, panels, x: *x, y: *y, epilogue })
}

fn dense<'a>(op: &Op, packed: &'a [Option<Packed>]) -> Option<linear::Job<'a>> {
    let Op::Linear { node, x, y, activation } = op else { return None };
    let Some(Packed::Linear(panels)) = &packed[*node] else { return None };
    let epilogue = Epilogue { activation: *activation, ..Epilogue::default() };
    Some(linear::Job { panels, x: *x, y: *y, epilogue })
}

/// Into how many chunks an operator is cut. Its weights must be there.
pub fn chunks(op: &Op, packed: &[Option<Packed>]) -> Result<usize> {
    let lacking = || Error::new(Code::BadNet, "its weights were not loaded");
    Ok(match op {
        Op::Conv2d { .. } => conv(op, packed).ok_or_else(lacking)?.chunks(),
        Op::Linear { .. } => dense(op, packed).ok_or_else(lacking)?.chunks(),
        &Op::Relu { x, y } => relu::Job { x, y }.chunks(),
        &Op::MaxPool2d { ref spec, x, y } => max_pool2d::Job { spec, x, y }.chunks(),
        &Op::AvgPool2d { ref spec, x, y } => avg_pool2d::Job { spec, x, y }.chunks(),
        &Op::AdaptiveAvgPool2d { x, y } => adaptive_avg_pool2d::Job { x, y }.chunks(),
        &Op::Softmax { x, y } => softmax::Job { x, y }.chunks(),
        &Op::Concat { x, y } => concat::Job { x, y }.chunks(),
        &Op::Flatten { direction, map, flat } => flatten::Job { direction, map, flat }.chunks(),
        &Op::Halo { map, halo } => halo::Job { map, halo }.chunks(),
    })
}

/// # Safety
/// The plan must be one that `plan` made for these weights, and the arena as large as it says.
unsafe fn run_chunk(op: &Op, packed: &[Option<Packed>], arena: Arena, chunk: usize) {
    const LOADED: &str = "a plan is made of loaded weights";
    // SAFETY: the caller's promise: the planner keeps what runs together apart.
    unsafe {
        match op {
            Op::Conv2d { .. } => conv(op, packed).expect(LOADED).run::<Best, TILE_PIXELS>(arena, chunk),
            Op::Linear { .. } => dense(op, packed).expect(LOADED).run::<Best>(arena, chunk),
            &Op::Relu { x, y } => relu::Job { x, y }.run::<Best>(arena, chunk),
            &Op::MaxPool2d { ref spec, x, y } => max_pool2d::Job { spec, x, y }.run::<Best>(arena, chunk),
            &Op::AvgPool2d { ref spec, x, y } => avg_pool2d::Job { spec, x, y }.run::<Best>(arena, chunk),
            &Op::AdaptiveAvgPool2d { x, y } => adaptive_avg_pool2d::Job { x, y }.run::<Best>(arena, chunk),
            &Op::Softmax { x, y } => softmax::Job { x, y }.run(arena, chunk),
            &Op::Concat { x, y } => concat::Job { x, y }.run(arena, chunk),
            &Op::Flatten { direction, map, flat } => flatten::Job { direction, map, flat }.run(arena, chunk),
            &Op::Halo { map, halo } => halo::Job { map, halo }.run(arena, chunk),
        }
    }
}

/// Runs slice `slice` of the plan over the arena, in which the input already lies.
pub fn run(plan: &Plan, slice: usize, packed: &[Option<Packed>], floats: &mut [f32], team: &Team) {
    assert!(floats.len() >= plan.arena, "the arena was grown when the plan was made");
    let arena = Arena::new(floats);
    let first = if slice == 0 { 0 } else { plan.slices[slice - 1] };
    let last = plan.slices[slice];
    team.run(&plan.phases[first..last], |_, phase, mut chunk| {
        for step in &plan.steps[first + phase] {
            if chunk < step.chunks {
                // SAFETY: the arena is large enough (above), and the plan is `plan`'s.
                unsafe { run_chunk(&step.op, packed, arena, chunk) };
                return;
            }
            chunk -= step.chunks;
        }
    });
}

/// The layouts that an operator reads and writes: for the tests that hold the planner to its promise.
#[cfg(test)]
pub fn maps(op: &Op) -> (Option<Layout>, Option<Layout>) {
    match *op {
        Op::Conv2d { x, y, .. }
        | Op::Linear { x, y, .. }
        | Op::Relu { x, y }
        | Op::MaxPool2d { x, y, .. }
        | Op::AvgPool2d { x, y, .. }
        | Op::AdaptiveAvgPool2d { x, y }
        | Op::Softmax { x, y }
        | Op::Concat { x, y } => (Some(x), Some(y)),
        Op::Flatten { direction: flatten::Direction::ToChannelsFirst, map, .. } => (Some(map), None),
        Op::Flatten { direction: flatten::Direction::ToChannelsLast, map, .. } | Op::Halo { map, .. } => {
            (None, Some(map))
        }
    }
}
