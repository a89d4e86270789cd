//! Enter guards that are kept too long, dropped out of turn, or held where tasks run: what is current stays right.

mod common;

use common::{Watchdog, run, run_on};
use futures_lite::future::block_on;
use heist::time::{Sleep, sleep};
use heist::{Builder, Handle, Runtime};
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

fn runtime_of(workers: usize) -> Runtime {
    Builder::new().worker_threads(workers).build().unwrap()
}

#[test]
fn a_guard_that_outlives_its_root_leaves_nothing_current() {
    let watchdog = Watchdog::start();
    let (driven, entered) = (runtime_of(1), runtime_of(1));
    watchdog.knows(driven.handle());
    let mut kept = None;
    driven.block_on(async { kept = Some(entered.enter()) });
    assert!(Handle::try_current().is_err(), "after the root");
    drop(kept);
    assert!(Handle::try_current().is_err(), "after the guard");
}

/// The first runtime is over when the second guard could show it again.
#[test]
fn guards_dropped_out_of_order_never_show_a_freed_runtime() {
    let _watchdog = Watchdog::start();
    let (first, second) = (runtime_of(1), runtime_of(3));
    let (outer, inner) = (first.enter(), second.enter());
    drop(outer);
    drop(first);
    assert_eq!(Handle::current().metrics().workers(), 3);
    drop(inner);
    // Nothing is current, or else the first runtime, which has ended.
    if let Ok(current) = Handle::try_current() {
        assert_eq!(current.metrics().workers(), 1);
        let task = heist::spawn(async {});
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn a_guard_that_the_root_holds_over_an_await_does_not_redirect_the_tasks_run_meanwhile() {
    let watchdog = Watchdog::start();
    let (own, other) = (runtime_of(1), runtime_of(1));
    watchdog.knows(own.handle());
    own.block_on(async {
        let task = heist::spawn(async { heist::spawn(async {}).await });
        let _guard = other.enter();
        task.await.unwrap().unwrap();
    });
    assert_eq!(own.handle().metrics().spawned(), 2);
    assert_eq!(other.handle().metrics().spawned(), 0);
}

#[test]
fn a_task_keeps_its_identity_under_a_guard_and_after_it() {
    let other = runtime_of(1);
    run(async {
        let task = heist::spawn(async move {
            let own = heist::task::id();
            assert!(own.is_some());
            for handle in [Handle::current(), other.handle()] {
                let guard = handle.enter();
                assert_eq!(heist::task::id(), own, "under the guard");
                drop(guard);
                assert_eq!(heist::task::id(), own, "after the guard");
            }
        });
        task.await.unwrap();
    });
}

#[test]
fn a_guard_that_a_task_leaves_behind_counts_no_longer_after_its_poll() {
    let other = runtime_of(3);
    run_on(1, async {
        let entered = other.handle();
        let task = heist::spawn(async move {
            // Leaked: a guard is not `Send`, so no task can keep one over an await.
            std::mem::forget(entered.enter());
        });
        task.await.unwrap();
        let workers = heist::spawn(async { Handle::current().metrics().workers() });
        assert_eq!(workers.await.unwrap(), 1);
        assert_eq!(Handle::current().metrics().workers(), 1);
    });
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_guard_that_is_dropped_where_a_task_may_block_leaves_nothing_behind_that_is_gone() {
    run_on(1, async {
        let other = runtime_of(3);
        let entered = other.enter();
        heist::block_in_place(move || {
            drop(entered);
            // Out of turn: what was current stays.
            assert_eq!(Handle::current().metrics().workers(), 3);
            assert_eq!(run_on(1, async { 1 }), 1);
        });
        drop(other);
        // The runtime has ended, and its engine is still there to say so.
        let orphan = heist::spawn(async {});
        assert!(orphan.await.unwrap_err().is_cancelled());
        heist::yield_now().await;
        assert_eq!(Handle::current().metrics().workers(), 1);
    });
}

#[test]
fn a_guard_that_a_blocking_call_leaves_behind_counts_no_longer_after_it() {
    let other = runtime_of(3);
    // One thread serves them all.
    let builder = Builder::new().worker_threads(1).max_blocking_threads(1);
    let counted = builder.run(async {
        let look_and_leave = |_| {
            let entered = other.handle();
            heist::spawn_blocking(move || {
                let workers = Handle::current().metrics().workers();
                std::mem::forget(entered.enter());
                workers
            })
        };
        let calls: Vec<_> = (0..5).map(look_and_leave).collect();
        heist::gather(calls).await
    });
    for workers in counted.unwrap() {
        assert_eq!(workers.unwrap(), 1);
    }
}

/// A root whose making leaves a guard behind. It tells what is current when it runs, and gives a sleep that it made there.
struct EntersWhenMade(Handle);

impl IntoFuture for EntersWhenMade {
    type Output = (usize, Sleep);
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        let guard = self.0.enter();
        Box::pin(async move {
            let _kept = guard;
            (
                Handle::current().metrics().workers(),
                sleep(Duration::from_secs(1)),
            )
        })
    }
}

#[test]
fn a_guard_that_a_root_leaves_behind_before_it_runs_does_not_count() {
    let builder = || Builder::new().worker_threads(1);
    let own = builder().build().unwrap();
    for kept in [false, true] {
        let other = runtime_of(3);
        let (workers, sleep) = if kept {
            own.block_on(EntersWhenMade(other.handle().clone()))
        } else {
            builder()
                .run(EntersWhenMade(other.handle().clone()))
                .unwrap()
        };
        assert_eq!(workers, 1);
        drop(other);
        // Of the runtime that ran the root, be it over or not.
        let polled = catch_unwind(AssertUnwindSafe(|| {
            pin!(sleep).poll(&mut Context::from_waker(Waker::noop()))
        }));
        assert_eq!(polled.is_ok_and(|poll| poll.is_pending()), kept);
    }
}

struct EntersWhenWoken(Handle, AtomicBool);

impl Wake for EntersWhenWoken {
    fn wake(self: Arc<Self>) {
        std::mem::forget(self.0.enter());
        self.1.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_guard_that_a_waker_leaves_behind_between_two_polls_does_not_count() {
    let other = runtime_of(3);
    let enters = Arc::new(EntersWhenWoken(
        other.handle().clone(),
        AtomicBool::new(false),
    ));
    run_on(1, async {
        let task = heist::spawn(async move {
            let waker = Waker::from(Arc::clone(&enters));
            let mut first = Box::pin(sleep(Duration::from_millis(1)));
            assert!(
                first
                    .as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            sleep(Duration::from_millis(2)).await;
            assert!(enters.1.load(Ordering::Relaxed), "it is due before");
            (
                Handle::current().metrics().workers(),
                sleep(Duration::from_secs(1)),
            )
        });
        let (workers, late) = task.await.unwrap();
        assert_eq!(workers, 1);
        drop(other);
        assert!(
            pin!(late)
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert_eq!(heist::spawn(async { 5 }).await.unwrap(), 5);
    });
}

#[test]
fn under_a_guard_of_another_runtime_a_task_still_leaves_its_worker_to_block() {
    let other = runtime_of(3);
    run_on(1, async {
        let task = heist::spawn(async move {
            let beside = heist::spawn(async {});
            let _guard = other.enter();
            heist::block_in_place(move || block_on(beside)).unwrap();
        });
        task.await.unwrap();
    });
}

#[test]
fn a_guard_that_a_gathered_task_leaves_behind_does_not_count_for_the_next_one() {
    let other = runtime_of(3);
    run_on(1, async {
        let look_and_leave = |_| {
            let entered = other.handle();
            async move {
                let workers = Handle::current().metrics().workers();
                std::mem::forget(entered.enter());
                workers
            }
        };
        let seen = heist::gather((0..200).map(look_and_leave)).await;
        assert!(seen.iter().all(|&workers| workers == 1), "{seen:?}");
    });
}

#[test]
fn under_a_guard_of_another_runtime_what_is_spawned_here_runs_though_the_root_blocks() {
    let _watchdog = Watchdog::start();
    let other = runtime_of(1);
    // An engine that nobody has worked for.
    Builder::new()
        .worker_threads(2)
        .on_thread_start(|| ())
        .run(async {
            let here = Handle::current();
            let _guard = other.enter();
            let mut far = Box::pin(sleep(Duration::from_secs(10)));
            let polled = far.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
            let (sender, receiver) = std::sync::mpsc::channel();
            drop(here.spawn(async move { sender.send(5) }));
            assert_eq!(receiver.recv(), Ok(5));
        })
        .unwrap();
}
