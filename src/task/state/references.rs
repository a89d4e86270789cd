//! How references are made and given back, and what becomes of the handle's.

use super::overflow;
use super::{
    COMPLETE, DropHandle, JOIN_INTEREST, JOIN_WAKER, REF, SPARE, SPAWNED, Snapshot, State,
};
use crate::sync::Ordering;

/// The spare references of a turn.
const SPARE_REFS: u64 = SPARE as u64 * REF;

impl State {
    /// The `JoinHandle` is dropped, which has not taken the output.
    #[inline]
    pub fn drop_handle(&self) -> DropHandle {
        // Most handles that are dropped unused are those of tasks that have not begun.
        let mut now = SPAWNED;
        loop {
            if now & COMPLETE != 0 {
                // Acquire (on failure below): pairs with the Release in `complete`: the output.
                return DropHandle::DropOutput;
            }
            let waker = now & JOIN_WAKER != 0;
            let next = (now & !(JOIN_INTEREST | JOIN_WAKER)) - if waker { 0 } else { REF };
            // Release: whatever the handle's owner did comes before the freeing of the cell (`release`).
            match self
                .0
                .compare_exchange(now, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) if waker => return DropHandle::DropWaker,
                Ok(_) => return DropHandle::Released,
                Err(seen) => now = seen,
            }
        }
    }

    /// Gives a reference to a task back that is complete, as the caller knows. True: it was the last, and the caller frees the cell.
    #[inline]
    pub fn release_complete(&self) -> bool {
        // References are only made from others, once the task is complete: so if the caller's is the last, it stays the last.
        // Acquire: pairs with the Releases that gave the others back: who frees comes after what all did.
        let now = self.0.load(Ordering::Acquire);
        debug_assert!(now & COMPLETE != 0 && now >= REF, "{}", Snapshot(now));
        now < 2 * REF || self.release()
    }

    /// One more reference, made from one that the caller holds.
    #[inline]
    pub fn retain(&self) {
        // Relaxed: the caller's reference keeps the cell; nothing is published by counting.
        let before = self.0.fetch_add(REF, Ordering::Relaxed);
        if before & (overflow::MANY | overflow::MAX_REFS) != 0 {
            self.retained_many(before);
        }
    }

    /// Makes as many spare references as the runtime has in a turn, in a turn.
    #[cold]
    pub fn retain_spare(&self) {
        // Relaxed: as in `retain`.
        let before = self.0.fetch_add(SPARE_REFS, Ordering::Relaxed);
        if before & (overflow::MANY | overflow::MAX_REFS) != 0 {
            self.retained_many(before);
        }
    }

    /// Gives so many back, in a turn, which has one more.
    #[cold]
    pub fn release_spare(&self) {
        // Relaxed: the turn's own reference is given back after this, by a Release, or passed on with the task.
        let before = self.0.fetch_sub(SPARE_REFS, Ordering::Relaxed);
        debug_assert!(before >= SPARE_REFS + REF, "from {}", Snapshot(before));
    }

    /// One more reference, if the cell is a living task: for a walker, who holds none yet.
    pub fn retain_if_alive(&self) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            // A complete one has nothing to offer, and its last reference may be given back without a read-modify-write.
            if now & COMPLETE != 0 || now < REF {
                return false;
            }
            // Acquire: pairs with the Release in `publish_spawned`: the walker sees the fields of this very task.
            match self
                .0
                .compare_exchange_weak(now, now + REF, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
    }

    /// Gives a reference back. True: it was the last, and the caller frees the cell.
    #[inline]
    pub fn release(&self) -> bool {
        // Release: what this holder did comes before the freeing. Acquire: who frees comes after what all did.
        let before = self.0.fetch_sub(REF, Ordering::AcqRel);
        debug_assert!(before >= REF, "release from {}", Snapshot(before));
        before < 2 * REF
    }
}
