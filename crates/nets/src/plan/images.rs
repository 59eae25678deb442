//! images: which steps of a batch run image by image, the front of its plan.
//!
//! The first maps of a network are its largest. Of several images at once they fit no cache, and each step reads from memory
//! what the one before it wrote there; so the first steps run for one image after the other, over maps that all the images
//! share. The last steps have large weights and small maps: they read their weights once for all images.

use crate::cpu::Weights;
use crate::fuse::{Fused, Work};
use crate::graph::Id;
use crate::shape::Shape;
use crate::weights::Packed;

/// Floats of maps that a step may have of all images and still find in a cache; little for tests, whose maps are small.
const NEAR: u64 = if cfg!(test) { 64 } else { 128 * 1024 };

/// The same of what a step itself leaves and reads several times, which the last cache is for.
const FAR: u64 = if cfg!(test) { 512 } else { 1024 * 1024 };

/// How many of the works, from the first on, run image by image: as many as save most. Each saves what it reads and writes of
/// its maps where those of all images are not near, and reads its weights for each image instead of once.
pub fn works(shapes: &[Shape], fused: &Fused, weights: Weights) -> usize {
    let images = shapes[0].n as u64;
    if images == 1 {
        return 0;
    }
    let (mut saved, mut best) = (0i64, (0, 0));
    for (i, work) in fused.works.iter().enumerate() {
        let all: u64 = work.all_reads().chain([work.writes]).map(|id| shapes[id].len() as u64).sum();
        let packed = weights.packed[work.node].as_deref();
        let y = &shapes[work.writes];
        let [floats, times] = match packed {
            Some(Packed::Winograd(packed)) => packed.transformed(y.h, y.w).map(|count| count as u64),
            _ => [0; 2],
        };
        let far = if all > NEAR { all / images } else { 0 };
        let again = if images * floats > FAR { floats * times } else { 0 };
        saved += (far + again) as i64 - packed.map_or(0, |packed| packed.bytes() / 4) as i64;
        if saved > best.0 {
            best = (saved, i + 1);
        }
    }
    best.1
}

/// The buffers that works on both sides touch, in order: what the first `works` works hand on.
pub fn handed_on(fused: &Fused, works: usize) -> Vec<Id> {
    let touched = |works: &[Work]| {
        let mut touched = vec![false; fused.homes.len()];
        for id in works.iter().flat_map(|work| work.all_reads().chain([work.writes])) {
            touched[fused.buffer(id).0] = true;
        }
        touched
    };
    let (front, rest) = fused.works.split_at(works);
    let (front, rest) = (touched(front), touched(rest));
    (0..fused.homes.len()).filter(|&id| front[id] && rest[id]).collect()
}
