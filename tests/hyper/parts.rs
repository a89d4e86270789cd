//! What hyper is given beside streams: the timer and the executor.

use super::common::{panic_of, poll_once, run};
use heist::hyper::{Executor, Timer};
use hyper::rt::{Executor as _, Sleep, Timer as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

const MOMENT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn both_kinds_of_sleep_end_at_their_time() {
    run(async {
        let begun = Instant::now();
        Timer::new().sleep(MOMENT).await;
        assert!(begun.elapsed() >= MOMENT);
        Timer::new().sleep_until(begun + 2 * MOMENT).await;
        assert!(begun.elapsed() >= 2 * MOMENT);
    });
}

#[test]
fn a_sleep_that_is_put_off_does_not_end_early() {
    run(async {
        let begun = Instant::now();
        let mut sleep = Timer::new().sleep(MOMENT);
        assert!(poll_once(sleep.as_mut()).is_pending() || begun.elapsed() >= MOMENT);
        Timer::new().reset(&mut sleep, begun + 4 * MOMENT);
        sleep.as_mut().await;
        assert!(begun.elapsed() >= 4 * MOMENT);
        // One that is over can be used again.
        Timer::new().reset(&mut sleep, begun + 6 * MOMENT);
        sleep.await;
        assert!(begun.elapsed() >= 6 * MOMENT);
    });
}

#[test]
fn a_sleep_that_is_put_forward_ends_soon() {
    run(async {
        let mut sleep = Timer::new().sleep(LONG);
        assert!(poll_once(sleep.as_mut()).is_pending());
        Timer::new().reset(&mut sleep, Instant::now() + MOMENT);
        sleep.await;
    });
}

/// A sleep of another runtime, which never ends.
struct Foreign;

impl Future for Foreign {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Foreign {}

#[test]
fn resetting_a_sleep_of_somebody_else_replaces_it() {
    run(async {
        let begun = Instant::now();
        let mut sleep: Pin<Box<dyn Sleep>> = Box::pin(Foreign);
        Timer::new().reset(&mut sleep, begun + MOMENT);
        assert!(!sleep.is::<Foreign>());
        sleep.await;
        assert!(begun.elapsed() >= MOMENT);
    });
}

#[test]
fn outside_of_a_runtime_the_executor_panics_as_spawn_does() {
    let spawn = panic_of(|| heist::spawn(async {}));
    let line = line!() + 1;
    let executor = panic_of(|| Executor::new().execute(async {}));
    assert_eq!(executor.message, spawn.message);
    assert_eq!((executor.file.as_str(), executor.line), (file!(), line));
}

#[test]
fn outside_of_a_runtime_the_timer_panics_as_sleep_does() {
    let sleep = panic_of(|| heist::time::sleep(MOMENT));
    let timer = panic_of(|| Timer::new().sleep(MOMENT));
    assert_eq!(timer.message, sleep.message);
    assert_eq!((timer.file.as_str(), timer.line), (file!(), sleep.line + 1));
}
