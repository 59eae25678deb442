//! halo: the zeros around a map that a padded convolution reads. Buffers are reused, so they are written in every run.

mod cpu;
#[cfg(test)]
mod tests;

pub use cpu::Job;
