//! What buffers take, how long they live, and where a step finds its maps in them.

use super::{Device, Drafts};
use crate::arena::Buffer;
use crate::graph::Id;
use crate::shape::Shape;
use kernels::layout::Layout;
use std::ops::Range;

/// Where the buffers lie, for a step of the front or of the rest.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    pub offsets: &'a [u64],
    pub is_front: bool,
}

impl<'a> Places<'a> {
    /// Of a plan without a front.
    pub fn of_all(offsets: &'a [u64]) -> Self {
        Places { offsets, is_front: false }
    }

    /// Where a buffer without pixels begins; nowhere as yet is at 0.
    pub(super) fn flat(&self, buffer: usize) -> usize {
        self.offsets.get(buffer).map_or(0, |&offset| offset as usize)
    }
}

impl<D: Device> Drafts<'_, D> {
    /// Floats of a node's buffer of so many images, with its halo.
    fn size(&self, id: Id, images: usize) -> u64 {
        let Shape { c, h, w, .. } = self.shapes[id];
        let [top, left, bottom, right] = self.halos[id];
        let cells = (h + top + bottom) as u64 * (w + left + right) as u64;
        // Far too large is large enough, and lets no sum of sizes overflow.
        cells.saturating_mul((images * c.next_multiple_of(D::GROUP)) as u64).min(1 << 40)
    }

    /// The sizes and lives of all buffers.
    pub fn buffers(&self) -> Vec<Buffer> {
        let mut buffers = vec![Buffer::UNUSED; self.temp(self.temps.len())];
        for (phase, drafts) in self.phases.iter().enumerate() {
            for draft in drafts {
                for &buffer in draft.reads.iter().chain([&draft.writes]) {
                    let b = &mut buffers[buffer];
                    (b.first, b.last) = (b.first.min(phase), b.last.max(phase));
                }
            }
        }
        let images = self.shapes[0].n;
        for (id, buffer) in buffers.iter_mut().enumerate().take(self.shapes.len()) {
            let images = if buffer.first < self.front { 1 } else { images };
            buffer.size = if *buffer == Buffer::UNUSED { 0 } else { self.size(id, images) };
        }
        for &id in &self.handed_on {
            buffers[self.buffer(id, false)].size = self.size(id, images);
        }
        // The input is there before the first phase; the outputs stay till after the last.
        buffers[self.staged_input()].size = self.shapes[0].len() as u64;
        buffers[self.staged_input()].first = 0;
        for (k, &id) in self.requested.iter().enumerate() {
            buffers[self.output(k)].size = self.shapes[id].len() as u64;
            buffers[self.output(k)].last = self.phases.len();
        }
        // What has a place for each image is needed by some while others are worked on.
        for buffer in &mut buffers[self.outside()] {
            if buffer.first < self.front {
                (buffer.first, buffer.last) = (0, buffer.last.max(self.front - 1));
            }
        }
        for (t, &size) in self.temps.iter().enumerate() {
            buffers[self.temp(t)].size = size as u64;
        }
        buffers
    }

    /// Whether the front alone uses a buffer, for the image that it is at.
    pub fn is_in_room(&self, buffer: usize, life: &Buffer) -> bool {
        !self.outside().contains(&buffer) && life.last < self.front
    }

    /// The buffers that hold all images although the front uses them.
    fn outside(&self) -> Range<usize> {
        self.staged_input()..self.temp(0)
    }

    pub(super) fn layout(&self, places: Places, id: Id) -> Layout {
        let (own, channel) = self.fused.buffer(id);
        let Shape { c, h, w, .. } = self.shapes[own];
        let pixel = c.next_multiple_of(D::GROUP);
        let [top, left, bottom, right] = self.halos[own];
        let row = (left + w + right) * pixel;
        let image = (top + h + bottom) * row;
        let n = if places.is_front { 1 } else { self.shapes[own].n };
        let start = places.flat(self.buffer(id, places.is_front));
        let offset = start + top * row + left * pixel + channel;
        Layout { n, h, w, c: self.shapes[id].c, offset, image, row, pixel }
    }
}
