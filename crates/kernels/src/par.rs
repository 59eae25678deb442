//! The only file that knows threads: a team runs a list of phases, each cut into chunks.
//!
//! Every member walks the same phases. In a phase it claims chunks until none is left, then waits until those that
//! others claimed are done: first spinning (a phase is often shorter than the 35 us that waking a sleeper takes), then
//! asleep. Members are never counted: one that wakes late finds its phases done and joins where the others are.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};

/// Looks at a counter before a member goes to sleep: half a millisecond or more, so that few sleep within a run. In a virtual machine
/// Linux wakes a thread on its waker's processor where another one is idle, and moves it some runs later (bench/README.md).
const SPINS: u32 = 200_000;

/// The claims on one phase: a list of them is made with the plan, so that a run allocates nothing.
#[derive(Default)]
pub struct Phase {
    chunks: u32,
    next: AtomicU32,
    done: AtomicU32,
}

impl Phase {
    pub fn new(chunks: usize) -> Self {
        Phase {
            chunks: u32::try_from(chunks).expect("a phase has at most 2^32 chunks"),
            ..Default::default()
        }
    }

    pub fn chunks(&self) -> usize {
        self.chunks as usize
    }

    fn reset(&self) {
        self.next.store(0, SeqCst);
        self.done.store(0, SeqCst);
    }

    fn claim(&self) -> Option<usize> {
        let i = self.next.fetch_add(1, SeqCst);
        (i < self.chunks).then_some(i as usize)
    }

    fn is_done(&self) -> bool {
        self.done.load(SeqCst) == self.chunks
    }
}

/// The caller and, in builds with threads, the members of rayon's pool.
pub struct Team {
    /// Members beside the caller.
    helpers: usize,
    asleep: Mutex<u32>,
    woken: Condvar,
    sleepers: AtomicU32,
}

impl Team {
    /// A team of the caller and `helpers` threads of rayon's global pool, which must have as many.
    pub fn new(helpers: usize) -> Self {
        let helpers = if cfg!(feature = "threads") { helpers } else { 0 };
        Team { helpers, asleep: Mutex::new(0), woken: Condvar::new(), sleepers: AtomicU32::new(0) }
    }

    /// How many members there are, the caller included.
    pub fn members(&self) -> usize {
        self.helpers + 1
    }

    /// Calls `work(member, phase, chunk)` for each chunk of each phase; a phase begins when the one before it is done. No two
    /// calls at a time have the same member.
    pub fn run(&self, phases: &[Phase], work: impl Fn(usize, usize, usize) + Sync) {
        if self.helpers == 0 {
            for (p, phase) in phases.iter().enumerate() {
                for chunk in 0..phase.chunks() {
                    work(0, p, chunk);
                }
            }
            return;
        }
        phases.iter().for_each(Phase::reset);
        self.run_together(&|member| self.member(member, phases, &work));
    }

    #[cfg(feature = "threads")]
    fn run_together(&self, member: &(impl Fn(usize) + Sync)) {
        rayon::in_place_scope(|scope| {
            // The pool may have more threads than this team.
            scope.spawn_broadcast(|_, context| {
                if context.index() < self.helpers {
                    member(1 + context.index());
                }
            });
            member(0);
        });
    }

    #[cfg(not(feature = "threads"))]
    fn run_together(&self, member: &(impl Fn(usize) + Sync)) {
        member(0);
    }

    fn member(&self, member: usize, phases: &[Phase], work: &(impl Fn(usize, usize, usize) + Sync)) {
        for (p, phase) in phases.iter().enumerate() {
            while let Some(chunk) = phase.claim() {
                work(member, p, chunk);
                if phase.done.fetch_add(1, SeqCst) + 1 == phase.chunks {
                    self.wake();
                }
            }
            self.wait(phase);
        }
    }

    fn wait(&self, phase: &Phase) {
        for _ in 0..SPINS {
            if phase.is_done() {
                return;
            }
            std::hint::spin_loop();
        }
        let mut asleep = self.asleep.lock().expect("no member panics while it holds the lock");
        // Counted before the last look at the phase, and `wake` looks at the count after the phase is done: one of
        // the two sees the other.
        self.sleepers.fetch_add(1, SeqCst);
        while !phase.is_done() {
            asleep = self.woken.wait(asleep).expect("no member panics while it holds the lock");
        }
        self.sleepers.fetch_sub(1, SeqCst);
    }

    fn wake(&self) {
        if self.sleepers.load(SeqCst) > 0 {
            let _asleep = self.asleep.lock().expect("no member panics while it holds the lock");
            self.woken.notify_all();
        }
    }
}

/// Splits `items` into parts of nearly equal size, at most `parts` and none smaller than `least` (but for lack of items).
pub fn split(items: usize, parts: usize, least: usize) -> usize {
    items.div_ceil(least.max(1)).clamp(1, parts.max(1))
}

/// Part `i` of `count` nearly equal parts of `items`, as a half-open range.
pub fn part(items: usize, count: usize, i: usize) -> std::ops::Range<usize> {
    items * i / count..items * (i + 1) / count
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[cfg(feature = "threads")]
    fn pool(threads: usize) {
        // The first call wins: tests share the process's pool, as a model has one pool.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    }

    fn every_chunk_once_and_in_order(helpers: usize) {
        let team = Team::new(helpers);
        let phases: Vec<_> = [7, 1, 0, 64, 3, 200].map(Phase::new).into();
        let seen: Vec<Vec<AtomicUsize>> =
            phases.iter().map(|p| (0..p.chunks()).map(|_| AtomicUsize::new(0)).collect()).collect();
        for round in 1..=50 {
            team.run(&phases, |_, p, chunk| {
                for earlier in &seen[..p] {
                    assert!(earlier.iter().all(|c| c.load(SeqCst) == round), "phase {p} began early");
                }
                seen[p][chunk].fetch_add(1, SeqCst);
            });
            assert!(seen.iter().flatten().all(|c| c.load(SeqCst) == round));
        }
    }

    #[test]
    fn alone() {
        every_chunk_once_and_in_order(0);
    }

    #[cfg(all(feature = "threads", not(target_arch = "wasm32")))]
    #[test]
    fn together() {
        pool(3);
        every_chunk_once_and_in_order(3);
    }

    #[cfg(all(feature = "threads", not(target_arch = "wasm32")))]
    #[test]
    fn members_that_must_sleep_are_woken() {
        pool(3);
        let team = Team::new(3);
        let phases = [Phase::new(1), Phase::new(8), Phase::new(1), Phase::new(4)];
        let sum = AtomicUsize::new(0);
        team.run(&phases, |_, p, chunk| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            sum.fetch_add(p * 100 + chunk, SeqCst);
        });
        assert_eq!(sum.into_inner(), 8 * 100 + 28 + 200 + 4 * 300 + 6);
    }

    #[test]
    fn parts_cover() {
        for items in 0..50 {
            for count in 1..9 {
                let all: Vec<_> = (0..count).flat_map(|i| part(items, count, i)).collect();
                assert_eq!(all, (0..items).collect::<Vec<_>>());
            }
        }
        assert_eq!(split(100, 8, 50), 2);
        assert_eq!(split(0, 8, 50), 1);
    }
}
