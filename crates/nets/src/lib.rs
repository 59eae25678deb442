//! A network's way to its scores: graph -> shape -> fuse -> plan -> cpu.
//!
//! `graph` is what TypeScript sends, checked; `algorithm` decides how each convolution is computed, for which `weights` are
//! then packed; `shape` finds every map's size for one input size; `fuse` merges operators;
//! `plan` lists the steps and gives each map its place in the arena; `cpu` runs the list. `model` keeps what lives between
//! runs: packed weights, plans, the arena. `wasm` is all that JavaScript can see of it.

pub mod algorithm;
pub mod arena;
pub mod cpu;
pub mod error;
pub mod fuse;
pub mod graph;
pub mod model;
pub mod plan;
pub mod shape;
#[cfg(any(feature = "webgpu", test))]
pub mod webgpu;
pub mod weights;

#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(test)]
mod tests;
