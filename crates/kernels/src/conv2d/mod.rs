//! conv2d: PyTorch's `Conv2d`, cross-correlation with stride, padding, dilation and groups.

mod cpu;
pub mod gpu;
pub mod grouped;
pub mod reference;
#[cfg(test)]
mod tests;
pub mod winograd;

pub use cpu::{Before, Job, Scaling, fill, set_bias, zeros};

use crate::window::Window;

/// A convolution; pairs are (vertical, horizontal).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conv2d {
    pub in_channels: usize,
    pub out_channels: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// Zeros around the input: top, left, bottom, right.
    pub padding: [usize; 4],
    pub dilation: [usize; 2],
    pub groups: usize,
}

impl Conv2d {
    /// The window along an axis: 0 vertical, 1 horizontal.
    pub fn window(&self, axis: usize) -> Window {
        Window {
            kernel: self.kernel[axis],
            stride: self.stride[axis],
            padding: [self.padding[axis], self.padding[axis + 2]],
            dilation: self.dilation[axis],
            ceil: false,
        }
    }

    /// Height and width of the output, or `None` where the kernel does not fit.
    pub fn output(&self, h: usize, w: usize) -> Option<[usize; 2]> {
        Some([self.window(0).count(h)?, self.window(1).count(w)?])
    }

    /// Products that make up one output.
    pub fn depth(&self) -> usize {
        self.in_channels / self.groups * self.kernel[0] * self.kernel[1]
    }
}
