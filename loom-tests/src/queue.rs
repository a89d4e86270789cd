//! Queues with the orderings that crossbeam-deque publishes, and nothing stronger: a lock here would hide a missing fence.
//! Entries are numbers other than zero. Neither queue wraps around.

use heist::model::fence;
use loom::sync::atomic::{AtomicUsize, Ordering};

const LENGTH: usize = 10;

/// As `crossbeam_deque::Injector`: many push, many steal. Its `is_empty` has no fence.
pub struct Injector {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: [AtomicUsize; LENGTH],
}

impl Default for Injector {
    fn default() -> Self {
        Self {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }
}

impl Injector {
    pub fn push(&self, entry: usize) {
        let slot = self.tail.fetch_add(1, Ordering::AcqRel);
        // Release: pairs with the Acquire in `steal`.
        self.slots[slot].store(entry, Ordering::Release);
    }

    pub fn is_empty(&self) -> bool {
        self.head.load(Ordering::Acquire) == self.tail.load(Ordering::Acquire)
    }

    pub fn steal(&self) -> Option<usize> {
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            fence(Ordering::SeqCst);
            if head == self.tail.load(Ordering::Relaxed) {
                return None;
            }
            match self
                .head
                .compare_exchange(head, head + 1, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => break,
                Err(seen) => head = seen,
            }
        }
        loop {
            // Acquire: pairs with the Release in `push`, which may still be under way.
            let entry = self.slots[head].load(Ordering::Acquire);
            if entry != 0 {
                return Some(entry);
            }
            loom::thread::yield_now();
        }
    }
}

/// As `crossbeam_deque::Worker` and its stealers: one pushes, many steal. Its `is_empty` has a fence between its loads.
pub struct Local {
    front: AtomicUsize,
    back: AtomicUsize,
    slots: [AtomicUsize; LENGTH],
}

impl Default for Local {
    fn default() -> Self {
        Self {
            front: AtomicUsize::new(0),
            back: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| AtomicUsize::new(0)),
        }
    }
}

impl Local {
    /// By the owner only.
    pub fn push(&self, entry: usize) {
        let back = self.back.load(Ordering::Relaxed);
        self.slots[back].store(entry, Ordering::Relaxed);
        // Release: pairs with the Acquire in `steal`.
        self.back.store(back + 1, Ordering::Release);
    }

    pub fn is_empty(&self) -> bool {
        let front = self.front.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        front == self.back.load(Ordering::Acquire)
    }

    pub fn steal(&self) -> Option<usize> {
        let mut front = self.front.load(Ordering::Acquire);
        loop {
            fence(Ordering::SeqCst);
            if front == self.back.load(Ordering::Acquire) {
                return None;
            }
            let entry = self.slots[front].load(Ordering::Relaxed);
            match self
                .front
                .compare_exchange(front, front + 1, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some(entry),
                Err(seen) => front = seen,
            }
        }
    }
}
