//! The local queues and the injector.

use std::ptr::NonNull;

use crossbeam_deque as cb;
use crossbeam_deque::Steal;

use super::Entry;
use super::lines::Lines;
use crate::sync::UnsafeCell;
use crate::task::Header;

/// The end of a local queue that its worker's occupant holds: see [`Lines`] for the order.
pub(crate) struct Local(UnsafeCell<Lines>);

// SAFETY: the methods that reach the lines through `&self` are unsafe, and demand that one thread at a time calls them.
unsafe impl Sync for Local {}

/// The end that everybody else may take from.
#[derive(Debug)]
pub(crate) struct Stealer {
    woken: cb::Stealer<Entry>,
    ranges: cb::Stealer<Entry>,
    yielded: cb::Stealer<Entry>,
}

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
        let lines = Lines::new();
        let [woken, ranges, yielded] = lines.stealers();
        let stealer = Stealer {
            woken,
            ranges,
            yielded,
        };
        (Self(UnsafeCell::new(lines)), stealer)
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place. `f` doesn't come back to this queue.
    #[inline]
    unsafe fn with<R>(&self, f: impl FnOnce(&mut Lines) -> R) -> R {
        // SAFETY: one thread at a time, as the caller promises, and one reference at a time.
        self.0.with_mut(|lines| f(unsafe { &mut *lines }))
    }

    /// Queues a task that was woken or spawned.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn push(&self, task: NonNull<Header>) {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.push_woken(Entry(task))) }
    }

    /// Queues a task that lets others go first: `in_slot` says that there is one in the next slot. Whether others wait too, besides that.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn push_yielded(&self, task: NonNull<Header>, in_slot: bool) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.push_yielded(Entry(task), usize::from(in_slot))) }
    }

    /// Queues what stands for many tasks that nobody has begun, as one that lets others go first.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    pub(crate) unsafe fn push_range(&self, range: NonNull<Header>) {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.push_range(Entry(range))) }
    }

    /// Queues a task behind those that stand with the one that was taken last.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn push_behind_taken(&self, task: NonNull<Header>) {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.push_behind_taken(Entry(task))) }
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<NonNull<Header>> {
        // SAFETY: as the caller promises.
        unsafe { self.with(Lines::pop) }.map(|entry| entry.0)
    }

    /// Queues a task that was woken or spawned, and takes the one whose turn it is then. None: a thief was faster.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn exchange(&self, task: NonNull<Header>) -> Option<NonNull<Header>> {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.exchange(Entry(task))) }.map(|entry| entry.0)
    }

    /// Whether anything waits here besides one range.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn has_beside_a_range(&self) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.has_beside_a_range()) }
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn len(&self) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.len()) }
    }
}

impl Stealer {
    pub(crate) fn is_empty(&self) -> bool {
        self.woken.is_empty() && self.ranges.is_empty() && self.yielded.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.woken.len() + self.ranges.len() + self.yielded.len()
    }

    pub(crate) fn steal(&self) -> Stolen {
        let lines = [&self.woken, &self.ranges, &self.yielded];
        let mut stolen = lines.into_iter().map(cb::Stealer::steal);
        stolen
            .find(|stolen| !stolen.is_empty())
            .unwrap_or(Steal::Empty)
            .into()
    }

    /// Takes one, and up to half of the rest of its line into the same line of `into`. Of ranges one.
    ///
    /// # Safety
    /// The caller owns the worker of `into`.
    pub(crate) unsafe fn steal_batch_and_pop(&self, into: &Local) -> Stolen {
        let steal = |into: &mut Lines| {
            let stolen = into.take_woken(|woken| self.woken.steal_batch_and_pop(woken));
            if !stolen.is_empty() {
                return stolen;
            }
            let stolen = into.take_range(|| self.ranges.steal());
            if !stolen.is_empty() {
                return stolen;
            }
            into.take_yielded(|yielded| self.yielded.steal_batch_and_pop(yielded))
        };
        // SAFETY: as the caller promises.
        unsafe { into.with(steal) }.into()
    }
}

/// The queue of everybody who sits at no worker.
#[derive(Debug)]
pub(crate) struct Injector(cb::Injector<Entry>);

impl Injector {
    pub(crate) fn new() -> Self {
        Self(cb::Injector::new())
    }

    /// A read-modify-write of what [`Injector::is_empty`] looks at: several threads may push, so each takes the next place by an exchange.
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
        let steal = |into: &mut Lines| into.take_woken(|woken| self.0.steal_batch_and_pop(woken));
        // SAFETY: as the caller promises.
        unsafe { into.with(steal) }.into()
    }
}

#[cfg(test)]
mod tests;
