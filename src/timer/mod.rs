//! The deadlines that tasks wait for, and whom to wake at each.
//!
//! In shards: one for each worker, and one for the threads that sit at none. Each is a queue under a lock of its own, which is biased towards the
//! worker's occupant, and its least deadline is published beside it, so that looking whether anything is due takes no lock. A timer stays in the shard
//! it was put into. Its key says which, so whoever resets or drops it elsewhere goes there. Time is an argument here: the
//! clock is the caller's. It is counted in *ticks*, the nanoseconds of the clock's own count, as numbers are cheaper to add and to compare than instants. An instant
//! has a tick by way of one whose count is known, too. It is known to a few nanoseconds, so the ticks of instants are those few early, those of deadlines as those
//! of what is now. A deadline that was counted from a reading of the clock is met by so much late.
//!
//! What is due leaves a shard the earliest first, and among equal deadlines the oldest. Shards come one after the other.
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
//! - inserting: [`Timers::insert`] or [`Timers::reset`] publishes the shard's minimum, and that the shard is one to look at, under its lock; told that it
//!   was lowered, the caller fences, reads until when the driver sleeps, and interrupts it if that is after its own deadline;
//! - driving: the driver stores until when it will sleep, fences, and reads the minima of all shards again
//!   ([`Timers::minimum`]). It sleeps until what it has stored, if none was before that, be they raised since or not: by that,
//!   others decide whether to interrupt it.
//!
//! Both fences, and the driver's word, are the driver's own; this module only promises that the minimum,
//! and the shard's bit, have been stored when `insert` and `reset` return.
//!
//! The minima are read one by one, while others change. That does no harm, as each shard is safe by itself. What the driver
//! read there after its fence was not before its deadline. If what is published there is so later, somebody has lowered it
//! to that, whose fence came after the driver's, for otherwise the driver would have read it: this one interrupts. So a
//! deadline that is not before the minimum of its shard needs no word, even if the timer with that minimum was taken out.
//! It does need one if it is before that, be it after the minimum of another shard: that may be too early, and be raised
//! before this one can be seen. A minimum that rises interrupts nobody: the driver wakes once for nothing.
//!
//! # Wakers are somebody's code
//!
//! Cloning and dropping a waker may panic, and may come back to this very module. Both happen outside the lock.

mod queue;
mod shard;
mod used;

use std::task::Waker;
use std::time::{Duration, Instant};

pub(crate) use queue::TimerKey;
use shard::Shard;
use used::Used;

/// The published minimum when nothing will ever be due; also the tick of deadlines too far away to count.
const NEVER: u64 = u64::MAX;

/// Ticks in a second.
const SECOND: u64 = 1_000_000_000;

/// The tick at which the clock began: there are 292 years on both sides of it.
const BEGIN: u64 = 1 << 63;

/// So many seconds after any reading of the clock in its first 146 years there is a tick.
const HORIZON: u64 = (NEVER - BEGIN) / 2 / SECOND - 1;

/// What became of a timer that was to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Reset {
    /// It is due at the new deadline, which is not before what is published as the earliest of its shard.
    Moved,
    /// It is due at the new deadline, which is now the earliest of its shard: the driver has to be told.
    Lowered,
    /// It has fired already, or was taken out at the end of the runtime.
    Gone,
}

/// Which shard is the caller's own, whose lock it need not take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own(usize);

impl Own {
    /// None is.
    pub(crate) const NONE: Self = Self(usize::MAX);

    /// # Safety
    /// While this is used, the caller has what stands for the shard, which one thread has at a time, and whoever gets it comes after what the last one did.
    #[inline]
    pub(crate) unsafe fn shard(number: usize) -> Self {
        Self(number)
    }
}

/// All pending timers of a runtime.
#[derive(Debug)]
pub(crate) struct Timers {
    /// Some instant, and its tick.
    origin: Instant,
    origin_tick: u64,
    shards: Box<[Shard]>,
    used: Used,
}

impl Timers {
    /// `origin`: an instant, and what the clock had counted then, or a little before.
    pub(crate) fn new(origin: (Instant, u64), shards: usize) -> Self {
        let (origin, reading) = origin;
        let shards = u32::try_from(shards).expect("less than four billion shards");
        Self {
            origin,
            origin_tick: BEGIN.saturating_add(reading),
            shards: (0..shards).map(Shard::new).collect(),
            used: Used::none_of(shards as usize),
        }
    }

    fn used(&self) -> impl Iterator<Item = (usize, &Shard)> {
        let numbers = self.used.shards();
        numbers.map(|number| (number, &self.shards[number]))
    }

    /// A tick that is not after the earliest deadline; `u64::MAX`: there is none that ever comes.
    #[inline]
    pub(crate) fn minimum(&self) -> u64 {
        let minima = self.used().map(|(_, shard)| shard.minimum());
        minima.min().unwrap_or(NEVER)
    }

    /// The tick of the earliest deadline. Where a shard may have it, that shard's is published anew.
    pub(crate) fn refine(&self) -> u64 {
        self.used().fold(NEVER, |least, (_, shard)| {
            // What is published is not too late: a shard where that is not before `least` has nothing that is.
            if shard.minimum() < least {
                least.min(shard.refine())
            } else {
                least
            }
        })
    }

    /// Whether a deadline ever comes.
    pub(crate) fn has_any(&self) -> bool {
        self.used()
            .any(|(_, shard)| shard.minimum() != NEVER && shard.refine() != NEVER)
    }

    /// Adds a timer to the own shard, or to the last, which is nobody's. True: its deadline is now the earliest there, and the caller has to tell the driver.
    ///
    /// A deadline more than 292 years away never comes.
    // Inlined, as a key that goes through memory is read back before it has got there.
    #[inline(always)]
    #[must_use]
    pub(crate) fn insert(&self, own: Own, tick: u64, waker: Waker) -> (TimerKey, bool) {
        let shard = own.0.min(self.shards.len() - 1);
        // SAFETY: `own` says so.
        unsafe { self.shards[shard].insert(shard == own.0, tick, waker, &self.used) }
    }

    /// Makes a pending timer wake `waker`. False: it has fired already, or was taken out. `own` is asked anew after cloning the waker, which may take this
    /// thread away from its worker.
    #[must_use]
    pub(crate) fn update(&self, own: impl Fn() -> Own, key: TimerKey, waker: &Waker) -> bool {
        let (shard, is_own) = self.shard_of(key, own());
        // SAFETY: `own` says so.
        match unsafe { shard.wakes(is_own, key, waker) } {
            None => return false,
            Some(true) => return true,
            Some(false) => {}
        }
        let waker = waker.clone();
        let (shard, is_own) = self.shard_of(key, own());
        // SAFETY: `own` says so.
        unsafe { shard.replace(is_own, key, waker) }
    }

    /// Moves a pending timer to another deadline; it keeps its waker, and its shard.
    pub(crate) fn reset(&self, own: Own, key: TimerKey, tick: u64) -> Reset {
        let (shard, own) = self.shard_of(key, own);
        // SAFETY: `own` says so.
        unsafe { shard.reset(own, key, tick, &self.used) }
    }

    /// Takes a timer out. Nothing happens if it has fired already; if not, it won't.
    pub(crate) fn remove(&self, own: Own, key: TimerKey) {
        let (shard, own) = self.shard_of(key, own);
        // SAFETY: `own` says so.
        unsafe { shard.remove(own, key) };
    }

    /// Takes the wakers of all timers due at `now` out into `due`, in the order that the module's page tells. The caller
    /// wakes them, outside any lock.
    pub(crate) fn fire(&self, own: Own, now: Instant, due: &mut Vec<Waker>) {
        // What never comes isn't due then either.
        let now = self.tick(now).min(NEVER - 1);
        for (number, shard) in self.used() {
            // SAFETY: `own` says so.
            unsafe { shard.fire(own.0 == number, now, due) };
        }
    }

    /// Whether most of the memory of a shard is not used: [`age`](Self::age) is to be called from time to time.
    pub(crate) fn has_surplus(&self) -> bool {
        self.shards.iter().any(Shard::has_surplus)
    }

    /// Gives memory back that was not used when this was called the last time, and has not been since.
    pub(crate) fn age(&self) {
        let with_surplus = self.shards.iter().filter(|shard| shard.has_surplus());
        with_surplus.for_each(Shard::age);
    }

    /// Whether there is no timer at all, not even one that will never be due.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(Shard::is_empty)
    }

    /// Takes out the wakers of all timers, for the end of the runtime.
    pub(crate) fn drain(&self, all: &mut Vec<Waker>) {
        self.shards.iter().for_each(|shard| shard.drain(all));
    }

    /// What is too long ago or too far away is clamped.
    pub(crate) fn tick(&self, instant: Instant) -> u64 {
        let nanos = |from: Instant, to: Instant| {
            to.checked_duration_since(from)
                .map(|span| u64::try_from(span.as_nanos()).unwrap_or(NEVER))
        };
        match nanos(self.origin, instant) {
            Some(after) => self.origin_tick.saturating_add(after),
            None => self
                .origin_tick
                .saturating_sub(nanos(instant, self.origin).unwrap_or(0)),
        }
    }

    /// The tick of what comes `duration` after the clock has counted `now`. `None`: it is out of reach.
    #[inline]
    pub(crate) fn tick_after(now: u64, duration: Duration) -> Option<u64> {
        let seconds = Some(duration.as_secs()).filter(|seconds| *seconds <= HORIZON)?;
        let span = seconds * SECOND + u64::from(duration.subsec_nanos());
        let tick = BEGIN.checked_add(now)?.checked_add(span);
        tick.filter(|tick| *tick != NEVER)
    }

    /// The instant of a tick. `None`: it never comes.
    pub(crate) fn instant(&self, tick: u64) -> Option<Instant> {
        if tick == NEVER {
            None
        } else if tick >= self.origin_tick {
            let after = Duration::from_nanos(tick - self.origin_tick);
            self.origin.checked_add(after)
        } else {
            // An instant that can't be expressed was clamped, so it lies before every other one.
            let before = Duration::from_nanos(self.origin_tick - tick);
            Some(self.origin.checked_sub(before).unwrap_or(self.origin))
        }
    }

    /// And whether it is the own one.
    #[inline]
    fn shard_of(&self, key: TimerKey, own: Own) -> (&Shard, bool) {
        let number = key.shard();
        (&self.shards[number], own.0 == number)
    }
}

#[cfg(test)]
mod tests;
