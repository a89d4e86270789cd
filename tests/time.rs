//! Timers: never early, soon after, and gone when they are dropped. These are tests of time: they run one at a time.

mod common;

use common::{
    Counter, WakeCount, Watchdog, median, one_at_a_time, panic_of, poll_once, poll_with, run,
    run_on,
};
use futures_lite::future::block_on;
use heist::Runtime;
use heist::time::{
    Interval, MissedTickBehavior, Sleep, interval, sleep, sleep_until, timeout, timeout_at,
};
use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

#[test]
fn a_sleep_is_never_early_and_its_median_lateness_is_under_150_microseconds() {
    let _turn = one_at_a_time();
    let durations = || (0..40).map(|i| MS * (1 + i % 10));
    let ours = || {
        run(async {
            let mut late = Vec::new();
            for duration in durations() {
                let deadline = Instant::now() + duration;
                sleep_until(deadline).await;
                let now = Instant::now();
                assert!(now >= deadline, "early by {:?}", deadline - now);
                late.push(now - deadline);
            }
            median(late)
        })
    };
    let the_systems = || {
        median(Vec::from_iter(durations().map(|duration| {
            let deadline = Instant::now() + duration;
            thread::sleep(duration);
            Instant::now() - deadline
        })))
    };
    // Neighbours on the machine only add to it: the least of five medians counts. Where they never pause, nobody is
    // on time: heist is no later than the system then.
    let rounds = (0..5).map(|_| (ours(), the_systems()));
    let (ours, systems): (Vec<_>, Vec<_>) = rounds.unzip();
    let (late, the_systems) = (ours.into_iter().min(), systems.into_iter().min());
    let limit = the_systems.map(|late| Duration::from_micros(150).max(2 * late));
    assert!(
        late < limit,
        "late by {late:?}, the system by {the_systems:?}"
    );
}

#[test]
fn a_thousand_sleeps_of_random_length_all_end_and_none_is_early() {
    let _turn = one_at_a_time();
    run(async {
        let early = heist::gather((0..1_000).map(|_| async {
            let deadline = Instant::now() + Duration::from_micros(fastrand::u64(0..30_000));
            if fastrand::bool() {
                heist::yield_now().await;
            }
            sleep_until(deadline).await;
            Instant::now() < deadline
        }));
        assert!(!early.await.contains(&true));
    });
}

#[test]
fn ten_thousand_sleeps_may_end_at_the_same_moment() {
    let _turn = one_at_a_time();
    run(async {
        let deadline = Instant::now() + 20 * MS;
        let ended = heist::gather((0..10_000).map(|_| async move {
            sleep_until(deadline).await;
            Instant::now() >= deadline
        }));
        assert!(ended.await.into_iter().all(|late_enough| late_enough));
    });
}

#[test]
fn a_million_pending_sleeps_are_created_and_dropped_and_the_next_one_is_on_time() {
    let _turn = one_at_a_time();
    run(async {
        let (count, waker) = WakeCount::new();
        let mut sleeps: Vec<Pin<Box<Sleep>>> = Vec::with_capacity(1_000_000);
        for i in 0..1_000_000 {
            let mut timer = Box::pin(sleep(HOUR + Duration::from_nanos(i * 7_919 % 1_000_003)));
            assert!(poll_with(timer.as_mut(), &waker).is_pending());
            sleeps.push(timer);
        }
        sleep(MS).await;
        drop(sleeps);
        assert_eq!(count.get(), 0);
        assert_eq!(
            std::sync::Arc::strong_count(&count),
            2,
            "no timer keeps its waker"
        );
        sleep(MS).await;
    });
}

#[test]
fn a_sleep_of_zero_and_a_deadline_in_the_past_end_at_once() {
    let _turn = one_at_a_time();
    run(async {
        sleep(Duration::ZERO).await;
        let past = Instant::now() - 10 * MS;
        assert!(poll_once(pin!(sleep_until(past))).is_ready());
        let elapsed = sleep_until(past);
        assert!(elapsed.is_elapsed());
        assert_eq!(elapsed.deadline(), past);
    });
}

#[test]
fn the_longest_duration_is_no_overflow() {
    let _turn = one_at_a_time();
    run(async {
        let mut forever = Box::pin(sleep(Duration::MAX));
        assert!(poll_once(forever.as_mut()).is_pending());
        assert!(!forever.is_elapsed());
        assert_eq!(timeout(Duration::MAX, sleep(MS)).await.ok(), Some(()));
        assert!(timeout(MS, forever).await.is_err());
    });
}

#[test]
fn a_sleep_can_be_reset_to_earlier_and_to_later_even_after_it_ended() {
    let _turn = one_at_a_time();
    run(async {
        let mut timer = Box::pin(sleep(HOUR));
        assert!(poll_once(timer.as_mut()).is_pending());
        let earlier = Instant::now() + 2 * MS;
        timer.as_mut().reset(earlier);
        assert_eq!(timer.deadline(), earlier);
        timer.as_mut().await;
        assert!(Instant::now() >= earlier);
        assert!(timer.is_elapsed());

        let again = Instant::now() + 2 * MS;
        timer.as_mut().reset(again);
        assert!(!timer.is_elapsed());
        assert!(poll_once(timer.as_mut()).is_pending());
        let later = again + 10 * MS;
        timer.as_mut().reset(later);
        timer.as_mut().await;
        assert!(Instant::now() >= later);
    });
}

#[test]
fn a_reset_by_a_task_wakes_the_driver_that_sleeps_for_longer() {
    let _turn = one_at_a_time();
    run_on(2, async {
        for _ in 0..20 {
            let mut timer = Box::pin(sleep(HOUR));
            assert!(poll_once(timer.as_mut()).is_pending());
            // Long enough for some thread to have gone to sleep until the far deadline.
            sleep(MS).await;
            timer.as_mut().reset(Instant::now() + MS);
            timer.await;
        }
    });
}

#[test]
fn an_earlier_timer_from_a_foreign_thread_interrupts_the_driver() {
    let _turn = one_at_a_time();
    let watchdog = Watchdog::start();
    let runtime = Runtime::new().unwrap();
    watchdog.knows(runtime.handle());
    let parked = runtime.spawn(async { sleep(HOUR).await });
    let _guard = runtime.enter();
    for _ in 0..20 {
        let start = Instant::now();
        block_on(sleep(2 * MS));
        assert!(start.elapsed() >= 2 * MS);
        let task = runtime.spawn(sleep(2 * MS));
        block_on(task).unwrap();
    }
    parked.abort();
    assert!(block_on(parked).unwrap_err().is_cancelled());
}

#[test]
fn a_sleep_polled_by_one_task_wakes_the_task_that_awaits_it_later() {
    let _turn = one_at_a_time();
    run(async {
        let mut timer = Box::pin(sleep(5 * MS));
        let (first, waker) = WakeCount::new();
        assert!(poll_with(timer.as_mut(), &waker).is_pending());
        heist::spawn(timer).await.unwrap();
        assert_eq!(first.get(), 0, "the waker was replaced");
    });
}

#[test]
fn a_sleep_outside_of_a_runtime_panics_with_a_reason() {
    let _turn = one_at_a_time();
    let line = line!() + 1;
    let panic = panic_of(|| drop(sleep(MS)));
    assert!(panic.message.contains("runtime"), "{}", panic.message);
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
}

#[test]
fn a_timeout_expires_and_its_future_is_dropped_by_then() {
    fn assert_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    let _turn = one_at_a_time();
    run(async {
        let dropped = Counter::new();
        let guard = dropped.guard();
        let start = Instant::now();
        let expired = timeout(2 * MS, async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let error = expired.await.unwrap_err();
        assert!(start.elapsed() >= 2 * MS);
        assert_eq!(dropped.get(), 1);
        assert_error(&error);
        assert!(!error.to_string().is_empty());
    });
}

#[test]
fn a_ready_future_gives_its_value_whatever_the_clock_says() {
    let _turn = one_at_a_time();
    run(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await.ok(), Some(1));
        let past = Instant::now() - 10 * MS;
        assert_eq!(timeout_at(past, ready(2)).await.ok(), Some(2));
        assert!(timeout_at(past, pending::<()>()).await.is_err());
        assert_eq!(timeout(HOUR, sleep(MS)).await.ok(), Some(()));
    });
}

#[test]
fn a_future_that_ends_at_the_very_deadline_gives_its_value() {
    let _turn = one_at_a_time();
    run(async {
        for _ in 0..20 {
            let deadline = Instant::now() + 2 * MS;
            assert_eq!(
                timeout_at(deadline, sleep_until(deadline)).await.ok(),
                Some(())
            );
        }
    });
}

#[test]
fn a_future_that_was_polled_before_the_deadline_is_asked_again_at_it() {
    let _turn = one_at_a_time();
    run(async {
        let deadline = Instant::now() + 2 * MS;
        let slow = poll_fn(|_| {
            // As a thread that loses its processor in the middle of a poll.
            if Instant::now() >= deadline {
                return Poll::Ready(1);
            }
            thread::sleep(4 * MS);
            Poll::Pending
        });
        assert_eq!(timeout_at(deadline, slow).await.ok(), Some(1));
    });
}

#[test]
fn of_two_nested_timeouts_with_one_deadline_only_one_expires() {
    let _turn = one_at_a_time();
    run(async {
        let past = Instant::now() - MS;
        let result = timeout_at(past, timeout_at(past, pending::<()>())).await;
        assert!(
            result
                .expect("the outer one looks at its future first")
                .is_err()
        );
    });
}

#[test]
fn timeouts_that_do_not_expire_leave_no_timer_behind() {
    let _turn = one_at_a_time();
    run(async {
        let mut values = 0;
        for i in 0..10_000 {
            let task = timeout(HOUR, async {
                heist::yield_now().await;
                i % 2
            });
            values += task.await.unwrap();
        }
        assert_eq!(values, 5_000);
    });
}

#[test]
fn an_interval_ticks_once_a_period_on_average() {
    let _turn = one_at_a_time();
    run(async {
        let start = Instant::now();
        let mut ticks = interval(2 * MS);
        for _ in 0..=25 {
            ticks.tick().await;
        }
        assert!(start.elapsed() >= 50 * MS, "took {:?}", start.elapsed());
        assert!(start.elapsed() < 150 * MS, "took {:?}", start.elapsed());
    });
}

/// When the next three ticks come after two and a half periods of 100 ms were missed.
async fn after_missed_ticks(behavior: MissedTickBehavior) -> [Duration; 3] {
    const PERIOD: Duration = Duration::from_millis(100);
    let mut ticks: Interval = interval(PERIOD);
    ticks.set_missed_tick_behavior(behavior);
    ticks.tick().await;
    let start = Instant::now();
    thread::sleep(PERIOD * 5 / 2);
    let mut times = [Duration::ZERO; 3];
    for time in &mut times {
        ticks.tick().await;
        *time = start.elapsed();
    }
    times
}

/// That each tick came when it was expected, give or take what a busy machine adds.
fn assert_times(times: [Duration; 3], expected: [u32; 3]) {
    for (time, expected) in times.into_iter().zip(expected) {
        let expected = expected * MS;
        assert!(
            time >= expected - 5 * MS && time < expected + 40 * MS,
            "{times:?}"
        );
    }
}

#[test]
fn missed_ticks_come_in_a_burst_or_delayed_or_are_skipped() {
    let _turn = one_at_a_time();
    run(async {
        let burst = after_missed_ticks(MissedTickBehavior::Burst).await;
        assert_times(burst, [250, 250, 300]);
        let skip = after_missed_ticks(MissedTickBehavior::Skip).await;
        assert_times(skip, [250, 300, 400]);
        let delay = after_missed_ticks(MissedTickBehavior::Delay).await;
        assert_times(delay, [250, 350, 450]);
    });
}

#[test]
fn an_interval_of_zero_panics_with_a_reason() {
    let _turn = one_at_a_time();
    run(async {
        let line = line!() + 1;
        let panic = panic_of(|| drop(interval(Duration::ZERO)));
        assert!(panic.message.contains("zero"), "{}", panic.message);
        assert_eq!(panic.line, line);
    });
}

#[test]
fn a_tick_that_is_dropped_while_it_waits_is_not_lost() {
    let _turn = one_at_a_time();
    run(async {
        let mut ticks = interval(20 * MS);
        ticks.tick().await;
        let start = Instant::now();
        for _ in 0..5 {
            assert!(timeout(MS, ticks.tick()).await.is_err());
        }
        ticks.tick().await;
        assert!(start.elapsed() >= 15 * MS);
        assert!(start.elapsed() < 40 * MS, "took {:?}", start.elapsed());
    });
}
