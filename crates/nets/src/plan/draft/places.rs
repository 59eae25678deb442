//! What buffers take, how long they live, and where a step finds its maps in them.

use super::{Device, Drafts};
use crate::arena::Buffer;
use crate::graph::Id;
use crate::shape::Shape;
use kernels::layout::Layout;

/// Where the buffers lie, and the image that a step is for; all of them where there is none.
#[derive(Clone, Copy)]
pub struct Places<'a> {
    pub offsets: &'a [u64],
    pub image: Option<usize>,
}

impl<'a> Places<'a> {
    pub fn of_all(offsets: &'a [u64]) -> Self {
        Places { offsets, image: None }
    }

    /// Where a buffer without pixels lies, of the image that has so many floats there; nowhere as yet is at 0.
    pub(super) fn flat(&self, buffer: usize, image: usize) -> usize {
        self.offsets.get(buffer).map_or(0, |&offset| offset as usize + self.image.unwrap_or(0) * image)
    }
}

impl<D: Device> Drafts<'_, D> {
    /// Images that a buffer holds.
    fn images(&self, buffer: Id) -> usize {
        if self.shared[buffer] { 1 } else { self.shapes[buffer].n }
    }

    /// Floats of a node's buffer with its halo.
    fn size(&self, id: Id) -> u64 {
        let (Shape { c, h, w, .. }, n) = (self.shapes[id], self.images(id));
        let [top, left, bottom, right] = self.halos[id];
        let cells = (h + top + bottom) as u64 * (w + left + right) as u64;
        // Far too large is large enough, and lets no sum of sizes overflow.
        cells.saturating_mul((n * c.next_multiple_of(D::GROUP)) as u64).min(1 << 40)
    }

    /// The sizes and lives of all buffers.
    pub fn buffers(&self) -> Vec<Buffer> {
        let unused = Buffer { size: 0, first: usize::MAX, last: 0 };
        let mut buffers = vec![unused; self.temp(self.temps.len())];
        for (phase, drafts) in self.phases.iter().enumerate() {
            for draft in drafts {
                for &buffer in draft.reads.iter().chain([&draft.writes]) {
                    let b = &mut buffers[buffer];
                    (b.first, b.last) = (b.first.min(phase), b.last.max(phase));
                }
            }
        }
        // What holds all images has some while others are worked on.
        for (b, buffer) in buffers.iter_mut().enumerate() {
            if buffer.first < self.each && self.shared.get(b) == Some(&false) {
                buffer.first = 0;
            }
        }
        for (id, buffer) in buffers.iter_mut().enumerate().take(self.shapes.len()) {
            buffer.size = if buffer.first == usize::MAX { 0 } else { self.size(id) };
        }
        // The input is there before the first phase; the outputs stay till after the last.
        let staged = self.staged_input();
        let last = buffers[staged].last.max(self.each.saturating_sub(1));
        buffers[staged] = Buffer { size: self.shapes[0].len() as u64, first: 0, last };
        for (k, &id) in self.requested.iter().enumerate() {
            let buffer = &mut buffers[self.output(k)];
            let first = if buffer.first < self.each { 0 } else { buffer.first };
            *buffer = Buffer { size: self.shapes[id].len() as u64, first, last: self.phases.len() };
        }
        for (t, &size) in self.temps.iter().enumerate() {
            buffers[self.temp(t)].size = size as u64;
        }
        buffers
    }

    pub(super) fn layout(&self, places: Places, id: Id) -> Layout {
        let (buffer, channel) = self.fused.buffer(id);
        let Shape { c, h, w, .. } = self.shapes[buffer];
        let pixel = c.next_multiple_of(D::GROUP);
        let [top, left, bottom, right] = self.halos[buffer];
        let row = (left + w + right) * pixel;
        let image = (top + h + bottom) * row;
        let n = places.image.map_or(self.images(buffer), |_| 1);
        let first = places.image.filter(|_| !self.shared[buffer]).unwrap_or(0);
        let offset = places.offsets[buffer] as usize + first * image + top * row + left * pixel + channel;
        Layout { n, h, w, c: self.shapes[id].c, offset, image, row, pixel }
    }
}
