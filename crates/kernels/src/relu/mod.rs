//! relu: max(x, 0) with a NaN left as it is, where no layer before it could take it over.

mod cpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
