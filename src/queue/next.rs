//! The next slot: one task that runs next on this worker, because the running task just made it runnable.
//!
//! Thieves never touch it, as a pair of tasks that wake one another would be torn apart at every turn. Only the monitor
//! takes from it, and only from a worker that is stuck.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::ptr::{self, NonNull};

use crate::sync::{AtomicPtr, Ordering};

/// One entry, stored by the owner and taken by the owner or the monitor.
#[derive(Debug)]
pub struct NextSlot<T>(AtomicPtr<T>);

impl<T> NextSlot<T> {
    pub fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts an entry in, and gives back the one it displaces. Only the owner of the worker calls this.
    #[inline]
    pub fn replace(&self, entry: NonNull<T>) -> Option<NonNull<T>> {
        // Relaxed: only the owner fills the slot, so an empty one stays empty until the store.
        if self.0.load(Ordering::Relaxed).is_null() {
            // Release: pairs with the Acquire in `take` on the monitor's side.
            self.0.store(entry.as_ptr(), Ordering::Release);
            return None;
        }
        // As in `take`: the monitor may have been faster. Release: pairs with the Acquire there.
        NonNull::new(self.0.swap(entry.as_ptr(), Ordering::AcqRel))
    }

    /// Takes the entry. One of the callers gets it.
    #[inline]
    pub fn take(&self) -> Option<NonNull<T>> {
        if self.is_empty() {
            return None;
        }
        // Acquire: pairs with the Release in `replace`.
        NonNull::new(self.0.swap(ptr::null_mut(), Ordering::Acquire))
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        // Relaxed: the owner knows its own store; the monitor looks again at its next tick.
        self.0.load(Ordering::Relaxed).is_null()
    }
}
