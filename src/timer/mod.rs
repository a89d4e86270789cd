//! The deadlines that tasks wait for, and whom to wake at each.
//!
//! One queue under one lock, and its least deadline published beside it, so that looking whether anything is
//! due takes no lock. Time is an argument here: the clock is the caller's.
//!
//! What is published may be too early: a timer that is taken out or put off leaves it as it is, for most are taken out
//! before they are due, and the next one is later. It is never too late. Who is about to sleep, or wants to know
//! whether there is anything to wait for, first makes it right ([`Timers::refine`]).
//!
//! # Sleeping no longer than the earliest deadline
//!
//! Whoever inserts a deadline must be sure that the driver won't sleep past it. Both sides write first and
//! look second, with a `SeqCst` fence between, so at least one sees the other:
//!
//! - inserting: [`Timers::insert`] or [`Timers::reset`] publishes the minimum, under the lock; told that it
//!   was lowered, the caller fences, reads until when the driver sleeps, and interrupts it if that is later;
//! - driving: the driver stores until when it will sleep, fences, and reads [`Timers::minimum`] again. It sleeps
//!   until what it has stored, be the minimum raised since or not: by that, others decide whether to interrupt it.
//!
//! Both fences, and the driver's word, are the driver's own; this module only promises that the minimum
//! has been stored when `insert` and `reset` return. A deadline that is not before the published minimum needs no word,
//! even if no timer is due then any more: who sleeps was told of that minimum, or has raised it under the lock. A minimum
//! that rises interrupts nobody: the driver wakes once for nothing.
//!
//! # Wakers are somebody's code
//!
//! Cloning and dropping a waker may panic, and may come back to this very module. Both happen outside the lock.

mod queue;

use std::task::Waker;
use std::time::{Duration, Instant};

use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use queue::Queue;
pub(crate) use queue::TimerKey;

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
    /// What ticks count from. Nothing depends on which instant it is.
    origin: Instant,
    /// Not after the least tick in `queue`; `NEVER`: none that ever comes. Written only under the queue's lock.
    earliest: AtomicU64,
    queue: Mutex<Queue<Waker>>,
}

impl Timers {
    pub(crate) fn new(origin: Instant) -> Self {
        Self {
            origin,
            earliest: AtomicU64::new(NEVER),
            queue: Mutex::new(Queue::new()),
        }
    }

    /// A tick that is not after the earliest deadline; `u64::MAX`: there is none that ever comes.
    #[inline]
    pub(crate) fn minimum(&self) -> u64 {
        // Relaxed: who relies on it has a fence before, as said above.
        self.earliest.load(Ordering::Relaxed)
    }

    /// The tick of the earliest deadline, published anew.
    pub(crate) fn refine(&self) -> u64 {
        if self.minimum() == NEVER {
            return NEVER;
        }
        self.publish(&mut self.queue.lock())
    }

    /// Adds a timer. True: its deadline is now the earliest, and the caller has to tell the driver.
    ///
    /// A deadline more than 292 years away never comes.
    #[must_use]
    pub(crate) fn insert(&self, deadline: Instant, waker: &Waker) -> (TimerKey, bool) {
        let tick = tick(self.origin, deadline);
        let waker = waker.clone();
        let mut queue = self.queue.lock();
        let key = queue.insert(tick, waker);
        (key, self.lower(&queue, tick))
    }

    /// Makes a pending timer wake `waker`. False: it has fired already, or was taken out.
    #[must_use]
    pub(crate) fn update(&self, key: TimerKey, waker: &Waker) -> bool {
        // will_wake compares two pairs of pointers: no code of anybody's.
        match self.queue.lock().get_mut(key) {
            None => return false,
            Some(present) if present.will_wake(waker) => return true,
            Some(_) => {}
        }
        let mut other = waker.clone();
        let mut queue = self.queue.lock();
        let found = queue.get_mut(key);
        let pending = found.map(|present| std::mem::swap(present, &mut other));
        drop(queue);
        drop(other);
        pending.is_some()
    }

    /// Moves a pending timer to another deadline; it keeps its waker.
    pub(crate) fn reset(&self, key: TimerKey, deadline: Instant) -> Reset {
        let tick = tick(self.origin, deadline);
        let mut queue = self.queue.lock();
        if !queue.reset(key, tick) {
            return Reset::Gone;
        }
        if self.lower(&queue, tick) {
            Reset::Lowered
        } else {
            Reset::Moved
        }
    }

    /// Takes a timer out. Nothing happens if it has fired already; if not, it won't.
    pub(crate) fn remove(&self, key: TimerKey) {
        let mut queue = self.queue.lock();
        let removed = queue.remove(key);
        drop(queue);
        drop(removed);
    }

    /// The instant of a tick. `None`: it never comes.
    pub(crate) fn instant(&self, tick: u64) -> Option<Instant> {
        if tick == NEVER {
            None
        } else if tick >= ORIGIN {
            self.origin.checked_add(Duration::from_nanos(tick - ORIGIN))
        } else {
            // An instant that can't be expressed was clamped, so it lies before every other one.
            let before = Duration::from_nanos(ORIGIN - tick);
            Some(self.origin.checked_sub(before).unwrap_or(self.origin))
        }
    }

    /// Takes the wakers of all timers due at `now` out into `due`, the earliest first, and among equal
    /// deadlines the oldest. The caller wakes them, outside any lock.
    pub(crate) fn fire(&self, now: Instant, due: &mut Vec<Waker>) {
        // What never comes isn't due then either.
        let now = tick(self.origin, now).min(NEVER - 1);
        // Only a hint, which a concurrent insertion may make stale at once; the queue is read under its lock.
        while self.minimum() <= now {
            let mut queue = self.queue.lock();
            due.extend(std::iter::from_fn(|| queue.pop_due(now)).take(BATCH));
            self.publish(&mut queue);
        }
    }

    /// Whether there is no timer at all, not even one that will never be due.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }

    /// Takes out the wakers of all timers, for the end of the runtime.
    pub(crate) fn drain(&self, all: &mut Vec<Waker>) {
        let mut queue = self.queue.lock();
        let taken = queue.take();
        self.publish(&mut queue);
        drop(queue);
        all.extend(taken);
    }

    /// Makes known that something is due at `tick`. True: that is earlier than what was known.
    fn lower(&self, _locked: &MutexGuard<'_, Queue<Waker>>, tick: u64) -> bool {
        // Relaxed: written only under the lock that the caller holds.
        let is_earlier = tick < self.earliest.load(Ordering::Relaxed);
        if is_earlier {
            // Relaxed: ordered by the caller's fence.
            self.earliest.store(tick, Ordering::Relaxed);
        }
        is_earlier
    }

    /// Makes the least tick known, and returns it.
    fn publish(&self, queue: &mut MutexGuard<'_, Queue<Waker>>) -> u64 {
        let least = queue.earliest().unwrap_or(NEVER);
        // Relaxed: written only under the lock that the caller holds. It is never before what was known, so nobody
        // has to be told.
        self.earliest.store(least, Ordering::Relaxed);
        least
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
