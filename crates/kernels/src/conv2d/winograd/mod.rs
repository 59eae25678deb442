//! Winograd's convolution (Lavin and Gray, arXiv 1509.09308): fewer products for a convolution of stride 1, or for one with a
//! stride, as one of stride 1 over its phases.
//!
//! The output is cut into tiles. The inputs that a tile sees are transformed, and so are the weights, when they are packed
//! or, of large layers, just before they are multiplied by; then an output channel's tile is, at each of the transform's
//! positions by itself, a sum of products over the input channels, and transforming these sums back gives the outputs. At
//! each position that is a matrix product, [tiles, in_channels] by [in_channels, out_channels].
//!
//! A tile of 6 by 6 outputs of a 3 x 3 convolution has 8 by 8 inputs and so 64 products where the definition has 324; one
//! of 4 by 4 has 36 for 144, and less rounding.

mod choice;
mod cpu;
pub mod gpu;
mod grid;
mod pack;
mod phases;
mod points;
mod product;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;

pub use choice::{choose, tiles};
pub use cpu::Job;
pub use pack::Winograd;

/// Vectors a panel of weights is wide.
const N: usize = 2;

/// The outputs of a tile, vertically and horizontally; 1 along an axis on which the kernel is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile(pub [usize; 2]);

impl Tile {
    /// The inputs that a tile sees.
    fn inputs(self, [kh, kw]: [usize; 2]) -> [usize; 2] {
        [self.0[0] + kh - 1, self.0[1] + kw - 1]
    }
}
