//! A part of the timers: a queue under a lock, and its least deadline published beside it.

use std::task::Waker;

use crossbeam_utils::CachePadded;

use super::queue::{Queue, TimerKey};
use super::{NEVER, Reset};
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering};

/// How many due timers are taken out before others get a chance at the lock.
const BATCH: usize = 256;

#[derive(Debug)]
pub(super) struct Shard {
    /// Not after the least tick in `queue`; `NEVER`: none that ever comes. Written only under the queue's lock.
    ///
    /// Padded, for it is read by all and seldom written, while the lock is taken for each timer. That keeps the shards
    /// apart as well.
    earliest: CachePadded<AtomicU64>,
    queue: Mutex<Queue<Waker>>,
}

impl Shard {
    pub(super) fn new(number: u32) -> Self {
        Self {
            earliest: CachePadded::new(AtomicU64::new(NEVER)),
            queue: Mutex::new(Queue::new(number)),
        }
    }

    #[inline]
    pub(super) fn minimum(&self) -> u64 {
        // Relaxed: who relies on it has a fence before, as the module's page says.
        self.earliest.load(Ordering::Relaxed)
    }

    /// The tick of the earliest deadline, published anew.
    pub(super) fn refine(&self) -> u64 {
        self.publish(&mut self.queue.lock())
    }

    /// True: its tick is now the least.
    // Inlined: see `Timers::insert`.
    #[inline(always)]
    pub(super) fn insert(&self, tick: u64, waker: Waker) -> (TimerKey, bool) {
        let mut queue = self.queue.lock();
        let key = queue.insert(tick, waker);
        (key, self.lower(&queue, tick))
    }

    pub(super) fn update(&self, key: TimerKey, waker: &Waker) -> bool {
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

    pub(super) fn reset(&self, key: TimerKey, tick: u64) -> Reset {
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

    pub(super) fn remove(&self, key: TimerKey) {
        let mut queue = self.queue.lock();
        let removed = queue.remove(key);
        drop(queue);
        drop(removed);
    }

    pub(super) fn fire(&self, now: u64, due: &mut Vec<Waker>) {
        // Only a hint, which a concurrent insertion may make stale at once; the queue is read under its lock.
        while self.minimum() <= now {
            let mut queue = self.queue.lock();
            due.extend(std::iter::from_fn(|| queue.pop_due(now)).take(BATCH));
            self.publish(&mut queue);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }

    pub(super) fn drain(&self, all: &mut Vec<Waker>) {
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
            // Relaxed: ordered by the fence in `Driver::added`.
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
