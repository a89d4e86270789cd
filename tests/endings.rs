//! Runtimes that end at a bad moment: in the middle of polls, blocking calls, wakes, and of themselves.

mod common;

use common::{Counter, CountsDrop, Watchdog, compute_for, run, spin_randomly, turns};
use futures_lite::future::block_on;
use heist::{Builder, Handle, Runtime};
use std::future::{pending, poll_fn};
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

fn runtime_of(workers: usize, watchdog: &Watchdog) -> Runtime {
    let runtime = Builder::new().worker_threads(workers).build().unwrap();
    watchdog.knows(runtime.handle());
    runtime
}

/// Blocks until the runtime has begun to end.
fn wait_until_closed(handle: &Handle) {
    loop {
        // Only a closed runtime leaves a probe cancelled.
        let probe = handle.spawn(async {});
        if probe.is_finished() && block_on(probe).is_err() {
            return;
        }
        thread::yield_now();
    }
}

#[test]
fn a_shutdown_in_the_background_by_the_root_drops_the_tasks_that_are_queued() {
    let watchdog = Watchdog::start();
    // Not known to the watchdog, which would keep the runtime's memory.
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    let (handle, dropped) = (runtime.handle(), Counter::new());
    let guard = dropped.guard();
    let mut task = None;
    handle.block_on(async {
        task = Some(heist::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        runtime.shutdown_background();
    });
    dropped.wait(1);
    // The task's own handle is the last to be used.
    drop(handle);
    let result = block_on(task.expect("it was spawned"));
    assert!(result.unwrap_err().is_cancelled());
    drop(watchdog);
}

#[test]
fn a_blocking_call_that_waits_for_a_task_in_its_poll_does_not_keep_a_runtime_from_ending() {
    let watchdog = Watchdog::start();
    for workers in [1, 2] {
        let runtime = runtime_of(workers, &watchdog);
        let (held, wait) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || wait.recv().is_err());
        let started = Counter::new();
        let (says, handle) = (started.clone(), runtime.handle());
        runtime.spawn(async move {
            let _held = held;
            says.add();
            wait_until_closed(&handle);
            // Everyone else has come to rest when this poll ends.
            compute_for(Duration::from_millis(20));
            pending::<()>().await;
        });
        started.wait(1);
        drop(runtime);
    }
}

#[test]
fn a_blocking_call_that_reads_what_a_task_writes_for_ever_does_not_keep_run_from_returning() {
    for _ in 0..100 {
        run(async {
            let (write, read) = mpsc::channel();
            heist::spawn_blocking(move || while read.recv().is_ok() {});
            heist::spawn(async move {
                loop {
                    write.send(1).unwrap();
                    heist::yield_now().await;
                }
            });
            turns(10).await;
        });
    }
}

#[test]
fn dropping_a_runtime_from_a_nested_run_does_not_wait_for_itself() {
    let watchdog = Watchdog::start();
    let runtime = runtime_of(1, &watchdog);
    let handle = runtime.handle();
    handle.block_on(async move {
        heist::block_in_place(move || heist::run(async move { drop(runtime) }));
    });
    wait_until_closed(&handle);
}

#[test]
fn dropping_a_runtime_under_the_guard_of_another_does_not_wait_for_itself() {
    let watchdog = Watchdog::start();
    let (runtime, other) = (runtime_of(1, &watchdog), runtime_of(1, &watchdog));
    let handle = runtime.handle();
    handle.block_on(async move {
        let _guard = other.enter();
        drop(runtime);
    });
    wait_until_closed(&handle);
}

/// Each task wakes the next one when it is dropped.
#[test]
fn a_long_chain_of_tasks_that_wake_each_other_is_cancelled_without_recursion() {
    const LENGTH: usize = 20_000;
    let watchdog = Watchdog::start();
    let runtime = runtime_of(1, &watchdog);
    let (polled, dropped) = (Counter::new(), Counter::new());
    runtime.block_on(async {
        let mut before = Counter::new();
        for _ in 0..LENGTH {
            let own = Counter::new();
            let (link, says, guard) = (own.guard(), polled.clone(), dropped.guard());
            let turn = std::mem::replace(&mut before, own).reached(1);
            heist::spawn(async move {
                let _held: (CountsDrop, CountsDrop) = (link, guard);
                says.add();
                turn.await;
            });
        }
        polled.reached(LENGTH).await;
    });
    drop(runtime);
    assert_eq!(dropped.get(), LENGTH);
}

/// Spawns a task that is polled until its runtime ends, and is pending then; gives its waker to `left` at that moment.
fn spawn_polled_until_closed(runtime: &Runtime, left: mpsc::Sender<Waker>) {
    let (handle, started) = (runtime.handle(), Counter::new());
    let says = started.clone();
    runtime.spawn(poll_fn(move |cx| {
        says.add();
        wait_until_closed(&handle);
        // Whoever waits for this may be gone when the task is polled again.
        let _ = left.send(cx.waker().clone());
        Poll::<()>::Pending
    }));
    started.wait(1);
}

#[test]
fn a_task_that_wakes_one_of_a_runtime_that_is_ending_stays_the_current_task() {
    let watchdog = Watchdog::start();
    let own = runtime_of(1, &watchdog);
    for round in 0..100 {
        let closing = runtime_of(2, &watchdog);
        // Keeps the runtime from being done with ending.
        let (release, wait) = mpsc::channel::<()>();
        closing.spawn_blocking(move || wait.recv().is_err());
        let (left, wakers) = mpsc::channel();
        spawn_polled_until_closed(&closing, left);
        let closer = thread::spawn(move || drop(closing));
        let waker = wakers.recv().unwrap();
        own.block_on(async {
            let task = heist::spawn(async move {
                let before = heist::task::id();
                spin_randomly(round * 20);
                waker.wake();
                assert!(before.is_some());
                assert_eq!(heist::task::id(), before);
                heist::spawn(async {}).await
            });
            task.await.unwrap().unwrap();
        });
        drop(release);
        closer.join().unwrap();
    }
}

/// A blocking call's capture, whose drop takes a while.
struct SlowDrop(#[expect(dead_code, reason = "it is held for its drop")] CountsDrop);

impl Drop for SlowDrop {
    fn drop(&mut self) {
        thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn blocking_calls_that_other_threads_spawn_while_a_runtime_is_dropped_are_run_or_dropped() {
    const CALLS: usize = 20;
    let watchdog = Watchdog::start();
    for _ in 0..100 {
        let runtime = Builder::new().worker_threads(1).build().unwrap();
        let dropped = Counter::new();
        thread::scope(|scope| {
            for _ in 0..3 {
                let (handle, dropped) = (runtime.handle(), &dropped);
                scope.spawn(move || {
                    for _ in 0..CALLS {
                        let held = SlowDrop(dropped.guard());
                        handle.spawn_blocking(move || drop(held));
                    }
                });
            }
            spin_randomly(30_000);
            drop(runtime);
        });
        assert_eq!(dropped.get(), 3 * CALLS);
    }
    drop(watchdog);
}
