//! That a run allocates nothing: this crate's tests count what their own thread asks its allocator for.

use super::build::Random;
use super::models::{model, numbers_of};
use super::nets::named;
use super::random::random_net;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all is the system's; a cell without a destructor may be used wherever an allocator may be.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(p, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

#[test]
fn a_run_allocates_nothing() {
    let random = &mut Random::new();
    assert_eq!(allocations(|| drop(vec![0; 9])), 1);
    let mut nets = Vec::from(named());
    nets.extend((0..50).map(|_| ("a random net", random_net(random))));
    for (name, net) in nets {
        let mut model = model(&net, &net.weights(random), 0);
        let x = numbers_of(net.input, random);
        let handle = model.prepare(net.input, &[]).expect("a plan");
        model.input(handle).expect("the plan's input").copy_from_slice(&x);
        let count = allocations(|| {
            let mut slice = 0;
            while model.run(handle, slice).expect("a run") {
                slice += 1;
            }
        });
        assert_eq!(count, 0, "{name}");
    }
}
