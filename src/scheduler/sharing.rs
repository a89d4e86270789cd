//! Whether a worker's queue is there for others as well, or its occupant does it alone.
//!
//! Usually others are called for whatever waits in a queue, and take from it. Where that gains nothing (see [`super::alone`]) the monitor limits
//! it: then a queue is left to its worker until so much waits there that it takes a while, and who has nothing to do leaves the poller to those who
//! are awake. **That holds for a worker alone that is awake and gets on**: nobody relies on one that sleeps, is vacant, or is stuck in a poll.

use super::engine::Engine;
use super::worker::Worker;
use crate::sync::{AtomicUsize, Ordering};

/// From how many tasks on a queue is shared; 0: any number.
///
/// A hint. Whoever reads an old value leaves a queue to an occupant that is awake, and looks there before it sleeps; or takes from it.
#[derive(Debug)]
pub(crate) struct Sharing(AtomicUsize);

impl Sharing {
    pub(crate) fn unlimited() -> Self {
        Self(AtomicUsize::new(0))
    }

    pub(crate) fn is_limited(&self) -> bool {
        // Relaxed: a hint.
        self.0.load(Ordering::Relaxed) != 0
    }

    /// Whether this is enough to share.
    #[inline]
    fn concerns(&self, queued: impl FnOnce() -> usize) -> bool {
        // Relaxed: a hint.
        let least = self.0.load(Ordering::Relaxed);
        least == 0 || queued() >= least
    }

    /// `None`: any number.
    pub(super) fn limit_to(&self, least: Option<usize>) {
        let least = least.unwrap_or(0);
        // Relaxed (both): a hint. Where nothing changes, nobody's copy of the line is taken away.
        if self.0.load(Ordering::Relaxed) != least {
            self.0.store(least, Ordering::Relaxed);
        }
    }
}

impl Engine {
    /// Whether the occupant of this worker, who has just pushed, calls others.
    ///
    /// # Safety
    /// The caller occupies `worker`.
    pub(super) unsafe fn wants_company(&self, worker: &Worker) -> bool {
        // SAFETY: as the caller promises.
        self.sharing.concerns(|| unsafe { worker.local.len() }) || worker.is_stuck()
    }

    /// Whether others should take from the queue of this worker. Who asks before it goes to sleep does so behind a fence, as whoever pushes and then
    /// sleeps, or leaves, shows that it does, fences, and calls somebody.
    pub(super) fn is_shared(&self, worker: &Worker) -> bool {
        worker.has_work()
            && (self.sharing.concerns(|| worker.stealer.len()) || !self.gets_on(worker))
    }

    /// Whether the poller is left to another than this one's occupant, who has gone to sleep: to one that is awake, and will look whether somebody is there
    /// before it sleeps itself.
    pub(super) fn leaves_driving(&self, worker: &Worker) -> bool {
        let is_other = |other: &&Worker| other.index != worker.index;
        self.sharing.is_limited()
            && self
                .workers
                .iter()
                .map(|other| &**other)
                .filter(is_other)
                .any(|other| self.gets_on(other))
    }

    /// Whether a worker that is awake will see to the poller before it sleeps, and nobody needs to be called for that.
    pub(super) fn is_driven_next(&self) -> bool {
        self.sharing.is_limited() && self.workers.iter().any(|worker| self.gets_on(worker))
    }

    /// The worker has an occupant, who is awake and in no long poll.
    fn gets_on(&self, worker: &Worker) -> bool {
        !worker.is_vacant() && !self.idle.is_asleep(worker.index) && !worker.is_stuck()
    }
}
