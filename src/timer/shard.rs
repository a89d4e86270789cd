//! A part of the timers: a queue under a lock that is biased towards a worker, and its least deadline published beside it.

use std::task::Waker;

use crossbeam_utils::CachePadded;

use super::queue::{Queue, TimerKey};
use super::used::Used;
use super::{NEVER, Reset};
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::util::biased::Biased;

/// How many due timers are taken out before others get a chance at the lock.
const BATCH: usize = 256;

#[derive(Debug)]
pub(super) struct Shard {
    /// Not after the least tick in `queue`; `NEVER`: none that ever comes. Written only under the queue's lock.
    ///
    /// Padded, for it is read by all and seldom written, while the lock is taken for each timer. That keeps the shards
    /// apart as well.
    earliest: CachePadded<AtomicU64>,
    queue: Biased<Queue<Waker>>,
    /// Most of the queue's memory was not used when somebody last took a timer out, and nothing has been done about it.
    surplus: AtomicBool,
}

impl Shard {
    pub(super) fn new(number: u32) -> Self {
        Self {
            earliest: CachePadded::new(AtomicU64::new(NEVER)),
            queue: Biased::new(Queue::new(number)),
            surplus: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(super) fn minimum(&self) -> u64 {
        // Relaxed: who relies on it has a fence before, as the module's page says.
        self.earliest.load(Ordering::Relaxed)
    }

    /// What `f` makes of the queue. `own`: it is this thread's own.
    ///
    /// # Safety
    /// So it is, for as long as this takes.
    #[inline(always)]
    unsafe fn with<R>(&self, own: bool, f: impl FnOnce(&mut Queue<Waker>) -> R) -> R {
        if own {
            // SAFETY: as the caller promises.
            unsafe { self.queue.own(f) }
        } else {
            self.queue.share(f)
        }
    }

    /// The tick of the earliest deadline, published anew.
    pub(super) fn refine(&self) -> u64 {
        self.queue.share(|queue| self.publish(queue))
    }

    /// True: its tick is now the least.
    ///
    /// # Safety
    /// As for `with`.
    // Inlined: see `Timers::insert`.
    #[inline(always)]
    pub(super) unsafe fn insert(
        &self,
        own: bool,
        tick: u64,
        waker: Waker,
        used: &Used,
    ) -> (TimerKey, bool) {
        let insert = move |queue: &mut Queue<Waker>| {
            let key = queue.insert(tick, waker);
            (key, self.lower(queue, tick, used, key.shard()))
        };
        // SAFETY: as the caller promises.
        unsafe { self.with(own, insert) }
    }

    /// Whether a timer wakes `waker`. None: it is gone.
    ///
    /// # Safety
    /// As for `with`.
    pub(super) unsafe fn wakes(&self, own: bool, key: TimerKey, waker: &Waker) -> Option<bool> {
        // will_wake compares two pairs of pointers: no code of anybody's.
        let look = |queue: &mut Queue<Waker>| queue.get_mut(key).map(|item| item.will_wake(waker));
        // SAFETY: as the caller promises.
        unsafe { self.with(own, look) }
    }

    /// False: the timer is gone.
    ///
    /// # Safety
    /// As for `with`.
    pub(super) unsafe fn replace(&self, own: bool, key: TimerKey, mut waker: Waker) -> bool {
        let put = |queue: &mut Queue<Waker>| {
            let found = queue.get_mut(key);
            found.map(|present| std::mem::swap(present, &mut waker))
        };
        // SAFETY: as the caller promises.
        let pending = unsafe { self.with(own, put) };
        drop(waker);
        pending.is_some()
    }

    /// # Safety
    /// As for `with`.
    pub(super) unsafe fn reset(&self, own: bool, key: TimerKey, tick: u64, used: &Used) -> Reset {
        let reset = |queue: &mut Queue<Waker>| {
            if !queue.reset(key, tick) {
                Reset::Gone
            } else if self.lower(queue, tick, used, key.shard()) {
                Reset::Lowered
            } else {
                Reset::Moved
            }
        };
        // SAFETY: as the caller promises.
        unsafe { self.with(own, reset) }
    }

    /// # Safety
    /// As for `with`.
    pub(super) unsafe fn remove(&self, own: bool, key: TimerKey) {
        let remove = |queue: &mut Queue<Waker>| {
            let removed = queue.remove(key);
            self.note_surplus(queue);
            removed
        };
        // SAFETY: as the caller promises.
        let removed = unsafe { self.with(own, remove) };
        drop(removed);
    }

    /// # Safety
    /// As for `with`.
    pub(super) unsafe fn fire(&self, own: bool, now: u64, due: &mut Vec<Waker>) {
        // Only a hint, which a concurrent insertion may make stale at once; the queue is read under its lock.
        while self.minimum() <= now {
            let fire = |queue: &mut Queue<Waker>| {
                due.extend(std::iter::from_fn(|| queue.pop_due(now)).take(BATCH));
                self.publish(queue);
                self.note_surplus(queue);
            };
            // SAFETY: as the caller promises.
            unsafe { self.with(own, fire) };
        }
    }

    pub(super) fn has_surplus(&self) -> bool {
        // Relaxed: a hint.
        self.surplus.load(Ordering::Relaxed)
    }

    pub(super) fn age(&self) {
        self.queue.share(|queue| {
            // What stays because of one late timer is no reason to come again. Relaxed: as above.
            self.surplus.store(queue.age(), Ordering::Relaxed);
        });
    }

    /// Notes whether most of the memory is not used any more.
    #[inline]
    fn note_surplus(&self, queue: &Queue<Waker>) {
        if queue.has_surplus() {
            // Relaxed: as above.
            self.surplus.store(true, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.share(|queue| queue.is_empty())
    }

    pub(super) fn drain(&self, all: &mut Vec<Waker>) {
        let taken = self.queue.share(|queue| {
            let taken = queue.take();
            self.publish(queue);
            taken
        });
        all.extend(taken);
    }

    /// Makes known that something is due at `tick` in this shard, of that number. True: that is earlier than what was known.
    fn lower(&self, _locked: &mut Queue<Waker>, tick: u64, used: &Used, number: usize) -> bool {
        // Relaxed: written only under the lock that the caller holds.
        let is_earlier = tick < self.earliest.load(Ordering::Relaxed);
        if is_earlier {
            // Relaxed: ordered by the fence in `Driver::added`.
            self.earliest.store(tick, Ordering::Relaxed);
            used.set(number);
        }
        is_earlier
    }

    /// Makes the least tick known, and returns it.
    fn publish(&self, queue: &mut Queue<Waker>) -> u64 {
        let least = queue.earliest().unwrap_or(NEVER);
        // Relaxed: written only under the lock that the caller holds. It is never before what was known, so nobody
        // has to be told.
        self.earliest.store(least, Ordering::Relaxed);
        least
    }
}
