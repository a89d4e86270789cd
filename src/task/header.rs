//! What every cell begins with, whatever future it holds.

use std::ops::Deref;
use std::ptr::NonNull;

use super::TaskId;
use super::origin::Origin;
use super::pages::PageSet;
use super::state::State;
use super::waker::JoinWaker;
use crate::sync::UnsafeCell;

/// The head of a cell. `state` comes first and is never overlaid: it is all that a walker may read of a cell it
/// holds no reference to. Who may touch which field when: see the module's page.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    pub(crate) fixed: Fixed,
}

/// What is written before the task is published.
#[repr(C)]
pub(crate) struct Fixed {
    pub(crate) vtable: &'static Vtable,
    pub(crate) meta: Meta,
    /// The joiner's, or with JOIN_WAKER and COMPLETE set the completer's.
    pub(crate) join_waker: UnsafeCell<Option<JoinWaker>>,
    /// See `modelled`.
    #[cfg(heist_loom)]
    pub(crate) tenancy: UnsafeCell<()>,
}

// With a future and an output of two words a cell is one cache line.
#[cfg(all(target_pointer_width = "64", not(heist_loom)))]
const _: () = assert!(size_of::<Header>() == 48);

impl Deref for Header {
    type Target = Fixed;

    fn deref(&self) -> &Fixed {
        &self.fixed
    }
}

impl Header {
    /// Fills everything but the state word, which walkers may be reading.
    ///
    /// # Safety
    /// `cell` is the caller's alone: it is not published, and nobody has a reference.
    #[inline]
    pub(crate) unsafe fn fill(cell: NonNull<Header>, vtable: &'static Vtable, meta: Meta) {
        // SAFETY: the cell is the caller's, and the place is inside it.
        let place = unsafe { &raw mut (*cell.as_ptr()).fixed };
        let fixed = Fixed {
            vtable,
            meta,
            join_waker: UnsafeCell::new(None),
            #[cfg(heist_loom)]
            tenancy: UnsafeCell::new(()),
        };
        // SAFETY: as above; what was there before needs no drop.
        unsafe { place.write(fixed) };
    }

    /// Fills a cell anew that differs in nothing but the id from what it was filled with before.
    ///
    /// # Safety
    /// As for `fill`; and `fill` was called on it before.
    #[inline]
    pub(crate) unsafe fn renumber(cell: NonNull<Header>, id: TaskId) {
        // SAFETY: the cell is the caller's, and the place is inside it.
        let place = unsafe { &raw mut (*cell.as_ptr()).fixed.meta.id };
        // SAFETY: as above.
        unsafe { place.write(id) };
    }
}

/// Takes the turn that a queue entry stands for.
///
/// # Safety
/// The caller holds the entry, and with it the right to this turn.
#[inline]
pub(crate) unsafe fn run(task: NonNull<Header>) {
    // SAFETY: a queued task is covered by the runtime's reference.
    let vtable = unsafe { task.as_ref() }.vtable;
    // SAFETY: as the caller promises.
    unsafe { (vtable.run)(task) }
}

/// Who a task is: written before it is published, read-only from then on.
#[derive(Debug)]
pub(crate) struct Meta {
    pub(crate) id: TaskId,
    pub(crate) parent: Option<TaskId>,
    pub(crate) origin: Origin,
}

/// What can be done with a cell without knowing its future.
pub(crate) struct Vtable {
    /// Takes the turn that a queue entry stands for.
    pub(crate) run: unsafe fn(NonNull<Header>),
    /// Puts a task that became due into a queue.
    pub(crate) schedule: unsafe fn(NonNull<Header>),
    /// Wakes the task, with a waker's reference, which is given back.
    pub(crate) wake: unsafe fn(NonNull<Header>),
    /// Drops the future of a task that the caller has claimed, and completes it as cancelled.
    pub(crate) cancel: unsafe fn(NonNull<Header>),
    /// Moves the output to where the pointer says, which is a `Result<T, JoinError>`.
    pub(crate) read_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops an output that nobody took.
    pub(crate) drop_output: unsafe fn(NonNull<Header>),
    /// Gives the cell back, after the last reference.
    pub(crate) free: unsafe fn(NonNull<Header>),
    /// The page set that the task was made in, and through it the engine.
    pub(crate) home: unsafe fn(NonNull<Header>) -> NonNull<PageSet>,
    /// Whether the walk at the end claims it. Not roots, and not what a batch's hub answers for.
    pub(crate) walkable: bool,
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "task {}", self.meta.id)?;
        if let Some(name) = self.meta.origin.name() {
            write!(f, " \"{name}\"")?;
        }
        write!(f, " spawned at {}", self.meta.origin.location())?;
        if let Some(parent) = self.meta.parent {
            write!(f, " by task {parent}")?;
        }
        write!(f, " [{:?}]", self.state)
    }
}

/// One counted reference to a cell.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a reference only leads to the state word, to fields that are read-only while it is held, and to the
// vtable's functions, which the state word arbitrates between threads.
unsafe impl Send for TaskRef {}
// SAFETY: as above; every method takes `&self` and is safe to call from several threads.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// # Safety
    /// The caller hands over one reference to a living cell.
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self(header)
    }

    pub(crate) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the reference held keeps the cell, and shared access is what other holders have too.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn abort(&self) {
        if self.header().state.abort() == super::state::Wake::Push {
            // SAFETY: the task just became due by this call, and our reference outlasts the push.
            unsafe { (self.header().vtable.schedule)(self.0) }
        }
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        self.header().state.retain();
        Self(self.0)
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        #[cfg(heist_loom)]
        super::modelled::stand_on(self.header());
        if self.header().state.release() {
            // SAFETY: that was the last reference.
            unsafe { (self.header().vtable.free)(self.0) }
        }
    }
}
