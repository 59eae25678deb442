//! pad2d: zeros around each plane, and PyTorch's meaning of negative padding, which is cropping. A convolution's own padding
//! is the halo of its input and does not come here.

mod cpu;
pub mod gpu;
pub mod reference;
#[cfg(test)]
mod tests;

pub use cpu::Job;

/// Rows and columns of zeros: top, left, bottom, right. Negative numbers take as many away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pad2d {
    pub padding: [isize; 4],
}

impl Pad2d {
    /// Height and width of the output, or `None` where nothing is left.
    pub fn output(&self, h: usize, w: usize) -> Option<[usize; 2]> {
        let along = |size: usize, before: isize, after: isize| {
            size.checked_add_signed(before)?.checked_add_signed(after).filter(|&size| size > 0)
        };
        let [top, left, bottom, right] = self.padding;
        Some([along(h, top, bottom)?, along(w, left, right)?])
    }
}
