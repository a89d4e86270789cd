//! The system's allocator, with the bytes in use counted: as many as were asked for, and no stacks of threads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

/// Bytes in use.
pub(crate) fn in_use() -> isize {
    // Relaxed: a number alone. What is to be counted in it happened before, by other means.
    IN_USE.load(Ordering::Relaxed)
}

// SAFETY: Every call goes to `System` with the caller's arguments, and its answer is given back unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Relaxed: as where it is read.
        IN_USE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: The caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // Relaxed: as where it is read.
        IN_USE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: The pointer came from `System`, through `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}
