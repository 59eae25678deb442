//! max_pool2d: PyTorch's `MaxPool2d`; padding never wins.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;
pub(crate) use cpu::largest;

use crate::window::Window;

/// The windows of a max pooling, vertical and horizontal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    pub windows: [Window; 2],
}

impl MaxPool2d {
    /// Height and width of the output, or `None` where the window does not fit.
    pub fn output(&self, h: usize, w: usize) -> Option<[usize; 2]> {
        Some([self.windows[0].count(h)?, self.windows[1].count(w)?])
    }
}
