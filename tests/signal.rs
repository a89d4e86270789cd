//! Ctrl-c: who waits for it gets it, once, and nobody disturbs the others.
#![cfg(unix)]

mod common;

use common::{
    Counter, DELIBERATE, WakeCount, Watchdog, one_at_a_time, poll_once, poll_with, quiet_panics,
    run_on,
};
use futures_lite::future::{block_on, or};
use heist::signal::{CtrlC, ctrl_c};
use heist::time::timeout;
use rustix::process::{Signal, getpid, kill_process};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

/// Sends this process a SIGINT. Somebody must have called `ctrl_c` before.
fn press() {
    kill_process(getpid(), Signal::INT).expect("a signal to this process");
}

/// Sends a SIGINT, and waits until it was noticed.
fn press_and_wait() {
    let noticed = ctrl_c();
    press();
    block_on(noticed).expect("a handler");
}

fn poll(future: &mut CtrlC, waker: &Waker) -> bool {
    poll_with(Pin::new(future), waker).is_ready()
}

/// A waker that counts where a thread can wait for it.
struct Woken(Counter);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.add();
    }
}

/// A waker that panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("{DELIBERATE}");
    }
}

#[test]
fn it_can_be_sent_shared_and_moved() {
    fn is<T: Send + Sync + Unpin + Future<Output = std::io::Result<()>>>(_: &T) {}
    let _turn = one_at_a_time();
    let future = ctrl_c();
    is(&future);
    assert!(format!("{future:?}").contains("CtrlC"));
}

#[test]
fn it_completes_in_a_runtime_of_any_size() {
    let _turn = one_at_a_time();
    for workers in [1, 2, 4] {
        run_on(workers, async {
            let there = heist::spawn(ctrl_c());
            let here = ctrl_c();
            press();
            assert!(here.await.is_ok());
            assert!(there.await.expect("no panic").is_ok());
        });
    }
}

#[test]
fn it_completes_without_any_runtime() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let future = ctrl_c();
    press();
    assert!(block_on(future).is_ok());
}

#[test]
fn one_ctrl_c_completes_all_that_wait() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let waiting: Vec<_> = (0..100).map(|_| ctrl_c()).collect();
        let begun = Counter::new();
        let tasks = waiting.into_iter().map(|mut future| {
            let begun = begun.clone();
            heist::spawn(async move {
                assert!(poll_once(Pin::new(&mut future)).is_pending());
                begun.add();
                future.await
            })
        });
        let tasks: Vec<_> = tasks.collect();
        begun.reached(100).await;
        press();
        for task in tasks {
            assert!(task.await.expect("no panic").is_ok());
        }
    });
}

#[test]
fn a_ctrl_c_between_the_call_and_the_first_poll_counts() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let mut early = ctrl_c();
    press_and_wait();
    assert!(matches!(
        poll_once(Pin::new(&mut early)),
        Poll::Ready(Ok(()))
    ));
}

#[test]
fn a_ctrl_c_while_nobody_has_polled_counts() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let early = ctrl_c();
    press();
    // Long enough, mostly, to be noticed with an empty list. If not, this shows nothing, and passes.
    thread::sleep(Duration::from_millis(20));
    assert!(block_on(early).is_ok());
}

#[test]
fn a_new_one_waits_for_the_next() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    for _ in 0..20 {
        press_and_wait();
        let mut next = ctrl_c();
        assert!(poll_once(Pin::new(&mut next)).is_pending());
        press_and_wait();
        assert!(poll_once(Pin::new(&mut next)).is_ready());
    }
}

#[test]
fn it_is_as_it_was_after_a_timeout_around_it() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let mut stop = ctrl_c();
        let late = timeout(Duration::from_millis(1), &mut stop).await;
        assert!(late.is_err());
        press();
        assert!(stop.await.is_ok());
    });
}

#[test]
fn a_dropped_one_keeps_no_waker() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let (count, waker) = WakeCount::new();
    let mut futures: Vec<_> = (0..3).map(|_| ctrl_c()).collect();
    for future in &mut futures {
        assert!(!poll(future, &waker));
        assert!(!poll(future, &waker), "a second look");
    }
    assert_eq!(Arc::strong_count(&count), 2 + futures.len());
    drop(futures);
    assert_eq!(Arc::strong_count(&count), 2);
    press_and_wait();
    assert_eq!(count.get(), 0);
}

#[test]
fn the_waker_of_the_last_poll_is_woken_and_no_other_kept() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let (old, old_waker) = WakeCount::new();
    let woken = Counter::new();
    let mut future = ctrl_c();
    assert!(!poll(&mut future, &old_waker));
    assert!(!poll(
        &mut future,
        &Waker::from(Arc::new(Woken(woken.clone())))
    ));
    assert_eq!(Arc::strong_count(&old), 2);
    press();
    woken.wait(1);
    assert_eq!(old.get(), 0);
}

/// Its place in the list is somebody else's by then.
#[test]
fn dropping_one_whose_ctrl_c_has_come_takes_nobody_out() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let mut first = ctrl_c();
    assert!(poll_once(Pin::new(&mut first)).is_pending());
    press_and_wait();
    let woken = Counter::new();
    let mut second = ctrl_c();
    assert!(!poll(
        &mut second,
        &Waker::from(Arc::new(Woken(woken.clone())))
    ));
    drop(first);
    press();
    woken.wait(1);
    assert!(poll_once(Pin::new(&mut second)).is_ready());
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    quiet_panics();
    let woken = Counter::new();
    let counts = Waker::from(Arc::new(Woken(woken.clone())));
    let panics = Waker::from(Arc::new(Panics));
    let mut futures: Vec<_> = (0..4).map(|_| ctrl_c()).collect();
    for (future, waker) in futures.iter_mut().zip([&counts, &panics, &panics, &counts]) {
        assert!(!poll(future, waker));
    }
    press();
    woken.wait(2);
    // And ctrl-cs are still noticed afterwards.
    press_and_wait();
    assert_eq!(woken.get(), 2);
}

#[test]
fn it_is_seen_while_all_workers_are_busy_with_tasks_that_yield() {
    let _turn = one_at_a_time();
    for workers in [1, 2] {
        run_on(workers, async {
            let tasks: Vec<_> = (0..4 * workers)
                .map(|_| {
                    heist::spawn(async {
                        loop {
                            heist::yield_now().await;
                        }
                    })
                })
                .collect();
            for _ in 0..3 {
                let here = ctrl_c();
                press();
                assert!(here.await.is_ok());
            }
            assert!(tasks.iter().all(|task| !task.is_finished()));
        });
    }
}

#[test]
fn none_of_several_threads_that_wait_and_give_up_misses_one() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let rounds = 100;
    thread::scope(|scope| {
        let waiting = (0..4).map(|_| {
            scope.spawn(move || {
                for _ in 0..rounds {
                    let mut given_up = ctrl_c();
                    let _ = poll_once(Pin::new(&mut given_up));
                    let (one, other) = (ctrl_c(), ctrl_c());
                    block_on(or(one, other)).expect("a handler");
                }
            })
        });
        let waiting: Vec<_> = waiting.collect();
        let mut pressed = 0;
        while !waiting.iter().all(|thread| thread.is_finished()) {
            press_and_wait();
            pressed += 1;
        }
        assert!(pressed >= rounds);
    });
}

/// Those that were installed before, and those that came later.
#[test]
fn handlers_of_others_are_called_too() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let mut first = Signals::new([SIGINT]).expect("a handler");
    let ours = ctrl_c();
    let mut second = Signals::new([SIGINT]).expect("a handler");
    press();
    assert!(block_on(ours).is_ok());
    assert_eq!(first.wait().next(), Some(SIGINT));
    assert_eq!(second.wait().next(), Some(SIGINT));
    drop((first, second));
    // They took nothing with them.
    press_and_wait();
}
