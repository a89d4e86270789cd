//! How cells come back that were freed by others than their owner.

use std::ptr;

use super::link;
use crate::sync::{AtomicPtr, Ordering};
use crate::task::Header;

/// Cells freed by others than the owner: push one, take all. Nobody pops a single one, so there is no ABA.
pub(super) struct RemoteStack(AtomicPtr<Header>);

/// The head of a retired stack.
fn closed() -> *mut Header {
    ptr::without_provenance_mut(1)
}

impl RemoteStack {
    pub(super) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// False: the stack is closed, and the cell was not pushed.
    ///
    /// # Safety
    /// The cell's link is the caller's.
    pub(super) unsafe fn push(&self, cell: *mut Header) -> bool {
        // Acquire (and on failure below): pairs with the Release in `close`: who meets the tag sees the engine's count.
        let mut head = self.0.load(Ordering::Acquire);
        loop {
            if head == closed() {
                return false;
            }
            // SAFETY: as the caller promises, until the exchange succeeds.
            unsafe { *link(cell) = head };
            // Release: pairs with the Acquire in `take_all` and `close`: the owner sees the link.
            match self
                .0
                .compare_exchange_weak(head, cell, Ordering::Release, Ordering::Acquire)
            {
                Ok(_) => return true,
                Err(seen) => head = seen,
            }
        }
    }

    pub(super) fn take_all(&self) -> *mut Header {
        // Relaxed: an empty stack gives nothing to see; a full one is taken by the swap below.
        let head = self.0.load(Ordering::Relaxed);
        if head.is_null() || head == closed() {
            return ptr::null_mut();
        }
        // Acquire: pairs with the Release in `push`. Only `close` could have come in between, and it is the owner's.
        self.0.swap(ptr::null_mut(), Ordering::Acquire)
    }

    pub(super) fn close(&self) -> *mut Header {
        // Acquire: pairs with the Release in `push`. Release: the engine's count, set before, is seen by who meets the tag.
        let head = self.0.swap(closed(), Ordering::AcqRel);
        if head == closed() {
            ptr::null_mut()
        } else {
            head
        }
    }
}
