//! Which task this thread is polling.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::task::Context;

use super::state::{Pause, State};
use super::{Header, PageSet, TaskId, waker};

/// Marks, in the address of the current task, that it wants to be queued again when its poll is over.
const YIELDED: usize = 1;

const _: () = assert!(align_of::<Header>() > YIELDED);

thread_local! {
    // No destructor: it can be used in the destructors of other thread-locals.
    static CURRENT: Cell<*const Header> = const { Cell::new(ptr::null()) };
}

/// Says which task's turn begins, or that it is over.
#[inline]
pub(crate) fn set(task: Option<NonNull<Header>>) {
    CURRENT.set(task.map_or(ptr::null(), |task| task.as_ptr().cast_const()));
}

/// The task is complete, and may be gone: it is current no longer, if it was.
#[inline]
pub(super) fn end(ended: NonNull<Header>) {
    if ptr::eq(task(), ended.as_ptr()) {
        set(None);
    }
}

/// Wakes the task that `cx` leads to. If that is the one being polled here, and nobody stands in between, a note says so, which is cheaper than
/// its waker: nobody else has to see it.
#[inline]
pub(crate) fn wake(cx: &Context<'_>) {
    match NonNull::new(task().cast_mut()) {
        Some(task) if waker::wakes(cx.waker(), task) => {
            CURRENT.set(task.as_ptr().map_addr(|address| address | YIELDED));
        }
        _ => cx.waker().wake_by_ref(),
    }
}

/// The poll of the current task returned `Pending`.
#[inline]
pub(super) fn pause(state: &State) -> Pause {
    if CURRENT.get().addr() & YIELDED == 0 {
        state.pause()
    } else {
        state.pause_yielded()
    }
}

/// For a stay that begins inside a turn: what to put back after it.
pub(crate) fn replace(task: *const Header) -> *const Header {
    CURRENT.replace(task)
}

/// Whether this thread polls a task, not a root.
pub(crate) fn is_set() -> bool {
    !CURRENT.get().is_null()
}

/// The page set of the task that this thread polls.
pub(crate) fn home() -> Option<NonNull<PageSet>> {
    let task = NonNull::new(task().cast_mut())?;
    // SAFETY: as in `with`.
    let home = unsafe { task.as_ref() }.vtable.home;
    // SAFETY: during a turn a task stands on the runtime's reference, and a ticket, or an element that it begins, on the turn or the entry.
    Some(unsafe { home(task) })
}

fn task() -> *const Header {
    CURRENT.get().map_addr(|address| address & !YIELDED)
}

fn with<R>(f: impl FnOnce(&Header) -> R) -> Option<R> {
    // SAFETY: set for the time of a turn only, during which the runtime's reference keeps the cell as long as user code runs, or its chunk's do.
    unsafe { task().as_ref() }.map(f)
}

/// The id of the task that is being polled on this thread. None outside of tasks, and in the root of `run` or `block_on`.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     assert_eq!(heist::task::id(), None);
///     let handle = heist::spawn(async { heist::task::id() });
///     let id = handle.id();
///     assert_eq!(handle.await.unwrap(), Some(id));
/// });
/// ```
#[must_use]
pub fn id() -> Option<TaskId> {
    with(|task| task.meta.id)
}

/// Where the running task was spawned.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let handle = heist::spawn(async { heist::task::location() });
///     assert_eq!(handle.await.unwrap().unwrap().file(), file!());
/// });
/// ```
#[must_use]
pub fn location() -> Option<&'static Location<'static>> {
    with(|task| task.meta.origin.location())
}

/// The task that spawned the running one. None if the root did, or a thread outside of any task.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let outer = heist::spawn(async {
///         let inner = heist::spawn(async { heist::task::parent() });
///         (heist::task::id(), inner.await.unwrap())
///     });
///     let (id, parent) = outer.await.unwrap();
///     assert!(id.is_some());
///     assert_eq!(id, parent);
/// });
/// ```
#[must_use]
pub fn parent() -> Option<TaskId> {
    with(|task| task.meta.parent).flatten()
}
