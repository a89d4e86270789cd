//! Plain memory is outside of loom's sight, so in a model whoever takes a cell, and whoever frees it, makes exclusive accesses to fields that loom
//! does see. Freeing leaves the join waker and the output alone, as the owner of the pages may still have to take them out; others, who stand on a
//! reference when they do, say so.

use super::Header;
use crate::sync::UnsafeCell;

/// Makes those fields.
///
/// # Safety
/// The cell lies in a page that nobody else knows yet.
pub(super) unsafe fn make(cell: *mut Header) {
    // SAFETY: inside the allocation.
    let place = unsafe { &raw mut (*cell).fixed.join_waker };
    // SAFETY: as the caller promises.
    unsafe { place.write(UnsafeCell::new(None)) };
    // SAFETY: as above.
    let place = unsafe { &raw mut (*cell).fixed.tenancy };
    // SAFETY: as above.
    unsafe { place.write(UnsafeCell::new(())) };
}

/// # Safety
/// The fields have been written.
pub(super) unsafe fn take(cell: *mut Header) {
    // SAFETY: as the caller promises.
    unsafe { free(cell) };
    // SAFETY: as the caller promises, and it is never left without a value.
    let join_waker = unsafe { &(*cell).fixed.join_waker };
    join_waker.with_mut(|_| ());
}

/// # Safety
/// The fields have been written.
pub(super) unsafe fn free(cell: *mut Header) {
    // SAFETY: as the caller promises.
    let tenancy = unsafe { &(*cell).fixed.tenancy };
    tenancy.with_mut(|_| ());
}

/// The caller stands on a reference.
pub(super) fn stand_on(header: &Header) {
    header.tenancy.with(|_| ());
}
