//! slice: a range of channels. It is no work and has no kernel: the range is a map of its own, [`Layout::channels`], and
//! every kernel reads such maps.
//!
//! [`Layout::channels`]: crate::layout::Layout::channels

pub mod reference;
#[cfg(test)]
mod tests;
