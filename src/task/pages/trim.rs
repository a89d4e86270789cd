//! Pages go back to the system when a burst of tasks is over.

use std::time::{Duration, Instant};

use super::{CLASSES, Local, Page, PageSet, link};
use crate::task::Header;

/// As many cells are kept although no task needs them: half a megabyte of the smallest.
const KEPT: usize = 4096;

/// The least time between two looks, as each goes through all free cells, and a burst may be followed by the next one.
const INTERVAL: Duration = Duration::from_secs(1);

impl PageSet {
    /// Gives back pages none of whose cells is in use, if most cells are free. To be called when the owner has nothing to do.
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline]
    pub(crate) unsafe fn trim(&self, now: impl FnOnce() -> Instant) {
        self.local.with_mut(|local| {
            // SAFETY: the caller is the owner, so nobody else has a reference into `local`.
            let local = unsafe { &mut *local };
            if local.cells > KEPT {
                self.look_for_surplus(local, now());
            }
        });
    }

    #[cold]
    fn look_for_surplus(&self, local: &mut Local, now: Instant) {
        let is_early = |at| now.saturating_duration_since(at) < INTERVAL;
        if local.trimmed.is_some_and(is_early) {
            return;
        }
        local.trimmed = Some(now);
        self.collect_remote(local);
        if local.out < local.cells / 4 {
            self.give_back(local);
        }
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
        let mut needless = |(page, free): (&Page, usize)| {
            // All of its cells are listed: nobody else has one, or is about to free one.
            let needless = free == page.cells() && local.cells - free >= KEPT;
            local.cells -= if needless { free } else { 0 };
            needless
        };
        let goes: Vec<bool> = pages.iter().zip(free).map(&mut needless).collect();
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

/// Which of the pages, in the order of their addresses, a cell is in.
fn page_of(pages: &[Page], cell: *mut Header) -> usize {
    pages.partition_point(|page| page.base.as_ptr() <= cell.cast()) - 1
}
