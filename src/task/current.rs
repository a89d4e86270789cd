//! Which task this thread is polling.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::task::Context;

use super::state::{Pause, SPARE, State, Taken, Turn};
use super::{Header, PageSet, TaskId, waker};

/// In the address of the current task: it wants to be queued again when its poll is over, ...
const YIELDED: usize = 1;
/// ... and so many of its spare references were taken.
const TAKEN: usize = 2;
const NOTES: usize = TAKEN * (SPARE + 1);

const _: () = assert!(NOTES.is_power_of_two() && align_of::<Header>() >= NOTES);

#[cfg(not(heist_loom))]
thread_local! {
    // No destructor: it can be used in the destructors of other thread-locals.
    static CURRENT: Cell<*const Header> = const { Cell::new(ptr::null()) };
}

#[cfg(heist_loom)]
loom::thread_local! {
    static CURRENT: Cell<*const Header> = Cell::new(ptr::null());
}

/// Says which task's turn begins, or that it is over. What was noted of the last one has been heeded, by [`pause`] or [`end`].
#[inline]
pub(crate) fn set(task: Option<NonNull<Header>>) {
    CURRENT.with(|current| current.set(task.map_or(ptr::null(), |task| task.as_ptr())));
}

/// What was noted of `task`, if it is the current one: as many as the address is above it.
#[inline]
fn notes_of(current: *const Header, task: *const Header) -> Option<usize> {
    let above = current.addr().wrapping_sub(task.addr());
    (above < NOTES).then_some(above)
}

/// Takes a spare reference to `task`. If none is left, `make` makes [`SPARE`] more. False: this thread has not its turn.
#[inline]
pub(super) fn take_spare(task: NonNull<Header>, make: impl FnOnce()) -> bool {
    CURRENT.with(|current| {
        let now = current.get();
        let Some(notes) = notes_of(now, task.as_ptr()) else {
            return false;
        };
        current.set(if notes < SPARE * TAKEN {
            now.map_addr(|address| address + TAKEN)
        } else {
            make();
            now.map_addr(|address| address - (SPARE - 1) * TAKEN)
        });
        true
    })
}

/// Makes a reference to `task` a spare one again. If none is missing, `give_back` gives [`SPARE`] back. False: this thread has not its turn.
#[inline]
pub(super) fn put_spare(task: NonNull<Header>, give_back: impl FnOnce()) -> bool {
    CURRENT.with(|current| {
        let now = current.get();
        let Some(notes) = notes_of(now, task.as_ptr()) else {
            return false;
        };
        current.set(if notes >= TAKEN {
            now.map_addr(|address| address - TAKEN)
        } else {
            give_back();
            now.map_addr(|address| address + (SPARE - 1) * TAKEN)
        });
        true
    })
}

/// The task is about to become complete, and may then be gone: it is current no longer, if it was. How many spare references are missing.
#[inline]
pub(super) fn end(task: NonNull<Header>) -> Taken {
    CURRENT.with(|current| match notes_of(current.get(), task.as_ptr()) {
        Some(notes) => {
            current.set(ptr::null());
            Taken::new(notes / TAKEN)
        }
        None => Taken::NONE,
    })
}

/// Wakes the task that `cx` leads to. If that is the one being polled here, and nobody stands in between, a note says so, which is cheaper than
/// its waker: nobody else has to see it.
#[inline]
pub(crate) fn wake(cx: &Context<'_>) {
    match NonNull::new(task().cast_mut()) {
        Some(task) if waker::wakes(cx.waker(), task) => {
            CURRENT.with(|current| current.set(current.get().map_addr(|now| now | YIELDED)));
        }
        _ => cx.waker().wake_by_ref(),
    }
}

/// The poll of `task`, which has this state, returned `Pending`: it is current no longer.
#[inline]
pub(super) fn pause(task: NonNull<Header>, state: &State, turn: Turn) -> Pause {
    let notes = CURRENT.with(|current| {
        let notes = notes_of(current.get(), task.as_ptr());
        current.set(ptr::null());
        notes.unwrap_or(0)
    });
    let taken = Taken::new(notes / TAKEN);
    if notes & YIELDED == 0 {
        state.pause(turn, taken)
    } else {
        state.pause_yielded(taken)
    }
}

/// For a stay that begins inside a turn: what to put back after it, with what is noted of it.
pub(crate) fn replace(task: *const Header) -> *const Header {
    CURRENT.with(|current| current.replace(task))
}

/// While it lives, another task is current than the one whose turn this is.
pub(crate) struct Aside(*const Header);

impl Aside {
    pub(crate) fn for_task(task: NonNull<Header>) -> Self {
        Self(replace(task.as_ptr()))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        replace(self.0);
    }
}

/// Whether this thread polls a task, not a root.
pub(crate) fn is_set() -> bool {
    !task().is_null()
}

/// The page set of the task that this thread polls.
pub(crate) fn home() -> Option<NonNull<PageSet>> {
    let task = NonNull::new(task().cast_mut())?;
    // SAFETY: as in `with`.
    let home = unsafe { task.as_ref() }.vtable.home;
    // SAFETY: during a turn a task stands on the runtime's reference, and a ticket, or an element that it begins, on the turn or the entry.
    Some(unsafe { home(task) })
}

#[inline]
fn task() -> *const Header {
    CURRENT.with(|current| current.get().map_addr(|address| address & !(NOTES - 1)))
}

#[inline]
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
#[inline]
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
