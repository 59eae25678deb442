//! Places in the arena, by liveness.
//!
//! Greedy, largest first: each buffer goes into the first gap that is wide enough among the placed ones whose lives touch
//! its own. The other order tried puts first what is alive in the fullest moments. Not optimal in general, but less than a
//! fifth above the largest moment for every network of the zoo.

/// A buffer's size in floats and the phases in which it is alive, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    pub size: u64,
    pub first: usize,
    pub last: usize,
}

impl Buffer {
    /// One that nothing touches.
    pub const UNUSED: Buffer = Buffer { size: 0, first: usize::MAX, last: 0 };
}

/// Floats that places are multiples of: a cache line.
const LINE: u64 = 16;

/// An offset for each buffer, and the floats they need altogether.
pub fn place(buffers: &[Buffer]) -> (Vec<u64>, u64) {
    let phases = buffers.iter().map(|b| b.last + 1).max().unwrap_or(0);
    let alive = |phase| buffers.iter().filter(move |b| b.first <= phase && phase <= b.last);
    let moments: Vec<u64> = (0..phases).map(|phase| alive(phase).map(|b| b.size).sum()).collect();
    let fullest = |b: &Buffer| (b.first..=b.last).map(|phase| moments[phase]).max().unwrap_or(0);
    let by_size = in_order(buffers, buffers.iter().map(|b| (b.size, 0)).collect());
    let by_moment = in_order(buffers, buffers.iter().map(|b| (fullest(b), b.size)).collect());
    if by_moment.1 < by_size.1 { by_moment } else { by_size }
}

/// The same, with those first that rank highest.
fn in_order(buffers: &[Buffer], ranks: Vec<(u64, u64)>) -> (Vec<u64>, u64) {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(ranks[i]), i));
    let mut offsets = vec![0; buffers.len()];
    let mut placed: Vec<usize> = Vec::new();
    let mut total = 0;
    for i in order {
        offsets[i] = gap(buffers, &offsets, &placed, i);
        let offset = offsets[i];
        total = total.max(offset + buffers[i].size);
        let at = placed.partition_point(|&j| offsets[j] < offset);
        placed.insert(at, i);
    }
    (offsets, total)
}

/// Where buffer `i` fits among those that are `placed`, by their offsets.
pub fn gap(buffers: &[Buffer], offsets: &[u64], placed: &[usize], i: usize) -> u64 {
    let mine = &buffers[i];
    // Neighbours in time, by their place; what they leave free between them is a gap.
    let mut offset = 0;
    for &j in placed.iter().filter(|&&j| buffers[j].first <= mine.last && mine.first <= buffers[j].last) {
        if offsets[j] >= offset + mine.size {
            break;
        }
        offset = offset.max((offsets[j] + buffers[j].size).next_multiple_of(LINE));
    }
    offset
}

/// The plan as a picture: a line a buffer, memory from left to right, phases from top to bottom.
pub fn picture(buffers: &[Buffer], offsets: &[u64], total: u64, phases: usize) -> String {
    const WIDTH: u64 = 80;
    let mut lines = Vec::new();
    for phase in 0..phases {
        let mut line = vec!['.'; WIDTH as usize];
        for (i, b) in buffers.iter().enumerate().filter(|(_, b)| (b.first..=b.last).contains(&phase)) {
            let column = |at: u64| (at * WIDTH / total.max(1)) as usize;
            let name = char::from_digit(i as u32 % 36, 36).expect("a digit");
            let from = column(offsets[i]);
            line[from..(column(offsets[i] + b.size)).max(from + 1)].fill(name);
        }
        lines.push(format!("{phase:4} {}", line.into_iter().collect::<String>()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn check(buffers: &[Buffer]) -> u64 {
        let (offsets, total) = place(buffers);
        for (i, a) in buffers.iter().enumerate() {
            assert!(offsets[i] % LINE == 0 && offsets[i] + a.size <= total);
            for (j, b) in buffers.iter().enumerate().skip(i + 1) {
                let together = a.first <= b.last && b.first <= a.last;
                let apart = offsets[i] + a.size <= offsets[j] || offsets[j] + b.size <= offsets[i];
                assert!(!together || apart, "{a:?} at {} and {b:?} at {}", offsets[i], offsets[j]);
            }
        }
        total
    }

    #[test]
    fn a_chain_needs_its_two_largest_neighbours() {
        let sizes = [160, 320, 640, 480, 32];
        let chain: Vec<_> =
            sizes.iter().enumerate().map(|(i, &size)| Buffer { size, first: i, last: i + 1 }).collect();
        assert_eq!(check(&chain), 640 + 480);
    }

    #[test]
    fn nothing_alive_together_overlaps() {
        let mut seed = 7u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % below
        };
        for _ in 0..200 {
            let buffers: Vec<_> = (0..random(30))
                .map(|_| {
                    let first = random(20) as usize;
                    Buffer { size: random(5000), first, last: first + random(8) as usize }
                })
                .collect();
            check(&buffers);
        }
    }

    #[test]
    fn pictures_show_who_is_where() {
        let buffers = [Buffer { size: 16, first: 0, last: 1 }, Buffer { size: 16, first: 1, last: 1 }];
        let (offsets, total) = place(&buffers);
        let picture = picture(&buffers, &offsets, total, 2);
        assert_eq!(picture.lines().nth(1).unwrap(), format!("   1 {}{}", "0".repeat(40), "1".repeat(40)));
    }
}
