//! What keeps a set, and with it the engine, as a cell does that is out, without being one.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::PageSet;
use crate::sync::{AtomicUsize, Ordering};
use crate::task::Schedule;

/// Holds that others than the owner have given up: counted by them, and taken over by the owner.
pub(super) struct GivenUp(AtomicUsize);

/// The set is retired.
const CLOSED: usize = 1;
const ONE: usize = 2;

impl GivenUp {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// False: closed before.
    fn add(&self) -> bool {
        // Release: pairs with the Acquire in `take` and `close`: whoever counts comes after what was done under the hold.
        // Acquire: pairs with the Release in `close`: who meets the tag sees the engine's count.
        self.0.fetch_add(ONE, Ordering::AcqRel) & CLOSED == 0
    }

    /// For the owner: how many came since it last asked.
    pub(super) fn take(&self) -> usize {
        // Relaxed: zero gives nothing to see; any other number is taken by the swap below.
        let seen = self.0.load(Ordering::Relaxed);
        if seen == 0 || seen & CLOSED != 0 {
            return 0;
        }
        // Acquire: pairs with the Release in `add`. `close` cannot have come in between: it is the owner's.
        self.0.swap(0, Ordering::Acquire) / ONE
    }

    /// From now on they are reported to the engine instead. How many came before.
    pub(super) fn close(&self) -> usize {
        // Acquire: pairs with the Release in `add`. Release: the engine's count, set before, is seen by who meets the tag.
        self.0.fetch_or(CLOSED, Ordering::AcqRel) / ONE
    }
}

/// Counted by the set's owner without an atomic, and given up by anybody.
pub(crate) struct Hold<S: Schedule> {
    set: NonNull<PageSet>,
    schedule: PhantomData<S>,
}

// SAFETY: it leads to the set, which may be shared; giving up asks who owns that.
unsafe impl<S: Schedule> Send for Hold<S> {}
// SAFETY: as above.
unsafe impl<S: Schedule> Sync for Hold<S> {}

impl<S: Schedule> Hold<S> {
    /// # Safety
    /// The caller is the owner, and the set is not retired.
    #[inline]
    pub(crate) unsafe fn new(set: &PageSet) -> Self {
        set.local.with_mut(|local| {
            // SAFETY: the caller is the owner, so nobody else has a reference into `local`.
            unsafe { (*local).held += 1 }
        });
        Self {
            set: NonNull::from(set),
            schedule: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn set(&self) -> &PageSet {
        // SAFETY: held.
        unsafe { self.set.as_ref() }
    }
}

impl<S: Schedule> Drop for Hold<S> {
    #[inline]
    fn drop(&mut self) {
        if S::owns(self.set()) {
            self.set().local.with_mut(|local| {
                // SAFETY: this thread is the owner.
                unsafe { (*local).held -= 1 }
            });
        } else if !self.set().given_up.add() {
            // SAFETY: the set is retired, and this hold kept the engine until now.
            unsafe { S::cell_gone(self.set) }
        }
    }
}
