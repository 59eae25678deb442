//! Whole networks: what is planned, what is computed, what is refused.

#[cfg(not(target_arch = "wasm32"))]
mod allocations;
mod bounds;
mod build;
mod engine;
mod errors;
mod interpreter;
mod models;
#[cfg(not(target_arch = "wasm32"))]
mod mutated;
mod nets;
mod plans;
mod random;
mod runs;
mod smallest;
mod storage;
mod views;
#[cfg(not(target_arch = "wasm32"))]
mod webgpu;
mod weights;
