//! Places in banks, by liveness. WebGPU lets a step read or write a buffer, not both, so what a step reads and what it
//! writes lie in different banks; and a bank may be no larger than a binding.

use crate::arena::{self, Buffer};
use std::cmp::Reverse;

/// Floats that banks' sizes are multiples of.
const BLOCK: u64 = 64;

/// Where every buffer lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Banks {
    /// Of each buffer: its bank, and its offset there in floats.
    pub places: Vec<(usize, u64)>,
    /// Floats of each bank.
    pub sizes: Vec<u64>,
}

impl Banks {
    pub fn total(&self) -> u64 {
        self.sizes.iter().sum()
    }

    /// Where each bank begins, were they one behind the other.
    pub fn bases(&self) -> Vec<u64> {
        let mut next = 0;
        let base = |size: &u64| {
            next += size;
            next - size
        };
        self.sizes.iter().map(base).collect()
    }
}

/// Changes of the best order that are tried.
const TRIALS: u64 = 256;

/// Places buffers, none of which is larger than `most` floats; `steps` are the buffers that each step reads and the one that
/// it writes. Greedy: each buffer in its turn goes where its bank grows least. Conflicts make it hard to tell a good order: the
/// best of five, by rank, is changed at random, large buffers more often than small ones, and a change that is no worse is kept.
/// The changes are the same ones every time.
pub fn place(buffers: &[Buffer], steps: &[(&[usize], usize)], most: u64) -> Banks {
    let mut apart = vec![Vec::new(); buffers.len()];
    for &(reads, writes) in steps {
        for &read in reads {
            apart[read].push(writes);
            apart[writes].push(read);
        }
    }
    let phases = buffers.iter().map(|b| b.last + 1).max().unwrap_or(0);
    let mut moments = vec![0; phases];
    for b in buffers.iter().filter(|b| b.size > 0) {
        moments[b.first..=b.last].iter_mut().for_each(|moment| *moment += b.size);
    }
    let fullest = |b: &Buffer| moments[b.first..=b.last].iter().copied().max().unwrap_or(0);
    let used: Vec<usize> = (0..buffers.len()).filter(|&i| buffers[i].size > 0).collect();
    let by = |rank: &dyn Fn(&Buffer) -> (u64, u64)| {
        let mut order = used.clone();
        order.sort_by_key(|&i| (Reverse(rank(&buffers[i])), i));
        let banks = in_order(buffers, &apart, &order, most);
        (order, banks)
    };
    let life = |b: &Buffer| (b.last - b.first) as u64;
    let by_rank = [
        by(&|b| (b.size, 0)),
        by(&|b| (fullest(b), b.size)),
        by(&|b| (u64::MAX - b.first as u64, b.size)),
        by(&|b| (b.size * (1 + life(b)), 0)),
        by(&|b| (life(b), b.size)),
    ];
    let (mut order, mut best) = by_rank.into_iter().min_by_key(|(_, banks)| banks.total()).expect("five");
    let least = moments.iter().copied().max().unwrap_or(0);
    let mut seed = 1u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((seed >> 33) % below as u64) as usize
    };
    for _ in 0..TRIALS {
        // A few hundredths are not worth the time.
        if best.total() <= least + least / 20 {
            break;
        }
        let mut changed = order.clone();
        for _ in 0..1 + random(3) {
            // The lesser of two: where the large buffers are.
            let [from, to] = [(); 2].map(|()| random(order.len()).min(random(order.len())));
            let moved = changed.remove(from);
            changed.insert(to, moved);
        }
        let banks = in_order(buffers, &apart, &changed, most);
        if banks.total() <= best.total() {
            (order, best) = (changed, banks);
        }
    }
    best
}

fn in_order(buffers: &[Buffer], apart: &[Vec<usize>], order: &[usize], most: u64) -> Banks {
    let mut offsets = vec![0; buffers.len()];
    let mut homes: Vec<Option<usize>> = vec![None; buffers.len()];
    // The buffers of each bank, by offset.
    let mut placed: Vec<Vec<usize>> = Vec::new();
    let mut sizes: Vec<u64> = Vec::new();
    for &i in order {
        let end = |offset: u64| (offset + buffers[i].size).next_multiple_of(BLOCK);
        let is_free = |bank: usize| apart[i].iter().all(|&j| homes[j] != Some(bank));
        let candidates = (0..placed.len()).filter(|&bank| is_free(bank)).filter_map(|bank| {
            let offset = arena::gap(buffers, &offsets, &placed[bank], i);
            (end(offset) <= most).then(|| (end(offset).saturating_sub(sizes[bank]), bank, offset))
        });
        let another = (end(0), placed.len(), 0);
        let (_, bank, offset) = candidates.chain([another]).min().expect("a bank of its own");
        if bank == placed.len() {
            placed.push(Vec::new());
            sizes.push(0);
        }
        (offsets[i], homes[i]) = (offset, Some(bank));
        sizes[bank] = sizes[bank].max(end(offset));
        let at = placed[bank].partition_point(|&j| offsets[j] < offset);
        placed[bank].insert(at, i);
    }
    Banks { places: homes.into_iter().map(|home| home.unwrap_or(0)).zip(offsets).collect(), sizes }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn what_a_step_reads_and_writes_lies_apart() {
        let mut seed = 7u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..200 {
            let count = 2 + random(40) as usize;
            let steps: Vec<(Vec<usize>, usize)> = (1..count)
                .map(|writes| ((0..1 + random(3)).map(|_| random(writes as u64) as usize).collect(), writes))
                .collect();
            let life = |i: usize| {
                let touched = (0..steps.len()).filter(|&s| steps[s].1 == i || steps[s].0.contains(&i));
                touched.fold((usize::MAX, 0), |(first, last), s| (first.min(s), last.max(s)))
            };
            let buffers: Vec<Buffer> = (0..count)
                .map(|i| match life(i) {
                    (usize::MAX, _) => Buffer { size: 0, first: 0, last: 0 },
                    (first, last) => Buffer { size: 1 + random(5000), first, last },
                })
                .collect();
            let borrowed: Vec<(&[usize], usize)> = steps.iter().map(|(r, w)| (&r[..], *w)).collect();
            let most = 5056 + random(10_000);
            let banks = place(&buffers, &borrowed, most);
            assert!(banks.sizes.iter().all(|&size| size <= most && size % BLOCK == 0));
            for (reads, writes) in &steps {
                assert!(reads.iter().all(|&read| banks.places[read].0 != banks.places[*writes].0));
            }
            for (i, a) in buffers.iter().enumerate() {
                let (bank, offset) = banks.places[i];
                assert!(a.size == 0 || offset + a.size <= banks.sizes[bank]);
                for (j, b) in buffers.iter().enumerate().skip(i + 1) {
                    let (other, at) = banks.places[j];
                    let together = a.first <= b.last && b.first <= a.last && a.size > 0 && b.size > 0;
                    let apart = bank != other || offset + a.size <= at || at + b.size <= offset;
                    assert!(!together || apart, "{a:?} and {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_chain_needs_two_banks() {
        let buffers: Vec<Buffer> = (0..6).map(|i| Buffer { size: 640, first: i, last: i + 1 }).collect();
        let reads: Vec<[usize; 1]> = (0..5).map(|i| [i]).collect();
        let steps: Vec<(&[usize], usize)> = reads.iter().map(|r| (&r[..], r[0] + 1)).collect();
        assert_eq!(place(&buffers, &steps, 1 << 20).sizes, [640, 640]);
    }
}
