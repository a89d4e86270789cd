//! Wakers: one counted reference to a task each.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{Header, TaskRef};
use super::state::Wake;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker for the time of a poll: it stands on the runtime's reference and counts none of its own.
pub(crate) struct BorrowedWaker(ManuallyDrop<Waker>);

impl BorrowedWaker {
    /// # Safety
    /// The cell stays alive for as long as the result does.
    #[inline]
    pub(crate) unsafe fn new(task: NonNull<Header>) -> Self {
        let raw = RawWaker::new(task.as_ptr().cast_const().cast(), &VTABLE);
        // SAFETY: the vtable below keeps the contract of RawWaker for pointers to headers; the count that `drop`
        // would give back is never given back, as it was never taken.
        Self(ManuallyDrop::new(unsafe { Waker::from_raw(raw) }))
    }
}

impl Deref for BorrowedWaker {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.0
    }
}

fn header(data: *const ()) -> NonNull<Header> {
    // SAFETY: every waker of this vtable was made from a NonNull.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker being cloned holds a reference, or stands on one (BorrowedWaker).
    unsafe { header(data).as_ref() }.state.retain();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    let task = header(data);
    // SAFETY: this waker's reference is held until `wake_and_release` gives it back.
    match unsafe { task.as_ref() }.state.wake_and_release() {
        Wake::Push => {
            // SAFETY: the reference, not given back in this case, is handed to the guard: it outlasts the push.
            let keep = unsafe { TaskRef::from_raw(task) };
            // SAFETY: the task became SCHEDULED by this call.
            unsafe { (keep.header().vtable.schedule)(task) };
        }
        Wake::Done => {}
        Wake::Free => {
            // SAFETY: nobody frees it but us.
            let vtable = unsafe { task.as_ref() }.vtable;
            // SAFETY: that was the last reference.
            unsafe { (vtable.free)(task) }
        }
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    let task = header(data);
    // SAFETY: the waker holds a reference, or stands on one, during this call.
    let header = unsafe { task.as_ref() };
    if header.state.wake() == Wake::Push {
        // SAFETY: the task became SCHEDULED by this call, and the waker's reference outlasts the push.
        unsafe { (header.vtable.schedule)(task) }
    }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker's reference goes over to the guard, which gives it back.
    drop(unsafe { TaskRef::from_raw(header(data)) });
}
