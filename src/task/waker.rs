//! Wakers: one counted reference to a task each. And a joiner's waker, as a cell keeps it.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{Header, TaskRef};
use super::state::Wake;
use super::{PageSet, Schedule, current};

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
    unsafe { retain(header(data)) };
    RawWaker::new(data, &VTABLE)
}

/// One more reference, for a waker.
///
/// # Safety
/// The caller stands on one.
#[inline]
unsafe fn retain(task: NonNull<Header>) {
    // SAFETY: as the caller promises.
    let state = unsafe { &task.as_ref().state };
    if !current::take_spare(task, || state.retain_spare()) {
        state.retain();
    }
}

unsafe fn wake(data: *const ()) {
    let task = header(data);
    // SAFETY: this waker's reference is held until `wake` gives it back.
    let vtable = unsafe { task.as_ref() }.vtable;
    // SAFETY: as above.
    unsafe { (vtable.wake)(task) }
}

/// [`Vtable::wake`](super::Vtable::wake) where the engine may stand on the waker's reference: it is held until the push is over.
///
/// # Safety
/// As there.
pub(crate) unsafe fn wake_keeping(task: NonNull<Header>) {
    // SAFETY: the waker's reference is handed to the guard: it outlasts the push.
    let keep = unsafe { TaskRef::from_raw(task) };
    if keep.header().state.wake() == Wake::Push {
        // SAFETY: the task became due by this call.
        unsafe { (keep.header().vtable.schedule)(task) };
    }
}

/// The same for a task made in `home`. Where this thread sits at a worker of the same engine, that stays without the waker's reference, which is given
/// back together with the wake.
///
/// # Safety
/// As there; `home` is there for as long as the reference is.
#[inline]
pub(crate) unsafe fn wake_in<S: Schedule>(task: NonNull<Header>, home: NonNull<PageSet>) {
    // SAFETY: as the caller promises.
    if !S::stays(unsafe { home.as_ref() }) {
        // SAFETY: as the caller promises.
        return unsafe { wake_keeping(task) };
    }
    #[cfg(heist_loom)]
    // SAFETY: the caller's reference.
    super::modelled::stand_on(unsafe { task.as_ref() });
    // SAFETY: the caller's reference is held until `wake_and_release` gives it back.
    match unsafe { task.as_ref() }.state.wake_and_release() {
        // SAFETY: the task became due by this call, so the runtime's reference is there until it is pushed; the engine stays.
        Wake::Push => unsafe { S::schedule(task, home) },
        Wake::Done => {}
        // SAFETY: that was the last reference.
        Wake::Free => unsafe { free(task) },
    }
}

/// # Safety
/// The last reference is gone.
#[cold]
unsafe fn free(task: NonNull<Header>) {
    // SAFETY: nobody frees it but us.
    let vtable = unsafe { task.as_ref() }.vtable;
    // SAFETY: as the caller promises.
    unsafe { (vtable.free)(task) }
}

unsafe fn wake_by_ref(data: *const ()) {
    let task = header(data);
    // SAFETY: the waker holds a reference, or stands on one, during this call.
    let header = unsafe { task.as_ref() };
    if header.state.wake() == Wake::Push {
        // SAFETY: the task became due by this call, and the waker's reference outlasts the push.
        unsafe { (header.vtable.schedule)(task) }
    }
}

unsafe fn drop_waker(data: *const ()) {
    let task = header(data);
    // SAFETY: the waker's reference is there until it is given back.
    let state = unsafe { &task.as_ref().state };
    if !current::put_spare(task, || state.release_spare()) {
        // SAFETY: the waker's reference goes over to the guard, which gives it back.
        drop(unsafe { TaskRef::from_raw(task) });
    }
}

/// Marks, in the address of a box, that the waker in it is none of heist's.
const BOXED: usize = 1;

const _: () = assert!(align_of::<Header>() > BOXED && align_of::<Waker>() > BOXED);

/// A waker in one word: nearly every joiner is a task of heist's, whose vtable goes without saying. Others are boxed.
pub(crate) struct JoinWaker(NonNull<()>);

// SAFETY: it stands for a Waker, which is Send.
unsafe impl Send for JoinWaker {}

impl JoinWaker {
    #[inline]
    pub(crate) fn new(waker: &Waker) -> Self {
        if is_task(waker) {
            let task = header(waker.data());
            // SAFETY: the waker holds a reference, or stands on one.
            unsafe { retain(task) };
            return Self(task.cast());
        }
        let boxed = NonNull::from(Box::leak(Box::new(waker.clone())));
        Self(boxed.cast().map_addr(|address| address | BOXED))
    }

    #[inline]
    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        match self.boxed() {
            None => is_task(waker) && self.0.as_ptr().cast_const() == waker.data(),
            // SAFETY: the box is this waker's until it is woken or dropped.
            Some(boxed) => unsafe { boxed.as_ref() }.will_wake(waker),
        }
    }

    #[inline]
    pub(crate) fn wake(self) {
        let this = ManuallyDrop::new(self);
        match this.boxed() {
            // SAFETY: the reference counted by `new` goes over to `wake`.
            None => unsafe { wake(this.0.as_ptr()) },
            // SAFETY: leaked by `new`, and not used again.
            Some(boxed) => unsafe { Box::from_raw(boxed.as_ptr()) }.wake(),
        }
    }

    fn boxed(&self) -> Option<NonNull<Waker>> {
        let address = self.0.addr().get();
        if address & BOXED == 0 {
            return None;
        }
        NonNull::new(self.0.as_ptr().map_addr(|address| address & !BOXED).cast())
    }
}

impl Drop for JoinWaker {
    fn drop(&mut self) {
        match self.boxed() {
            // SAFETY: gives the reference back that `new` counted.
            None => unsafe { drop_waker(self.0.as_ptr()) },
            // SAFETY: leaked by `new`, and not used again.
            Some(boxed) => drop(unsafe { Box::from_raw(boxed.as_ptr()) }),
        }
    }
}

/// Whether waking it wakes this task, and nobody in between.
#[inline]
pub(crate) fn wakes(waker: &Waker, task: NonNull<Header>) -> bool {
    is_task(waker) && task.as_ptr().cast_const().cast() == waker.data()
}

/// Whether the waker is of this file: its data is a header's address.
fn is_task(waker: &Waker) -> bool {
    std::ptr::eq(waker.vtable(), &raw const VTABLE)
}
