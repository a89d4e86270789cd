//! Callers for which no worker was free: who waits for one, and who hears of one that is left.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::ptr;

use super::parker::Parker;
use crate::sync::{AtomicUsize, Mutex, Ordering};

/// The list, and beside it how many are on it, for those who leave a worker and seldom find anybody.
#[derive(Debug)]
pub struct Guests {
    list: Mutex<Vec<Guest>>,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Guest {
    parker: &'static Parker,
    barred: bool,
}

impl Guests {
    pub fn new() -> Self {
        Self {
            list: Mutex::new(Vec::new()),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Puts a caller on the list, which **tries once more for a worker after this**. `barred`: it gets offers only if nobody else would take them.
    pub fn add(&self, parker: &'static Parker, barred: bool) {
        let mut list = self.list.lock();
        let place = list.partition_point(|guest| barred || !guest.barred);
        list.insert(place, Guest { parker, barred });
        // Relaxed: the next try begins with the fence of `Closing::arrive`, which pairs with the one between the leaving of a worker and `first`: either
        // that sees the guest, or the guest's next try sees the worker.
        self.waiting.store(list.len(), Ordering::Relaxed);
    }

    pub fn remove(&self, parker: &'static Parker) {
        let mut list = self.list.lock();
        list.retain(|guest| !ptr::eq(guest.parker, parker));
        // Relaxed: who sees more than there are looks for nothing.
        self.waiting.store(list.len(), Ordering::Relaxed);
    }

    /// Whom to offer a worker that was left, or that nobody comes for. **There is a fence between that and this.**
    pub fn first(&self) -> Option<&'static Parker> {
        // Relaxed: ordered by that fence, as `add` says.
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.list.lock().first().map(|guest| guest.parker)
    }

    pub fn count(&self) -> usize {
        // Relaxed: for debug output, and for who knows that nobody comes.
        self.waiting.load(Ordering::Relaxed)
    }
}
