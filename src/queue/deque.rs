//! The local queues and the injector.

use std::ptr::NonNull;

use crossbeam_deque as cb;
use crossbeam_deque::Steal;

use super::Entry;
use crate::sync::UnsafeCell;
use crate::task::Header;

/// The end of a local queue that its worker's occupant holds.
pub(crate) struct Local(UnsafeCell<cb::Worker<Entry>>);

// SAFETY: the methods that reach the queue through `&self` are unsafe, and demand that one thread at a time calls them.
unsafe impl Sync for Local {}

/// The end that everybody else may take from.
#[derive(Debug)]
pub(crate) struct Stealer(cb::Stealer<Entry>);

/// What a round of stealing gave.
#[derive(Debug)]
pub(crate) enum Stolen {
    One(NonNull<Header>),
    Nothing,
    /// Somebody was faster, so there may be more: no reason to sleep.
    Retry,
}

impl From<Steal<Entry>> for Stolen {
    fn from(steal: Steal<Entry>) -> Self {
        match steal {
            Steal::Success(entry) => Stolen::One(entry.0),
            Steal::Empty => Stolen::Nothing,
            Steal::Retry => Stolen::Retry,
        }
    }
}

impl Local {
    pub(crate) fn new() -> (Self, Stealer) {
        let queue = cb::Worker::new_fifo();
        let stealer = queue.stealer();
        (Self(UnsafeCell::new(queue)), Stealer(stealer))
    }

    /// # Safety
    /// The caller owns the worker, for as long as the result lives.
    #[inline]
    unsafe fn queue(&self) -> &cb::Worker<Entry> {
        // SAFETY: shared access to the queue, by one thread at a time as the caller promises.
        self.0.with(|queue| unsafe { &*queue })
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn push(&self, task: NonNull<Header>) {
        // SAFETY: as the caller promises.
        unsafe { self.queue() }.push(Entry(task));
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<NonNull<Header>> {
        // SAFETY: as the caller promises.
        unsafe { self.queue() }.pop().map(|entry| entry.0)
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn len(&self) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.queue() }.len()
    }
}

impl Stealer {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn steal(&self) -> Stolen {
        self.0.steal().into()
    }

    /// Takes one, and up to half of the rest into `into`.
    ///
    /// # Safety
    /// The caller owns the worker of `into`.
    pub(crate) unsafe fn steal_batch_and_pop(&self, into: &Local) -> Stolen {
        // SAFETY: as the caller promises.
        self.0.steal_batch_and_pop(unsafe { into.queue() }).into()
    }
}

/// The queue of everybody who sits at no worker.
#[derive(Debug)]
pub(crate) struct Injector(cb::Injector<Entry>);

impl Injector {
    pub(crate) fn new() -> Self {
        Self(cb::Injector::new())
    }

    pub(crate) fn push(&self, task: NonNull<Header>) {
        self.0.push(Entry(task));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn steal(&self) -> Stolen {
        self.0.steal().into()
    }

    /// Takes one, and a batch of more into `into`.
    ///
    /// # Safety
    /// The caller owns the worker of `into`.
    pub(crate) unsafe fn steal_batch_and_pop(&self, into: &Local) -> Stolen {
        // SAFETY: as the caller promises.
        self.0.steal_batch_and_pop(unsafe { into.queue() }).into()
    }
}
