//! The fast flatten, both ways.

use crate::layout::{Arena, Layout};

/// Which way the map is turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a channels-last map to n * c * h * w floats.
    ToChannelsFirst,
    /// From n * c * h * w floats to a channels-last map.
    ToChannelsLast,
}

/// One reordering; a chunk is a row of one image.
pub struct Job {
    pub direction: Direction,
    /// The channels-last map.
    pub map: Layout,
    /// Where the channels-first floats begin.
    pub flat: usize,
}

impl Job {
    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        self.map.n * self.map.h
    }

    /// # Safety
    /// Map and floats must lie in the arena and not overlap; nobody else may write the input or touch this chunk's part of
    /// the output meanwhile.
    pub unsafe fn run(&self, arena: Arena, chunk: usize) {
        let Layout { h, w, c, pixel, .. } = self.map;
        let (image, row) = (chunk / h, chunk % h);
        let at = self.map.at(image, row, 0);
        for channel in 0..c {
            let flat = self.flat + ((image * c + channel) * h + row) * w;
            for column in 0..w {
                // SAFETY: the caller's promise.
                unsafe {
                    match self.direction {
                        Direction::ToChannelsFirst => {
                            *arena.write(flat + column, 1) = *arena.read(at + column * pixel + channel, 1)
                        }
                        Direction::ToChannelsLast => {
                            *arena.write(at + column * pixel + channel, 1) = *arena.read(flat + column, 1)
                        }
                    }
                }
            }
        }
    }
}
