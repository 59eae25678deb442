//! depthwise: the conv2d in which each channel is a group of its own. The specification is conv2d's.

mod cpu;
#[cfg(test)]
mod tests;

pub use cpu::{Job, Weights};

use super::Conv2d;

/// Whether a convolution is depthwise.
pub fn fits(spec: &Conv2d) -> bool {
    spec.groups == spec.in_channels && spec.out_channels == spec.in_channels
}
