//! Enter guards that are kept too long, dropped out of turn, or held where tasks run: what is current stays right.

mod common;

use common::{Watchdog, run, run_on};
use futures_lite::future::block_on;
use heist::{Builder, Handle, Runtime};

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
