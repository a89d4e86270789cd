//! Blocks of pages go back to the system when a burst of tasks is over.

use std::time::{Duration, Instant};

use super::block::{Block, Trim, trim_of};
use super::{CLASSES, Local, PageSet, link};

/// As many cells are kept although no task needs them: a quarter of a megabyte of the smallest.
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

    /// Gives blocks back none of whose cells is in use. This goes through all free cells.
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
        blocks.sort_unstable_by_key(Block::address);
        for block in blocks.iter_mut() {
            // SAFETY: the caller of `trim` is the owner.
            unsafe { block.trims() }.for_each(|trim| *trim = Trim::default());
        }
        for list in local.free {
            let mut cell = list;
            while !cell.is_null() {
                // SAFETY: a listed cell is in a page, and this is the owner.
                unsafe { trim_of(cell) }.free += 1;
                // SAFETY: links of listed cells belong to the owner.
                cell = unsafe { *link(cell) };
            }
        }
        for block in blocks.iter_mut().rev() {
            let cells = block.len();
            // SAFETY: as above.
            let free: usize = unsafe { block.trims() }.map(|trim| trim.free).sum();
            // All of its cells are listed: nobody else has one, or is about to free one.
            if free == cells && local.cells - cells >= KEPT {
                local.cells -= cells;
                local.blocks[block.class()] -= 1;
                // SAFETY: as above.
                unsafe { block.trims() }.for_each(|trim| trim.goes = true);
            }
        }
        for class in 0..CLASSES {
            let mut cell = std::mem::replace(&mut local.free[class], std::ptr::null_mut());
            while !cell.is_null() {
                // SAFETY: as above.
                let next = unsafe { *link(cell) };
                // SAFETY: as above.
                if !unsafe { trim_of(cell) }.goes {
                    // SAFETY: as above.
                    unsafe { *link(cell) = local.free[class] };
                    local.free[class] = cell;
                }
                cell = next;
            }
        }
        // SAFETY: as above.
        blocks.retain_mut(|block| !unsafe { block.trims() }.any(|trim| trim.goes));
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
