//! concat: joins maps along the channels. Most need no work, since their branches write into their part of the joined map;
//! this copies the rest.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
