//! Tasks: ids, names, handles, and who spawned what where.
//
// The protocol: who may touch which part of a cell, and when.
//
// A task is one cell in a page: a [`Header`](header::Header) and, behind it, the future or its output. Its life, and which thread may do what
// in each part of it, is decided by the state word alone ([`state`]).
//
// | field | written by | read by |
// |---|---|---|
// | `state` | anybody with a reference, through the transitions of [`state::State`] | also walkers without one |
// | `vtable`, `meta` | the spawner, before it publishes | anybody with a reference |
// | `body`: future | whoever has the turn | the same |
// | `body`: output | whoever has the turn, before COMPLETE | the `JoinHandle`; without JOIN_INTEREST the completer, as with `join_waker` |
// | `join_waker` | the `JoinHandle`, while JOIN_WAKER is clear | the completer, if JOIN_WAKER was set when it set COMPLETE; if it owns the pages, even when the cell is free |
// | link (over `vtable`) | whoever freed the cell | the owner of the page set |
//
// A queue entry is a bare pointer: the runtime's reference, which lasts from spawn to completion, covers it. So it is covered exactly as long
// as the task is due and not complete, which is when it is in a queue.

use std::future::Future;
use std::ptr::NonNull;

pub(crate) mod batch;
mod builder;
mod cell;
pub(crate) mod current;
mod error;
pub(crate) mod header;
pub(crate) mod id;
mod join;
#[cfg(heist_loom)]
mod modelled;
pub(crate) mod origin;
pub(crate) mod pages;
pub(crate) mod state;
pub(crate) mod waker;

pub use builder::Builder;
pub(crate) use cell::{free_cell, requeue_cell, schedule_cell, wake_cell};
pub use current::{id, location, parent};
pub use error::JoinError;
pub(crate) use header::{Header, Meta, Vtable, run};
pub use id::TaskId;
pub use join::{AbortHandle, JoinHandle};
pub(crate) use origin::Origin;
pub(crate) use pages::PageSet;

/// What tasks need of a scheduler.
pub(crate) trait Schedule: 'static {
    /// Queues a task that became due by a wake or an abort.
    ///
    /// # Safety
    /// The task is due and in no queue; the caller holds a reference of its own until this returns, or the engine [`stays`](Self::stays). It was
    /// made in `home`, or its batch was.
    unsafe fn schedule(task: NonNull<Header>, home: NonNull<PageSet>);

    /// Queues a task that was woken while it was polled, on the thread that polled it.
    ///
    /// # Safety
    /// The task is due and in no queue. It was made in `home`, or its batch was.
    unsafe fn requeue(task: NonNull<Header>, home: NonNull<PageSet>);

    /// Whether this thread owns the page set.
    fn owns(set: &PageSet) -> bool;

    /// Whether the engine of this set outlasts what this thread does now, whatever becomes of the set's cells.
    fn stays(set: &PageSet) -> bool;

    /// A task of this set is about to become complete, and then to wake its joiner, on this thread. Gives what [`owns`](Self::owns) would.
    fn completed(set: &PageSet) -> bool;

    /// A cell came back to a set after it was retired, or a hold.
    ///
    /// # Safety
    /// Called once for each that was out when the set was retired.
    unsafe fn cell_gone(set: NonNull<PageSet>);
}

/// What batches need beyond that.
pub(crate) trait BatchSchedule: Schedule {
    /// Where the memory of batches of this set goes for a while. None: nowhere.
    fn store(set: &PageSet) -> Option<&batch::Store>;

    /// So many elements of this set are about to become complete.
    fn all_completed(set: &PageSet, count: u64);

    /// Queues the entry of a range, where others find it, and wakes one of them. So many elements are left.
    ///
    /// # Safety
    /// The entry is in no queue. Its batch was made in `home`. Others may run and free it at once: unless the caller has the range's turn, it does not touch it again, and it is not
    /// this thread's current task.
    unsafe fn offer(entry: NonNull<Header>, home: NonNull<PageSet>, left: usize);

    /// Takes an entry back that `offer` queued on this thread, if it is easily had.
    ///
    /// # Safety
    /// The caller keeps the ticket.
    unsafe fn retract(entry: NonNull<Header>) -> bool;

    /// An element of a batch is about to be polled for the first time.
    fn begin(element: NonNull<Header>);

    /// What a turn remembers of others that wait for its thread.
    type Waiting: Default;

    /// One element's poll is over, and another one's is to follow in the same turn. False: the turn has to end.
    fn next_poll(waiting: &mut Self::Waiting) -> bool;
}

/// A spawned task that is in no queue yet.
#[must_use = "a task that is never queued never runs"]
pub(crate) struct Fresh(pub(crate) NonNull<Header>);

/// Makes a task and its handle. The caller queues the task.
///
/// # Safety
/// The caller owns `home`. The future and its output are Send, or else never leave this thread.
#[inline]
pub(crate) unsafe fn create<F, S>(
    home: &PageSet,
    spec: Spec,
    future: F,
) -> (Fresh, JoinHandle<F::Output>)
where
    F: Future + 'static,
    S: Schedule,
{
    let meta = Meta {
        // SAFETY: the caller owns `home`.
        id: unsafe { home.next_ids(1) },
        parent: spec.parent,
        origin: spec.origin,
    };
    // SAFETY: as the caller promises.
    let task = unsafe { cell::create::<F, S>(home, meta, future) };
    // SAFETY: `create` counted a reference for the handle, and the output type is F's.
    (Fresh(task), unsafe { JoinHandle::from_raw(task) })
}

/// What a spawner knows of a task before it has an id.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) origin: Origin,
    pub(crate) parent: Option<TaskId>,
}
