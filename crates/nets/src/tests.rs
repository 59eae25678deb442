//! Whole networks: what is planned, what is computed, what is refused.

mod build;
mod errors;
mod interpreter;
mod plans;
mod runs;
