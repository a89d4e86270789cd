//! The next slot: one task that runs next on this worker, because the running task just made it runnable.
//!
//! Thieves never touch it, as a pair of tasks that wake one another would be torn apart at every turn. Only the monitor
//! takes from it, and only from a worker that is stuck.
//!
//! So only the owner writes to the slot, and it takes without a read-modify-write: it stores something else, and looks whether there was a raid. The
//! monitor says that there is one, and then looks into the slot, both around the heavy half of an [asymmetric fence](crate::util::asymmetric). If the
//! owner sees no raid, the monitor has seen what the owner stored; if it sees one, a lock tells whose the entry is.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::ptr::{self, NonNull};

use crate::sync::{AtomicBool, AtomicPtr, Mutex, Ordering};
use crate::util::asymmetric;

/// One entry, stored by the owner and taken by the owner or the monitor.
#[derive(Debug)]
pub struct NextSlot<T> {
    /// What a raid has taken stays here until the owner takes note of it.
    entry: AtomicPtr<T>,
    /// There was a raid of which the owner has not taken note.
    raided: AtomicBool,
    /// What it took, if anything. Held during a raid.
    spoils: Mutex<*mut T>,
}

// SAFETY: entries are handed over from one thread to another as they would be without a slot; what is in `spoils` is compared with, and not used.
unsafe impl<T: Send> Send for NextSlot<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for NextSlot<T> {}

impl<T> NextSlot<T> {
    pub fn new() -> Self {
        Self {
            entry: AtomicPtr::new(ptr::null_mut()),
            raided: AtomicBool::new(false),
            spoils: Mutex::new(ptr::null_mut()),
        }
    }

    /// Puts an entry in, and gives back the one it displaces. Only the owner of the worker calls this.
    #[inline]
    pub fn replace(&self, entry: NonNull<T>) -> Option<NonNull<T>> {
        self.store(entry.as_ptr())
    }

    /// Takes the entry. Only the owner of the worker calls this.
    #[inline]
    pub fn take(&self) -> Option<NonNull<T>> {
        if self.is_empty() {
            return None;
        }
        self.store(ptr::null_mut())
    }

    /// Stores what is there next, and gives what was there before, if that is still the owner's.
    #[inline]
    fn store(&self, next: *mut T) -> Option<NonNull<T>> {
        // Relaxed: the owner's own store.
        let before = self.entry.load(Ordering::Relaxed);
        // Release: pairs with the Acquire in `raid`.
        self.entry.store(next, Ordering::Release);
        let before = NonNull::new(before)?;
        // Pairs with the heavy one in `raid`: either that finds what was stored, or this look finds the raid.
        asymmetric::light();
        // Relaxed: ordered by the fence.
        if self.raided.load(Ordering::Relaxed) {
            return self.end_raid(before);
        }
        Some(before)
    }

    /// Takes note of a raid, once it is over. Gives `before`, which was in the slot, unless that was taken.
    #[cold]
    fn end_raid(&self, before: NonNull<T>) -> Option<NonNull<T>> {
        let mut spoils = self.spoils.lock();
        let taken = std::mem::replace(&mut *spoils, ptr::null_mut());
        // Relaxed (all): under the lock, or the owner's own.
        self.raided.store(false, Ordering::Relaxed);
        if before.as_ptr() == taken {
            // What is in the slot now came after, be it the same once more.
            return None;
        }
        if self.entry.load(Ordering::Relaxed) == taken {
            self.entry.store(ptr::null_mut(), Ordering::Relaxed);
        }
        Some(before)
    }

    /// For the monitor: takes the entry from a worker that is stuck.
    pub fn raid(&self) -> Option<NonNull<T>> {
        let mut spoils = self.spoils.lock();
        // The owner has not taken note of the last raid: what that took is still here, or the owner comes by just now.
        if self.is_empty() || !spoils.is_null() {
            return None;
        }
        // Relaxed: ordered by the fence.
        self.raided.store(true, Ordering::Relaxed);
        // Pairs with the light one in `store`.
        asymmetric::heavy();
        // Acquire: pairs with the Release in `store`.
        let entry = self.entry.load(Ordering::Acquire);
        *spoils = entry;
        NonNull::new(entry)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        // Relaxed: the owner knows its own store; the monitor looks again at its next tick.
        self.entry.load(Ordering::Relaxed).is_null()
    }
}
