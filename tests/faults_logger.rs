//! A logger that uses the runtime that reports to it, and panics: nobody is harmed by it.

mod common;

use common::{Counter, DELIBERATE, Watchdog, compute_for, quiet_panics};
use heist::{Builder, Handle};
use std::future::pending;
use std::time::Duration;

struct Explosive(Counter);

impl log::Log for Explosive {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        self.0.add();
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async {});
            runtime.spawn_blocking(|| ());
        }
        panic!("{DELIBERATE}");
    }

    fn flush(&self) {}
}

fn install() -> Counter {
    quiet_panics();
    let reports = Counter::new();
    let logger = Box::leak(Box::new(Explosive(reports.clone())));
    log::set_logger(logger).expect("no other logger");
    log::set_max_level(log::LevelFilter::Trace);
    reports
}

#[test]
fn a_logger_that_spawns_and_panics_keeps_no_runtime_from_working_or_ending() {
    let watchdog = Watchdog::start();
    let reports = install();
    for (workers, stack) in [(1, None), (2, None), (2, Some(usize::MAX))] {
        let dropped = Counter::new();
        let mut builder = Builder::new().worker_threads(workers).debug(true);
        if let Some(bytes) = stack {
            // No thread can be had, which is reported.
            builder = builder.thread_stack_size(bytes);
        }
        let before = reports.get();
        let sum = builder
            .slow_poll_threshold(Duration::from_millis(1))
            .run(async {
                watchdog.knows_current();
                // What is left at the end is reported in debug mode.
                for _ in 0..10 {
                    let guard = dropped.guard();
                    heist::spawn(async move {
                        let _guard = guard;
                        pending::<()>().await;
                    });
                }
                let (one, two) = (heist::spawn(async { 1 }), heist::spawn(async { 2 }));
                // A poll that lasts too long is reported as well.
                let slow = heist::spawn(async { compute_for(Duration::from_millis(50)) });
                slow.await.unwrap();
                one.await.unwrap() + two.await.unwrap() + heist::spawn_blocking(|| 3).await.unwrap()
            });
        assert_eq!(sum.unwrap(), 6);
        assert_eq!(dropped.get(), 10);
        assert!(reports.get() >= before + 10);
    }
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn a_logger_may_spawn_and_panic_when_it_is_told_that_there_is_no_thread_for_the_monitor() {
    use common::{child, limits};
    let this =
        "a_logger_may_spawn_and_panic_when_it_is_told_that_there_is_no_thread_for_the_monitor";
    if !child::enter(this, &[limits::LARGE_STACKS]) {
        return;
    }
    let watchdog = Watchdog::start();
    limits::deny_threads();
    let reports = install();
    let sum = Builder::new().worker_threads(2).run(async {
        watchdog.knows_current();
        let (one, two) = (heist::spawn(async { 1 }), heist::spawn(async { 2 }));
        one.await.unwrap() + two.await.unwrap() + heist::spawn_blocking(|| 3).await.unwrap()
    });
    assert_eq!(sum.unwrap(), 6);
    // Once for the monitor, once for the runtime's own threads, however often they were asked for.
    assert_eq!(reports.get(), 2);
}
