//! Blocks of pages go back to the system when a burst of tasks is over.

use std::cmp::Reverse;
use std::ptr;
use std::time::{Duration, Instant};

use super::{CLASSES, Local, PageSet};

/// As many cells are kept although no task needs them: a quarter of a megabyte of the smallest.
pub(super) const KEPT: usize = if cfg!(miri) { 64 } else { 4096 };

/// The least time between two trimmings, as a burst may be followed by the next one.
const INTERVAL: Duration = Duration::from_secs(1);

impl PageSet {
    /// Whether most cells are free, and it is time to do something about it: [`trim`](Self::trim).
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline]
    pub(crate) unsafe fn has_surplus(&self, now: impl FnOnce() -> Instant) -> bool {
        self.local.with_mut(|local| {
            // SAFETY: the caller is the owner, so nobody else has a reference into `local`.
            let local = unsafe { &mut *local };
            local.cells > KEPT && self.is_most_free(local) && local.is_time(now())
        })
    }

    /// Gives blocks back none of whose cells is in use. This goes through all listed cells, and all pages.
    ///
    /// # Safety
    /// The caller is the owner.
    #[cold]
    pub(crate) unsafe fn trim(&self) {
        self.local.with_mut(|local| {
            // SAFETY: the caller is the owner, so nobody else has a reference into `local`.
            self.give_back(unsafe { &mut *local });
        });
    }

    #[cold]
    fn is_most_free(&self, local: &mut Local) -> bool {
        self.collect_remote(local);
        local.out < local.cells / 4
    }

    fn give_back(&self, local: &mut Local) {
        // Whoever reads a cell without a reference to it holds this lock.
        let mut blocks = self.blocks.lock();
        // From the highest address on, as that is where an allocator gives memory back.
        blocks.sort_unstable_by_key(|block| Reverse(block.address()));
        for class in 0..CLASSES {
            local.put_away(class, usize::MAX);
            // Some of these may go.
            local.pages[class] = ptr::null_mut();
        }
        blocks.retain(|block| {
            let cells = block.len();
            // SAFETY: the caller of `trim` is the owner.
            let free = block.free().map(|free| unsafe { free.as_ref() }.count());
            // All of its cells are there: nobody else has one, or is about to free one.
            let goes = free.sum::<usize>() == cells && local.cells - cells >= KEPT;
            if goes {
                local.cells -= cells;
                local.blocks[block.class()] -= 1;
            } else {
                // SAFETY: as above, and it is in no list.
                unsafe { local.list_pages(block) };
            }
            !goes
        });
    }
}

impl Local {
    /// Whether the last time is long enough ago; this is the next one.
    fn is_time(&mut self, now: Instant) -> bool {
        let is_early = |at| now.saturating_duration_since(at) < INTERVAL;
        let is_time = !self.trimmed.is_some_and(is_early);
        if is_time {
            self.trimmed = Some(now);
        }
        is_time
    }
}
