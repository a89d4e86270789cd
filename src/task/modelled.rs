//! Whoever takes a cell, and whoever frees it, has it alone. Plain memory is outside of loom's sight, so in a model each makes
//! an exclusive access to a field that loom does see.

use super::Header;
use crate::sync::UnsafeCell;

/// Makes that field.
///
/// # Safety
/// The cell lies in a page that nobody else knows yet.
pub(super) unsafe fn cell(cell: *mut Header) {
    // SAFETY: inside the allocation.
    let place = unsafe { &raw mut (*cell).fixed.join_waker };
    // SAFETY: as the caller promises.
    unsafe { place.write(UnsafeCell::new(None)) };
}

/// # Safety
/// The field has been written.
pub(super) unsafe fn access(cell: *mut Header) {
    // SAFETY: as the caller promises, and it is never left without a value.
    let join_waker = unsafe { &(*cell).fixed.join_waker };
    join_waker.with_mut(|_| ());
}
