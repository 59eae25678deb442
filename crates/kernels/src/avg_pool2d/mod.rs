//! avg_pool2d: PyTorch's `AvgPool2d`.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
pub(crate) use cpu::mean;

use crate::window::Window;

/// The windows of an average pooling, vertical and horizontal. PyTorch's have no dilation. Where padding does not count, a
/// dilated window whose cells all lie in it has no mean: NaN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    pub windows: [Window; 2],
    /// Whether padding counts as zeros in the mean. Cells beyond the padding, which ceil mode reaches, never count.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// Height and width of the output, or `None` where the window does not fit.
    pub fn output(&self, h: usize, w: usize) -> Option<[usize; 2]> {
        Some([self.windows[0].count(h)?, self.windows[1].count(w)?])
    }

    /// By how many cells output (y, x) divides, of an input of h x w.
    pub fn divisor(&self, [y, x]: [usize; 2], [h, w]: [usize; 2]) -> usize {
        let along = |window: &Window, i: usize, size: usize| {
            if !self.count_include_pad {
                return window.taps(i, size).1;
            }
            let room = size + window.padding[0] + window.padding[1] - i * window.stride;
            window.kernel.min(room.div_ceil(window.dilation))
        };
        along(&self.windows[0], y, h) * along(&self.windows[1], x, w)
    }
}
