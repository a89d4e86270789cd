//! Pages go back to the system when a burst of tasks is over.

use std::time::{Duration, Instant};

use super::{CLASSES, Local, Page, PageSet, link};
use crate::task::Header;

/// As many cells are kept although no task needs them: half a megabyte of the smallest.
const KEPT: usize = 4096;

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

    /// Gives pages back none of whose cells is in use. This goes through all free cells.
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
        let mut pages = self.pages.lock();
        pages.sort_unstable_by_key(|page| page.base);
        let mut free = vec![0; pages.len()];
        for list in local.free {
            let mut cell = list;
            while !cell.is_null() {
                free[page_of(&pages, cell)] += 1;
                // SAFETY: links of listed cells belong to the owner.
                cell = unsafe { *link(cell) };
            }
        }
        // From the highest address on, as that is where an allocator gives memory back.
        let mut goes = vec![false; pages.len()];
        for place in (0..pages.len()).rev() {
            // All of its cells are listed: nobody else has one, or is about to free one.
            if free[place] == pages[place].cells() && local.cells - free[place] >= KEPT {
                local.cells -= free[place];
                goes[place] = true;
            }
        }
        for class in 0..CLASSES {
            let mut cell = std::mem::replace(&mut local.free[class], std::ptr::null_mut());
            while !cell.is_null() {
                // SAFETY: as above.
                let next = unsafe { *link(cell) };
                if !goes[page_of(&pages, cell)] {
                    // SAFETY: as above.
                    unsafe { *link(cell) = local.free[class] };
                    local.free[class] = cell;
                }
                cell = next;
            }
        }
        let mut goes = goes.into_iter();
        pages.retain(|_| !goes.next().unwrap_or(false));
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

/// Which of the pages, in the order of their addresses, a cell is in.
fn page_of(pages: &[Page], cell: *mut Header) -> usize {
    pages.partition_point(|page| page.base.as_ptr() <= cell.cast()) - 1
}
