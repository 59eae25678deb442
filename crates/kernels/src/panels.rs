//! The right operand of `tile`, as convolutions and linear layers pack their weights: in panels of columns (output channels),
//! in the order in which they are read.

use crate::layout::{Floats, Lines};
use crate::simd::F32s;
use crate::storage::{Storage, Weight};
use crate::tile::fetch;
use std::ops::Range;

/// Columns of a panel, at most.
pub const MOST_WIDTH: usize = 32;
/// Channels whose weights are packed together: a column's then lie in a few cache lines, and the panel's fill whole ones.
const TOGETHER: usize = 16;

/// `columns` columns of `depth` numbers in panels of `width`, the last one filled up with zeros.
/// Number k of column c lies at `(c / width * depth + k) * width + c % width`; biases, and the factors of narrow numbers,
/// follow the same columns.
pub struct Panels {
    pub width: usize,
    pub depth: usize,
    pub columns: usize,
    numbers: Numbers,
    bias: Floats,
}

/// Panels' numbers as they are kept; narrow ones with the columns' factors.
pub enum Numbers {
    Float32(Floats),
    Float16(Lines<u16>, Floats),
    Int8(Lines<i8>, Floats),
}

/// Where panels' numbers and factors lie.
#[derive(Clone, Copy)]
pub struct At<W> {
    pub numbers: *const W,
    pub factors: *const f32,
}

impl Panels {
    /// Panels of zeros. `None` where there is no memory.
    pub fn zeros(width: usize, columns: usize, depth: usize, storage: Storage) -> Option<Self> {
        let all = columns.next_multiple_of(width);
        let numbers = match storage {
            Storage::Float32 => Numbers::Float32(Floats::zeros(all * depth)?),
            Storage::Float16 => Numbers::Float16(Lines::zeros(all * depth)?, Floats::zeros(all)?),
            Storage::Int8 => Numbers::Int8(Lines::zeros(all * depth)?, Floats::zeros(all)?),
        };
        Some(Panels { width, depth, columns, numbers, bias: Floats::zeros(all)? })
    }

    /// Packs a range of columns, of which each is given as [channels, cells] and read as [cells, channels]. They may come
    /// piece by piece.
    pub fn fill(&mut self, columns: Range<usize>, channels: usize, weight: &[f32]) {
        let &mut Panels { width, depth, .. } = self;
        assert!(columns.end <= self.columns && weight.len() == columns.len() * depth);
        match &mut self.numbers {
            Numbers::Float32(numbers) => fill(numbers, None, width, depth, columns, channels, weight),
            Numbers::Float16(numbers, factors) => {
                fill(numbers, Some(factors), width, depth, columns, channels, weight);
            }
            Numbers::Int8(numbers, factors) => {
                fill(numbers, Some(factors), width, depth, columns, channels, weight);
            }
        }
    }

    /// The columns' biases: zeros until they are set.
    pub fn bias_mut(&mut self) -> &mut [f32] {
        &mut self.bias[..self.columns]
    }

    pub fn count(&self) -> usize {
        self.columns.div_ceil(self.width)
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        4 * self.bias.len()
            + match &self.numbers {
                Numbers::Float32(numbers) => 4 * numbers.len(),
                Numbers::Float16(numbers, factors) => 2 * numbers.len() + 4 * factors.len(),
                Numbers::Int8(numbers, factors) => numbers.len() + 4 * factors.len(),
            }
    }

    pub fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// Where panel `p` lies in its numbers.
    #[inline(always)]
    pub fn at<W: Weight>(&self, numbers: &[W], factors: &[f32], p: usize) -> At<W> {
        At {
            numbers: numbers[p * self.depth * self.width..].as_ptr(),
            factors: factors.get(p * self.width..).unwrap_or_default().as_ptr(),
        }
    }

    /// Floats of scratch that `widened` needs for a panel.
    pub fn wide(&self) -> usize {
        match self.numbers {
            Numbers::Float32(_) => 0,
            _ => self.depth * self.width,
        }
    }

    /// Where some panels lie as floats: where they are, if they are kept so, else in `scratch`, to which they are widened.
    #[inline(always)]
    pub fn widened<V: F32s>(&self, p: Range<usize>, scratch: &mut [f32]) -> At<f32> {
        let len = p.len() * self.depth * self.width;
        match &self.numbers {
            Numbers::Float32(numbers) => {
                let at = self.at(numbers, &[], p.start);
                // SAFETY: these are the panels' floats.
                unsafe { fetch(at.numbers, len) };
                return at;
            }
            Numbers::Float16(numbers, factors) => self.widen::<V, u16>(numbers, factors, p, scratch),
            Numbers::Int8(numbers, factors) => self.widen::<V, i8>(numbers, factors, p, scratch),
        }
        At { numbers: scratch.as_ptr(), factors: std::ptr::null() }
    }

    #[inline(never)]
    fn widen<V: F32s, W: Weight>(
        &self,
        numbers: &[W],
        factors: &[f32],
        p: Range<usize>,
        scratch: &mut [f32],
    ) {
        let size = self.depth * self.width;
        assert!(self.width.is_multiple_of(V::LANES) && scratch.len() >= p.len() * size);
        for (p, wide) in p.zip(scratch.chunks_exact_mut(size)) {
            let panel = &numbers[p * size..][..size];
            for lane in (0..self.width).step_by(V::LANES) {
                // SAFETY: a panel has `width` factors, and each of its rows `width` numbers.
                unsafe {
                    let factors = W::factors::<V>(factors[p * self.width + lane..].as_ptr());
                    for k in (lane..size).step_by(self.width) {
                        W::load(panel.as_ptr().add(k), factors).store(wide.as_mut_ptr().add(k));
                    }
                }
            }
        }
    }

    /// The biases from a column on.
    #[inline(always)]
    pub fn bias(&self, column: usize) -> *const f32 {
        self.bias[column..].as_ptr()
    }
}

/// As `Panels::fill`, for numbers as they are kept.
fn fill<W: Weight>(
    numbers: &mut [W],
    mut factors: Option<&mut Floats>,
    width: usize,
    depth: usize,
    columns: Range<usize>,
    channels: usize,
    weight: &[f32],
) {
    let cells = depth / channels;
    let mut column = columns.start;
    while column < columns.end {
        let lanes = (width - column % width).min(columns.end - column);
        let panel = &mut numbers[column / width * depth * width..][..depth * width];
        let weight = &weight[(column - columns.start) * depth..][..lanes * depth];
        let mut own = [1.0; MOST_WIDTH];
        if let Some(factors) = &mut factors {
            for (lane, weight) in weight.chunks_exact(depth).enumerate() {
                own[lane] = W::factor(weight);
                factors[column + lane] = own[lane];
            }
        }
        for first in (0..channels).step_by(TOGETHER) {
            let count = TOGETHER.min(channels - first);
            for cell in 0..cells {
                let run = &mut panel[(cell * channels + first) * width..][..count * width];
                for (lane, weight) in weight.chunks_exact(depth).enumerate() {
                    let numbers = weight[first * cells + cell..].iter().step_by(cells);
                    let places = run[column % width + lane..].iter_mut().step_by(width);
                    places.zip(numbers).for_each(|(place, &number)| *place = W::pack(number, own[lane]));
                }
            }
        }
        column += lanes;
    }
}
