use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Wake};

use super::*;
use crate::sync::{AtomicUsize, Ordering};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        // Relaxed: read by the same thread.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        // Relaxed: written by the same thread.
        self.0.load(Ordering::Relaxed)
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), Waker::from(count))
}

impl Timers {
    /// In these tests every shard is this thread's own.
    fn insert_at(&self, shard: usize, deadline: Instant, waker: &Waker) -> (TimerKey, bool) {
        // SAFETY: there is one thread.
        self.insert(
            unsafe { Own::shard(shard) },
            self.tick(deadline),
            waker.clone(),
        )
    }

    fn reset_to(&self, key: TimerKey, deadline: Instant) -> Reset {
        self.reset(Own::NONE, key, self.tick(deadline))
    }
}

fn new() -> (Timers, Instant) {
    let now = Instant::now();
    (Timers::new((now, SECOND), SHARDS), now)
}

#[test]
fn a_deadline_in_any_shard_is_found_and_those_without_are_not_looked_at() {
    let now = Instant::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    for shard in [0, 1, 63, 64, 128, 129] {
        let timers = Timers::new((now, SECOND), 130);
        assert!(!timers.has_any() && timers.used().next().is_none());
        let (_, lowered) = timers.insert_at(shard, after(9), Waker::noop());
        assert!(lowered && timers.has_any(), "{shard}");
        assert_eq!(timers.minimum(), timers.tick(after(9)));
        let used: Vec<_> = timers.used().map(|(number, _)| number).collect();
        assert_eq!(used, [shard]);
        let (_, lowered) = timers.insert_at(129 - shard, after(3), Waker::noop());
        assert!(lowered, "{shard}");
        assert_eq!(
            next_deadline(&timers),
            timers.instant(timers.tick(after(3)))
        );
        assert_eq!(fire(&timers, after(9)), 2);
    }
}

#[test]
fn a_deadline_that_never_came_is_found_once_it_does() {
    let now = Instant::now();
    let timers = Timers::new((now, SECOND), 3);
    // SAFETY: there is one thread.
    let (key, lowered) = timers.insert(unsafe { Own::shard(1) }, NEVER, Waker::noop().clone());
    assert!(!lowered && !timers.has_any());
    assert_eq!(timers.reset_to(key, now), Reset::Lowered);
    assert!(timers.has_any());
    assert_eq!(fire(&timers, now), 1);
}

/// As a driver that is about to sleep finds it.
fn next_deadline(timers: &Timers) -> Option<Instant> {
    timers.instant(timers.refine())
}

fn fire(timers: &Timers, now: Instant) -> usize {
    let mut due = Vec::new();
    timers.fire(Own::NONE, now, &mut due);
    let fired = due.len();
    due.into_iter().for_each(Waker::wake);
    fired
}

const MS: Duration = Duration::from_millis(1);

const SHARDS: usize = 3;

#[test]
fn fires_what_is_due_and_nothing_else() {
    let (timers, start) = new();
    let (early, early_waker) = counter();
    let (late, late_waker) = counter();
    assert_eq!(next_deadline(&timers), None);
    assert!(timers.insert_at(0, start + 2 * MS, &late_waker).1);
    assert!(timers.insert_at(0, start + MS, &early_waker).1);
    assert!(
        !timers.insert_at(0, start + MS, &early_waker).1,
        "equal is not earlier"
    );
    assert_eq!(next_deadline(&timers), Some(start + MS));
    assert_eq!(fire(&timers, start), 0);
    assert_eq!(fire(&timers, start + MS - Duration::from_nanos(1)), 0);
    assert_eq!(fire(&timers, start + MS), 2);
    assert_eq!((early.get(), late.get()), (2, 0));
    assert_eq!(next_deadline(&timers), Some(start + 2 * MS));
    assert_eq!(fire(&timers, start + 3 * MS), 1);
    assert!(timers.is_empty());
    assert_eq!(next_deadline(&timers), None);
}

#[test]
fn equal_deadlines_fire_in_the_order_of_insertion() {
    let (timers, deadline) = new();
    let wakers: Vec<_> = (0..1000).map(|_| counter().1).collect();
    for waker in &wakers {
        let _ = timers.insert_at(0, deadline, waker);
    }
    let mut due = Vec::new();
    timers.fire(Own::NONE, deadline, &mut due);
    assert_eq!(due.len(), wakers.len());
    assert!(due.iter().zip(&wakers).all(|(a, b)| a.will_wake(b)));
}

#[test]
fn a_removed_timer_never_fires_and_lets_go_of_its_waker() {
    let (timers, start) = new();
    let (count, waker) = counter();
    let (key, _) = timers.insert_at(0, start, &waker);
    let _ = timers.insert_at(0, start + MS, &waker);
    timers.remove(Own::NONE, key);
    assert_eq!(next_deadline(&timers), Some(start + MS));
    timers.remove(Own::NONE, key);
    assert_eq!(Arc::strong_count(&count), 3);
    assert_eq!(fire(&timers, start), 0);
}

#[test]
fn reset_moves_both_ways_and_finds_out_when_it_is_too_late() {
    let (timers, start) = new();
    let (_, waker) = counter();
    let (key, _) = timers.insert_at(0, start + 5 * MS, &waker);
    let (other, _) = timers.insert_at(0, start + 7 * MS, &waker);
    assert_eq!(timers.reset_to(key, start + 9 * MS), Reset::Moved);
    assert_eq!(next_deadline(&timers), Some(start + 7 * MS));
    assert_eq!(timers.reset_to(key, start + 7 * MS), Reset::Moved);
    assert_eq!(timers.reset_to(key, start + 6 * MS), Reset::Lowered);
    assert_eq!(fire(&timers, start + 6 * MS), 1);
    assert_eq!(timers.reset_to(key, start), Reset::Gone);
    assert_eq!(next_deadline(&timers), Some(start + 7 * MS));
    timers.remove(Own::NONE, other);
}

#[test]
fn update_replaces_the_waker_while_there_is_one() {
    let (timers, start) = new();
    let (first, first_waker) = counter();
    let (second, second_waker) = counter();
    let (key, _) = timers.insert_at(0, start, &first_waker);
    assert!(timers.update(|| Own::NONE, key, &first_waker.clone()));
    assert!(timers.update(|| Own::NONE, key, &second_waker));
    assert_eq!(Arc::strong_count(&first), 2);
    assert_eq!(fire(&timers, start), 1);
    assert_eq!((first.get(), second.get()), (0, 1));
    assert!(!timers.update(|| Own::NONE, key, &first_waker));
}

/// So far that ticks can't express it; nearer where the platform's clock can't either.
fn very_far(start: Instant) -> Option<Instant> {
    start.checked_add(Duration::from_secs(400 * 365 * 86_400))
}

#[test]
fn what_is_too_far_away_never_comes_even_if_it_was_inserted_first() {
    let (timers, start) = new();
    let Some(far) = very_far(start) else { return };
    let (_, waker) = counter();
    let (key, lowered) = timers.insert_at(0, far, &waker);
    assert!(!lowered);
    assert_eq!(next_deadline(&timers), None);
    assert!(!timers.is_empty());
    assert_eq!(fire(&timers, far), 0);
    assert!(timers.insert_at(0, start + MS, &waker).1);
    assert_eq!(fire(&timers, start + MS), 1);
    assert_eq!(timers.reset_to(key, start + 2 * MS), Reset::Lowered);
    assert_eq!(fire(&timers, start + 2 * MS), 1);
}

#[test]
fn a_while_from_now_is_exactly_then_or_out_of_reach() {
    // The clock has counted for nine seconds.
    let origin = Instant::now();
    let timers = Timers::new((origin, 9 * SECOND), SHARDS);
    let now = 9 * SECOND + 7_999_999_999;
    let instant = origin + Duration::new(7, 999_999_999);
    let last = Duration::new(HORIZON, 999_999_999);
    for duration in [Duration::ZERO, Duration::new(3, 1), MS, last] {
        let Some(then) = instant.checked_add(duration) else {
            return;
        };
        let tick = Timers::tick_after(now, duration);
        assert_eq!(tick, Some(timers.tick(then)));
        assert_eq!(tick.and_then(|tick| timers.instant(tick)), Some(then));
    }
    let beyond = Duration::from_secs(HORIZON + 1);
    assert_eq!(Timers::tick_after(now, beyond), None);
    assert_eq!(Timers::tick_after(now, Duration::MAX), None);
    let late = HORIZON * SECOND;
    assert!(Timers::tick_after(late, last).is_some_and(|tick| tick < NEVER));
    assert_eq!(Timers::tick_after(NEVER - BEGIN, MS), None);
}

#[test]
fn the_past_before_the_origin_keeps_its_order() {
    let early = Instant::now();
    let timers = Timers::new((Instant::now(), 0), SHARDS);
    let (_, waker) = counter();
    let _ = timers.insert_at(0, Instant::now() + MS, &waker);
    assert!(timers.insert_at(0, early, &waker).1);
    assert_eq!(next_deadline(&timers), Some(early));
    assert_eq!(fire(&timers, early), 1);
}

#[test]
fn drain_takes_everything_and_outdates_the_keys() {
    let (timers, start) = new();
    let (_, waker) = counter();
    let keys: Vec<_> = (0..10)
        .map(|n| {
            timers
                .insert_at(n % SHARDS, start + n as u32 * MS, &waker)
                .0
        })
        .collect();
    let mut all = Vec::new();
    timers.drain(&mut all);
    assert_eq!(all.len(), 10);
    assert!(timers.is_empty());
    assert_eq!(next_deadline(&timers), None);
    for shard in 0..SHARDS {
        let _ = timers.insert_at(shard, start, &waker);
    }
    assert!(
        keys.into_iter()
            .all(|key| timers.reset_to(key, start) == Reset::Gone)
    );
}

#[test]
fn timers_of_all_shards_fire_together() {
    let (timers, start) = new();
    let (count, waker) = counter();
    for shard in 0..SHARDS {
        // Each is the earliest of its shard.
        assert!(timers.insert_at(shard, start + 2 * MS, &waker).1);
        assert!(timers.insert_at(shard, start + MS, &waker).1);
    }
    assert_eq!(fire(&timers, start), 0);
    assert_eq!(fire(&timers, start + MS), SHARDS);
    assert_eq!(next_deadline(&timers), Some(start + 2 * MS));
    assert_eq!(fire(&timers, start + 2 * MS), SHARDS);
    assert_eq!(count.get(), 2 * SHARDS);
    assert!(timers.is_empty());
    assert_eq!(next_deadline(&timers), None);
}

#[test]
fn the_earliest_of_all_shards_is_found_wherever_it_is() {
    let (timers, start) = new();
    let (_, waker) = counter();
    for earliest in 0..SHARDS {
        let keys = Vec::from_iter((0..SHARDS).map(|shard| {
            let stale = timers.insert_at(shard, start + MS, &waker).0;
            let turn = (shard + SHARDS - earliest) % SHARDS;
            let key = timers
                .insert_at(shard, start + (2 + turn as u32) * MS, &waker)
                .0;
            timers.remove(Own::NONE, stale);
            key
        }));
        assert_eq!(timers.instant(timers.minimum()), Some(start + MS));
        assert_eq!(next_deadline(&timers), Some(start + 2 * MS));
        assert_eq!(timers.instant(timers.minimum()), Some(start + 2 * MS));
        keys.into_iter()
            .for_each(|key| timers.remove(Own::NONE, key));
        assert_eq!(next_deadline(&timers), None);
    }
}

#[test]
fn a_key_finds_its_timer_in_its_own_shard_only() {
    let (timers, start) = new();
    let counts = Vec::from_iter((0..SHARDS).map(|_| counter()));
    // The same slot and the same sequence number in each.
    let keys = Vec::from_iter((0..SHARDS).map(|shard| {
        let waker = &counts[shard].1;
        timers.insert_at(shard, start + 5 * MS, waker).0
    }));
    let fired = || Vec::from_iter(counts.iter().map(|(count, _)| count.get()));
    assert_eq!(timers.reset_to(keys[1], start + MS), Reset::Lowered);
    assert_eq!(fire(&timers, start + MS), 1);
    assert_eq!(fired(), [0, 1, 0]);
    assert_eq!(timers.reset_to(keys[1], start), Reset::Gone);
    assert!(!timers.update(|| Own::NONE, keys[1], &counts[0].1));
    timers.remove(Own::NONE, keys[1]);
    timers.remove(Own::NONE, keys[2]);
    assert!(timers.update(|| Own::NONE, keys[0], &counts[2].1));
    assert_eq!(fire(&timers, start + 5 * MS), 1);
    assert_eq!(fired(), [0, 1, 1]);
    assert!(timers.is_empty());
}

/// A waker that comes back to the timers from its clone and its drop.
mod meddler {
    use super::*;

    pub(super) fn waker(timers: &'static Timers) -> Waker {
        let data = std::ptr::from_ref(timers).cast();
        // SAFETY: the vtable's functions take `data` for a `&'static Timers`, which it is; none of them
        // touches anything else, so they may be called from any thread, and in any order.
        unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
    }

    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, meddle, meddle, meddle);

    unsafe fn clone(data: *const ()) -> RawWaker {
        // SAFETY: `data` is the vtable's own.
        unsafe { meddle(data) };
        RawWaker::new(data, &VTABLE)
    }

    unsafe fn meddle(data: *const ()) {
        // SAFETY: `data` came from a `&'static Timers`, in `waker`.
        let timers = unsafe { &*data.cast::<Timers>() };
        let (key, _) = timers.insert_at(0, Instant::now(), Waker::noop());
        timers.remove(Own::NONE, key);
    }
}

#[test]
fn wakers_that_come_back_find_the_lock_free() {
    let timers: &'static Timers = Box::leak(Box::new(Timers::new((Instant::now(), 0), SHARDS)));
    let start = Instant::now();
    let waker = meddler::waker(timers);
    let (key, _) = timers.insert_at(0, start, &waker);
    assert!(timers.update(|| Own::NONE, key, Waker::noop()));
    assert!(timers.update(|| Own::NONE, key, &waker));
    timers.remove(Own::NONE, key);
    let _ = timers.insert_at(0, start, &waker);
    assert_eq!(fire(timers, start), 1);
    let _ = timers.insert_at(0, start, &waker);
    timers.drain(&mut Vec::new());
    assert!(timers.is_empty());
}

#[test]
fn memory_that_one_late_timer_keeps_is_not_asked_for_again_and_again() {
    let (timers, start) = new();
    let keys: Vec<_> = (0..5_000)
        .map(|_| timers.insert_at(0, start + MS, Waker::noop()).0)
        .collect();
    let (_late, early) = keys.split_last().expect("there are some");
    for key in early {
        timers.remove(Own::NONE, *key);
    }
    assert!(timers.has_surplus());
    timers.age();
    assert!(timers.has_surplus(), "the next burst may come soon");
    timers.age();
    assert!(!timers.has_surplus(), "the monitor would tick for ever");
}
