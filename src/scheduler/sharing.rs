//! Whether what waits in a worker's queue is there for others as well, or left to its occupant.
//!
//! Usually others are called for whatever waits in a queue, and take from it. Where more of them gain nothing (see [`super::company`]) the monitor
//! sets a limit. Then, while enough workers are awake, a queue is left to its own worker until so much waits there that it takes a while, and whoever
//! has nothing to do leaves the poller to those who are awake.
//!
//! **A queue is left to an occupant who is awake, and to nobody else**: who falls asleep or leaves shows it, fences, and calls somebody for what it leaves behind. **So is the
//! poller**: each occupant that is awake sleeps or leaves sooner or later, and then looks whether somebody is there. Where something holds one up, be it a poll that
//! does not end or a thread that was refused, the monitor lifts the limit and makes a call, at its next tick.

use crossbeam_utils::CachePadded;

use super::engine::Engine;
use super::occupant::DRIVER_EVERY;
use super::worker::Worker;
use crate::sync::{AtomicU64, Ordering};

/// Until when others are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    /// So many workers awake are enough. At least one.
    pub(crate) company: u32,
    /// A queue of so many takes a while.
    pub(crate) long: u32,
}

/// The limit that holds now, if one does: `company` in the upper half, `long` in the lower. Without company: none.
///
/// A hint. Whoever reads an old one takes from a queue, or leaves it to an occupant who is awake, as before.
#[derive(Debug)]
pub(crate) struct Sharing(AtomicU64);

impl Sharing {
    pub(crate) fn unlimited() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limit().is_some()
    }

    /// Whether polls are long enough to be timed: a few take as long as two looks at the clock.
    pub(super) fn times_polls(&self) -> bool {
        self.limit().is_some_and(|limit| limit.long < TINY_POLLS)
    }

    fn limit(&self) -> Option<Limit> {
        // Relaxed: a hint.
        let word = self.0.load(Ordering::Relaxed);
        let (company, long) = ((word >> 32) as u32, word as u32);
        (company != 0).then_some(Limit { company, long })
    }

    /// Suspends the limit for so many tasks behind one entry: whoever gathers wants company, under a limit of one, or if that takes very long.
    #[inline]
    pub(super) fn suspend_for(&self, tasks: usize) {
        let is_too_low =
            |limit: Limit| limit.company == 1 && tasks >= MANY || limit.is_long(tasks / VERY_LONG);
        if self.limit().is_some_and(is_too_low) {
            // Relaxed: a hint. If the monitor sets a limit at the same moment, that holds until its next tick.
            self.0.store(SUSPENDED, Ordering::Relaxed);
        }
    }

    pub(super) fn is_suspended(&self) -> bool {
        // Relaxed: a hint.
        self.0.load(Ordering::Relaxed) == SUSPENDED
    }

    pub(crate) fn limit_to(&self, limit: Option<Limit>) {
        let word = limit.map_or(0, |limit| {
            u64::from(limit.company) << 32 | u64::from(limit.long)
        });
        // Relaxed (both): a hint. Where nothing changes, nobody's copy of the line is taken away.
        if self.0.load(Ordering::Relaxed) != word {
            self.0.store(word, Ordering::Relaxed);
        }
    }
}

impl Limit {
    fn is_long(self, queued: usize) -> bool {
        queued >= self.long as usize
    }

    /// Whether so much waits in one queue that it is shared with everybody. Two or more that are awake take from one another anyway.
    fn is_too_long(self, queued: usize) -> bool {
        match self.company {
            1 => self.is_long(queued),
            _ => self.is_long(queued / VERY_LONG),
        }
    }
}

/// Fewer gathered tasks are often short, and parts of one request.
const MANY: usize = 8;
/// So many long queues.
const VERY_LONG: usize = 16;
/// A queue of so many is long where polls take less than half a microsecond.
const TINY_POLLS: u32 = 4_000;
/// None, where there was one: the monitor is to give it up.
const SUSPENDED: u64 = 1;

impl Engine {
    /// Whether the occupant of this worker, who has just queued something there, calls others.
    ///
    /// # Safety
    /// The caller occupies `worker`.
    pub(super) unsafe fn wants_company(&self, worker: &Worker) -> bool {
        self.sharing.limit().is_none_or(|limit| {
            // SAFETY: as the caller promises.
            limit.is_too_long(unsafe { worker.local.len() }) || !self.has_company(limit, 0)
        })
    }

    /// Whether another worker takes from the queue of this one: `me`, or whoever would be called. Who asks before it goes to sleep does so behind the fence in
    /// `Idle::sleep`, as does whoever falls asleep, or leaves, before it makes a call: so one of the two sees the other.
    pub(super) fn is_shared(&self, worker: &Worker, me: Option<&Worker>) -> bool {
        worker.has_work()
            && self.sharing.limit().is_none_or(|limit| {
                !self.has_awake_occupant(worker)
                    || limit.is_too_long(worker.stealer.len())
                    || !self.has_company(limit, self.as_awake(me))
            })
    }

    /// Whether a worker that has gone to sleep leaves the poller to others, who are awake, and look there soon enough. Asked behind the fence in `Idle::sleep`, or
    /// that of who got up from the driver's seat.
    pub(super) fn leaves_driving(&self) -> bool {
        let looks_soon = |limit: &Limit| !limit.is_long((DRIVER_EVERY * limit.company) as usize);
        let awake = |worker: &&CachePadded<Worker>| self.has_awake_occupant(worker);
        self.sharing
            .limit()
            .filter(looks_soon)
            .is_some_and(|limit| {
                // Not those that a thread is on its way to: it may take long to come.
                let regular = self.workers[..self.regular()].iter();
                regular.filter(awake).count() >= limit.company as usize
            })
    }

    fn has_awake_occupant(&self, worker: &Worker) -> bool {
        !self.idle.is_asleep(worker.index) && !worker.is_vacant()
    }

    /// Whether enough workers are awake, besides so many of them.
    fn has_company(&self, limit: Limit, besides: usize) -> bool {
        let least = limit.company as usize + besides;
        self.idle.are_awake(least, self.regular())
    }

    /// 1 for a worker that counts as one that is awake.
    fn as_awake(&self, worker: Option<&Worker>) -> usize {
        worker.map_or(0, |worker| {
            let is_regular = worker.index < self.regular();
            usize::from(is_regular && !self.idle.is_asleep(worker.index))
        })
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_one_alone_is_too_long_much_sooner_than_one_of_several() {
        let too_long = |company, queued| Limit { company, long: 10 }.is_too_long(queued);
        assert!(!too_long(1, 9) && too_long(1, 10));
        for company in [2, 3, 64] {
            assert!(!too_long(company, 159) && too_long(company, 160));
        }
    }
}
