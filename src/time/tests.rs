use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::{Runtime, run, spawn};

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("should have panicked");
    let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
    text.unwrap_or_else(|| *payload.downcast::<String>().unwrap())
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Whether this runtime has any timer.
fn registered() -> bool {
    let engine = crate::scheduler::context::current().unwrap();
    !engine.timers().is_empty()
}

#[test]
fn a_sleep_is_never_early() {
    run(async {
        for micros in [0, 1, 10, 100, 1_000, 3_000] {
            let start = Instant::now();
            let duration = Duration::from_micros(micros);
            sleep(duration).await;
            assert!(start.elapsed() >= duration);
        }
        sleep_until(Instant::now()).await;
    });
}

#[test]
fn duration_max_neither_overflows_nor_ends() {
    run(async {
        let mut long = sleep(Duration::MAX);
        assert!(poll_once(&mut long).is_pending());
        assert!(long.deadline() > Instant::now() + 10_000 * HOUR);
        assert!(timeout(MS, &mut long).await.is_err());
        assert_eq!(timeout(Duration::MAX, ready(1)).await, Ok(1));
        assert_eq!(
            timeout(Duration::MAX, async { sleep(MS).await }).await,
            Ok(())
        );
        let mut slow = interval(Duration::MAX);
        slow.tick().await;
        assert!(timeout(MS, slow.tick()).await.is_err());
    });
}

#[test]
fn deadlines_are_exact() {
    run(async {
        for _ in 0..10_000 {
            assert!(sleep(Duration::ZERO).is_elapsed());
        }
        for length in [Duration::ZERO, MS, HOUR, Duration::new(1, 999_999_999)] {
            let before = Instant::now();
            let deadline = sleep(length).deadline();
            assert!(before + length <= deadline && deadline <= Instant::now() + length);
        }
        let centuries = Duration::from_secs(400 * 365 * 86_400);
        let now = Instant::now();
        let far = now.checked_add(centuries).unwrap_or(now);
        let past = now.checked_sub(HOUR).unwrap_or(now);
        for given in [now, far, past] {
            assert_eq!(sleep_until(given).deadline(), given);
        }
        assert!(sleep(centuries).deadline() >= far);
    });
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_sleep_is_seven_words() {
    assert_eq!(size_of::<Sleep>(), 56);
}

#[test]
fn timers_live_from_the_first_poll_to_the_drop() {
    run(async {
        let mut one = sleep(HOUR);
        assert!(!registered());
        assert!(poll_once(&mut one).is_pending());
        assert!(registered());
        drop(one);
        assert!(!registered());
        assert_eq!(timeout(HOUR, async { registered() }).await, Ok(false));
        let mut limited = pin!(timeout(HOUR, pending::<()>()));
        assert!(poll_once(&mut limited).is_pending());
        assert!(registered());
        limited.set(timeout(HOUR, pending()));
        assert!(!registered());
    });
}

#[test]
fn a_dropped_sleep_leaves_nothing_to_attend_to() {
    run(async {
        let mut one = sleep(HOUR);
        assert!(poll_once(&mut one).is_pending());
        let engine = crate::scheduler::context::current().unwrap();
        assert!(engine.driver.is_unattended());
        drop(one);
        assert!(!engine.driver.is_unattended());
        assert!(!engine.driver.has_duties());
    });
}

#[test]
fn a_poll_that_outlasts_a_sleep_made_in_it_delays_it_to_the_next_look_at_most() {
    run(async {
        let late = sleep(2 * MS);
        std::thread::sleep(5 * MS);
        late.await;
        let mut polled = sleep(2 * MS);
        std::thread::sleep(5 * MS);
        let _registered = poll_once(&mut polled);
        assert!(poll_once(&mut polled).is_ready());
    });
}

#[test]
fn whatever_may_have_passed_is_compared_with_the_clock() {
    run(async {
        let (mut short, mut reset) = (sleep(MS / 2), sleep(HOUR));
        let mut until = sleep_until(Instant::now() + MS);
        let mut kept = sleep(2 * MS);
        crate::yield_now().await;
        std::thread::sleep(5 * MS);
        Pin::new(&mut reset).reset(Instant::now());
        for sleep in [&mut short, &mut reset, &mut until, &mut kept] {
            assert!(poll_once(sleep).is_ready());
        }
        let mut short = sleep(MS / 2);
        std::thread::sleep(5 * MS);
        assert!(poll_once(&mut short).is_ready());
    });
}

#[test]
fn reset_wakes_at_the_new_deadline_without_another_poll() {
    run(async {
        let start = Instant::now();
        let mut sleep = pin!(sleep(HOUR));
        let mut moved = false;
        poll_fn(|cx| {
            let polled = sleep.as_mut().poll(cx);
            if !std::mem::replace(&mut moved, true) {
                assert!(polled.is_pending());
                sleep.as_mut().reset(start + 5 * MS);
                return Poll::Pending;
            }
            assert!(start.elapsed() >= 5 * MS);
            Poll::Ready(())
        })
        .await;
        sleep.as_mut().reset(Instant::now() + MS);
        assert!(!sleep.is_elapsed() || Instant::now() >= sleep.deadline());
        sleep.as_mut().await;
        let later = Instant::now() + 3 * MS;
        sleep.as_mut().reset(later);
        sleep.await;
        assert!(Instant::now() >= later);
    });
}

#[test]
fn a_sleep_follows_the_task_that_polls_it() {
    run(async {
        let mut moving = sleep(5 * MS);
        assert!(poll_once(&mut moving).is_pending());
        spawn(moving).await.unwrap();
    });
}

#[test]
fn an_earlier_deadline_is_not_overslept() {
    run(async {
        let long = spawn(sleep(HOUR));
        for _ in 0..50 {
            spawn(sleep(MS)).await.unwrap();
        }
        long.abort();
    });
}

#[test]
fn outside_a_runtime_the_constructors_say_what_to_do() {
    for (name, text) in [
        ("sleep ", message(|| drop(sleep(MS)))),
        (
            "sleep_until ",
            message(|| drop(sleep_until(Instant::now()))),
        ),
        ("timeout ", message(|| drop(timeout(MS, ready(()))))),
        ("interval ", message(|| drop(interval(MS)))),
    ] {
        assert!(text.contains(name) && text.contains("heist::run"), "{text}");
    }
}

#[test]
fn a_sleep_whose_runtime_has_ended_says_so() {
    let (mut fresh, mut polled, past) = run(async {
        let mut polled = sleep(HOUR);
        assert!(poll_once(&mut polled).is_pending());
        (sleep(HOUR), polled, sleep(Duration::ZERO))
    });
    for sleep in [&mut fresh, &mut polled] {
        let text = message(|| run(sleep));
        assert!(text.contains("has ended"), "{text}");
    }
    run(past);
}

#[test]
fn a_sleep_that_waits_while_its_runtime_ends_is_woken() {
    let runtime = Runtime::new().unwrap();
    let mut foreign = {
        let _inside = runtime.enter();
        sleep(HOUR)
    };
    let (polled, was_polled) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        message(|| {
            run(poll_fn(|cx| {
                let result = Pin::new(&mut foreign).poll(cx);
                polled.send(()).unwrap();
                result
            }));
        })
    });
    was_polled.recv().unwrap();
    drop(runtime);
    assert!(waiter.join().unwrap().contains("has ended"));
}

#[test]
fn what_is_ready_beats_the_clock() {
    run(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        let past = Instant::now();
        assert_eq!(timeout_at(past, async { 2 }).await, Ok(2));
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        // Ready at the very poll that finds the deadline past.
        let late = timeout(MS, async {
            std::thread::sleep(5 * MS);
            3
        });
        assert_eq!(late.await, Ok(3));
    });
}

#[test]
fn the_future_is_dropped_before_timeout_returns() {
    run(async {
        let witness = Arc::new(());
        let held = witness.clone();
        let mut limited = pin!(timeout(MS, async move {
            pending::<()>().await;
            drop(held);
        }));
        assert!(limited.as_mut().await.is_err());
        assert_eq!(Arc::strong_count(&witness), 1);
    });
}

#[test]
fn nested_timeouts_with_one_deadline_expire_from_the_inside() {
    run(async {
        let deadline = Instant::now() + MS;
        let inner = timeout_at(deadline, pending::<()>());
        assert!(matches!(timeout_at(deadline, inner).await, Ok(Err(_))));
    });
}

#[test]
fn a_timeout_waits_out_a_future_that_was_refused_for_want_of_budget() {
    let task = async {
        for _ in 0..1_000 {
            sleep(Duration::ZERO).await;
            timeout(Duration::ZERO, sleep(Duration::ZERO)).await?;
        }
        timeout(Duration::ZERO, async {
            for _ in 0..150 {
                sleep(Duration::ZERO).await;
            }
        })
        .await
    };
    assert_eq!(run(async { spawn(task).await.unwrap() }), Ok(()));
}

#[test]
fn a_future_that_is_always_busy_still_times_out() {
    let busy = async {
        loop {
            sleep(Duration::ZERO).await;
        }
    };
    let limited = async { timeout(2 * MS, busy).await };
    let result: Result<(), Elapsed> = run(async { spawn(limited).await.unwrap() });
    assert!(result.is_err());
}

#[test]
fn many_pending_sleeps_in_one_task_do_not_starve_the_last() {
    let task = async {
        let mut long: Vec<_> = (0..500).map(|_| sleep(HOUR)).collect();
        let mut short = sleep(2 * MS);
        poll_fn(|cx| {
            for sleep in &mut long {
                assert!(Pin::new(sleep).poll(cx).is_pending());
            }
            Pin::new(&mut short).poll(cx)
        })
        .await;
    };
    run(async { spawn(task).await.unwrap() });
}

#[test]
fn an_interval_ticks_at_once_and_then_every_period() {
    run(async {
        let start = Instant::now();
        let mut interval = interval(2 * MS);
        let first = interval.tick().await;
        assert!(first >= start);
        for n in 1..5 {
            assert_eq!(interval.tick().await, first + n * 2 * MS);
            assert!(Instant::now() >= first + n * 2 * MS);
        }
        // A tick given up is not lost.
        assert!(poll_once(&mut interval.tick()).is_pending() || Instant::now() >= first + 10 * MS);
        assert!(interval.tick().await <= first + 12 * MS);
    });
}

#[test]
fn missed_ticks_come_in_a_burst_or_later_or_never() {
    let due = Instant::now();
    let next = |behavior: MissedTickBehavior, late| behavior.next(due, due + late, 10 * MS) - due;
    use MissedTickBehavior::{Burst, Delay, Skip};
    for behavior in [Burst, Delay, Skip] {
        assert_eq!(next(behavior, Duration::ZERO), 10 * MS);
        assert_eq!(next(behavior, MS), 10 * MS);
    }
    assert_eq!(next(Burst, 25 * MS), 10 * MS);
    assert_eq!(next(Delay, 25 * MS), 35 * MS);
    assert_eq!(next(Delay, 6 * MS), 16 * MS);
    assert_eq!(next(Skip, 25 * MS), 30 * MS);
    assert_eq!(next(Skip, 20 * MS), 30 * MS);
    assert_eq!(next(Skip, 9 * MS), 10 * MS);
}

#[test]
fn a_period_of_zero_is_refused() {
    let text = message(|| run(async { drop(interval(Duration::ZERO)) }));
    assert!(text.contains("period above zero"), "{text}");
}

#[test]
fn the_futures_travel() {
    fn travels<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    travels::<Sleep>();
    travels::<Interval>();
    travels::<Tick<'_>>();
    travels::<Timeout<Sleep>>();
    travels::<Elapsed>();
}
