//! The deadlines that tasks wait for, and whom to wake at each.
//!
//! One heap under one lock, and its least deadline published beside it, so that looking whether anything is
//! due takes no lock. Time is an argument here: the clock is the caller's.
//!
//! # Sleeping no longer than the earliest deadline
//!
//! Whoever inserts a deadline must be sure that the driver won't sleep past it. Both sides write first and
//! look second, with a `SeqCst` fence between, so at least one sees the other:
//!
//! - inserting: [`Timers::insert`] or [`Timers::reset`] publishes the minimum, under the lock; told that it
//!   was lowered, the caller fences, reads until when the driver sleeps, and interrupts it if that is later;
//! - driving: the driver stores until when it will sleep, fences, and reads [`Timers::next_deadline`] again.
//!
//! Both fences, and the driver's word, are the driver's own; this module only promises that the minimum
//! has been stored when `insert` and `reset` return. A minimum that rises is published too, but interrupts
//! nobody: the driver wakes once for nothing.
//!
//! # Wakers are somebody's code
//!
//! Cloning and dropping a waker may panic, and may come back to this very module. Both happen outside the lock.

mod heap;

use std::sync::OnceLock;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use heap::Heap;
pub(crate) use heap::TimerKey;

/// The published minimum when nothing will ever be due; also the tick of deadlines too far away to count.
const NEVER: u64 = u64::MAX;

/// The tick of `Timers::origin`. Ticks are nanoseconds, so there are 292 years on both sides of it.
const ORIGIN: u64 = 1 << 63;

/// How many due timers are taken out before others get a chance at the lock.
const BATCH: usize = 256;

/// What became of a timer that was to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reset {
    /// It is due at the new deadline, and another one is due before it or with it.
    Moved,
    /// It is due at the new deadline, which is now the earliest: the driver has to be told.
    Lowered,
    /// It has fired already, or was taken out at the end of the runtime.
    Gone,
}

/// All pending timers of a runtime.
#[derive(Debug)]
pub(crate) struct Timers {
    /// What ticks count from: some instant at the first insertion. Nothing depends on which.
    origin: OnceLock<Instant>,
    /// The least tick in `heap`, or `NEVER`. Written only under the heap's lock.
    earliest: AtomicU64,
    heap: Mutex<Heap<Waker>>,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            origin: OnceLock::new(),
            earliest: AtomicU64::new(NEVER),
            heap: Mutex::new(Heap::new()),
        }
    }

    /// The earliest deadline as a number, to be compared only; `u64::MAX`: none that ever comes.
    pub(crate) fn minimum(&self) -> u64 {
        // Relaxed: who relies on it has a fence before, as said above.
        self.earliest.load(Ordering::Relaxed)
    }

    /// Adds a timer. True: its deadline is now the earliest, and the caller has to tell the driver.
    ///
    /// A deadline more than 292 years away never comes.
    #[must_use]
    pub(crate) fn insert(&self, deadline: Instant, waker: &Waker) -> (TimerKey, bool) {
        let tick = tick(*self.origin.get_or_init(Instant::now), deadline);
        let waker = waker.clone();
        let mut heap = self.heap.lock();
        let key = heap.insert(tick, waker);
        (key, self.publish(&heap))
    }

    /// Makes a pending timer wake `waker`. False: it has fired already, or was taken out.
    #[must_use]
    pub(crate) fn update(&self, key: TimerKey, waker: &Waker) -> bool {
        // will_wake compares two pairs of pointers: no code of anybody's.
        match self.heap.lock().get_mut(key) {
            None => return false,
            Some(present) if present.will_wake(waker) => return true,
            Some(_) => {}
        }
        let mut other = waker.clone();
        let mut heap = self.heap.lock();
        let found = heap.get_mut(key);
        let pending = found.map(|present| std::mem::swap(present, &mut other));
        drop(heap);
        drop(other);
        pending.is_some()
    }

    /// Moves a pending timer to another deadline; it keeps its waker.
    pub(crate) fn reset(&self, key: TimerKey, deadline: Instant) -> Reset {
        let Some(&origin) = self.origin.get() else {
            return Reset::Gone;
        };
        let mut heap = self.heap.lock();
        if !heap.reset(key, tick(origin, deadline)) {
            return Reset::Gone;
        }
        if self.publish(&heap) {
            Reset::Lowered
        } else {
            Reset::Moved
        }
    }

    /// Takes a timer out. Nothing happens if it has fired already; if not, it won't.
    pub(crate) fn remove(&self, key: TimerKey) {
        let mut heap = self.heap.lock();
        let removed = heap.remove(key);
        self.publish(&heap);
        drop(heap);
        drop(removed);
    }

    /// The earliest deadline, read without the lock. `None`: nothing will ever be due.
    ///
    /// A driver about to sleep reads this after the `SeqCst` fence that follows the store of its own
    /// deadline; see the module's page.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        // Acquire: pairs with the Release in `publish`, which comes after `origin` was set.
        let tick = self.earliest.load(Ordering::Acquire);
        if tick == NEVER {
            return None;
        }
        let origin = *self.origin.get()?;
        if tick >= ORIGIN {
            origin.checked_add(Duration::from_nanos(tick - ORIGIN))
        } else {
            // An instant that can't be expressed was clamped, so it lies before every other one.
            let before = Duration::from_nanos(ORIGIN - tick);
            Some(origin.checked_sub(before).unwrap_or(origin))
        }
    }

    /// Takes the wakers of all timers due at `now` out into `due`, the earliest first, and among equal
    /// deadlines the oldest. The caller wakes them, outside any lock.
    pub(crate) fn fire(&self, now: Instant, due: &mut Vec<Waker>) {
        let Some(&origin) = self.origin.get() else {
            return;
        };
        // What never comes isn't due then either.
        let now = tick(origin, now).min(NEVER - 1);
        // Relaxed: only a hint, which a concurrent insertion may make stale at once; the heap is read
        // under its lock. That no deadline is overslept rests on `next_deadline`.
        while self.earliest.load(Ordering::Relaxed) <= now {
            let mut heap = self.heap.lock();
            due.extend(std::iter::from_fn(|| heap.pop_due(now)).take(BATCH));
            self.publish(&heap);
        }
    }

    /// Whether there is no timer at all, not even one that will never be due.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.heap.lock().is_empty()
    }

    /// Takes out the wakers of all timers, for the end of the runtime.
    pub(crate) fn drain(&self, all: &mut Vec<Waker>) {
        let mut heap = self.heap.lock();
        let taken = heap.take();
        self.publish(&heap);
        drop(heap);
        all.extend(taken);
    }

    /// Makes the heap's minimum known. True: it is earlier than it was.
    fn publish(&self, heap: &MutexGuard<'_, Heap<Waker>>) -> bool {
        let least = heap.earliest().unwrap_or(NEVER);
        // Relaxed: written only under the lock that the caller holds.
        let published = self.earliest.load(Ordering::Relaxed);
        if least != published {
            // Release: pairs with the Acquire in `next_deadline`.
            self.earliest.store(least, Ordering::Release);
        }
        least < published
    }
}

/// Nanoseconds since `origin`, plus `ORIGIN`. What is too long ago or too far away is clamped.
fn tick(origin: Instant, instant: Instant) -> u64 {
    let nanos = |from: Instant, to: Instant| {
        to.checked_duration_since(from)
            .map(|span| u64::try_from(span.as_nanos()).unwrap_or(NEVER))
    };
    match nanos(origin, instant) {
        Some(after) => ORIGIN.saturating_add(after),
        None => ORIGIN.saturating_sub(nanos(instant, origin).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests;
