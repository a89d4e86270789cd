//! Where a runtime may be entered, where not, and what is said then.

mod common;

use common::{Counter, Watchdog, message_of, panic_of, run, run_on};
use heist::{Builder, Handle, RunError, Runtime};
use std::cell::RefCell;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

const NESTED: &str =
    "heist::run cannot be called from inside a running runtime: await the future, or spawn it";

#[test]
fn run_inside_the_root_panics_at_the_callers_line() {
    run(async {
        let line = line!() + 1;
        let panic = panic_of(|| heist::run(async {}));
        assert_eq!(panic.message, NESTED);
        assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
        // The runtime goes on.
        assert_eq!(heist::spawn(async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn run_inside_a_task_panics_into_its_join_error() {
    run(async {
        let task = heist::spawn(async { heist::run(async {}) });
        let payload = task.await.unwrap_err().into_panic();
        assert_eq!(message_of(payload.as_ref()), Some(NESTED));
    });
}

#[test]
fn try_run_and_the_builder_give_the_refusal_as_an_error_and_drop_the_future() {
    fn assert_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    run(async {
        let dropped = Counter::new();
        let (first, second) = (dropped.guard(), dropped.guard());
        let error = heist::try_run(async move { drop(first) }).unwrap_err();
        assert!(matches!(error, RunError::Nested));
        assert_error(&error);
        assert!(!error.to_string().is_empty());
        let result = Builder::new().run(async move { drop(second) });
        assert!(matches!(result, Err(RunError::Nested)));
        assert_eq!(dropped.get(), 2);
    });
    assert_eq!(heist::try_run(async { 8 }).unwrap(), 8);
}

#[test]
fn block_on_inside_a_runtime_panics_even_if_it_is_another_one() {
    let other = Runtime::new().unwrap();
    run(async {
        let line = line!() + 1;
        let panic = panic_of(|| other.block_on(async {}));
        assert!(
            panic
                .message
                .contains("cannot be called from inside a running runtime")
        );
        assert_eq!(panic.line, line);
        let line = line!() + 1;
        let panic = panic_of(|| Handle::current().block_on(async {}));
        assert!(
            panic
                .message
                .contains("cannot be called from inside a running runtime")
        );
        assert_eq!(panic.line, line);
    });
}

#[test]
fn run_works_inside_a_blocking_call() {
    run(async {
        let call = heist::spawn_blocking(|| {
            heist::run(async { heist::spawn(async { 4 }).await.unwrap() })
        });
        assert_eq!(call.await.unwrap(), 4);
    });
}

#[test]
fn run_works_inside_block_in_place_of_a_task_and_of_the_root() {
    run(async {
        let nested = || {
            heist::block_in_place(|| heist::run(async { heist::spawn(async { 4 }).await.unwrap() }))
        };
        assert_eq!(nested(), 4);
        assert_eq!(heist::spawn(async move { nested() }).await.unwrap(), 4);
        // And once out of it, this is the inside of a runtime again.
        assert_eq!(panic_of(|| heist::run(async {})).message, NESTED);
    });
}

#[test]
fn run_works_inside_another_executor() {
    let _watchdog = Watchdog::start();
    let value = futures_lite::future::block_on(async {
        let inner = heist::run(async { heist::spawn(async { 2 }).await.unwrap() });
        futures_lite::future::yield_now().await;
        inner + heist::run(async { 3 })
    });
    assert_eq!(value, 5);
}

#[test]
fn a_handle_serves_another_executor() {
    let _watchdog = Watchdog::start();
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    let value = futures_lite::future::block_on(async { handle.spawn(async { 6 }).await.unwrap() });
    assert_eq!(value, 6);
}

#[test]
fn spawn_without_a_runtime_panics_at_the_callers_line() {
    let line = line!() + 1;
    let panic = panic_of(|| heist::spawn(async {}));
    assert!(
        panic
            .message
            .starts_with("heist::spawn must be called from inside a runtime: "),
        "{}",
        panic.message
    );
    assert_eq!((panic.file.as_str(), panic.line), (file!(), line));
}

#[test]
fn current_needs_a_runtime_and_try_current_says_so() {
    fn assert_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    let error = Handle::try_current().unwrap_err();
    assert_error(&error);
    panic_of(Handle::current);
    run(async {
        assert!(Handle::try_current().is_ok());
        let in_task = heist::spawn(async { Handle::try_current().is_ok() });
        assert!(in_task.await.unwrap());
        let in_call = heist::spawn_blocking(|| Handle::try_current().is_ok());
        assert!(in_call.await.unwrap());
    });
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_hundred_threads_run_at_once() {
    let _watchdog = Watchdog::start();
    let start = Barrier::new(100);
    let sum: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..100)
            .map(|i| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    heist::run(async move {
                        let half = heist::spawn(async move { i });
                        half.await.unwrap() + heist::gather([async move { i }]).await[0]
                    })
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!(sum, 2 * (0..100).sum::<usize>());
}

struct RunsWhenDropped(mpsc::Sender<u32>);

impl Drop for RunsWhenDropped {
    fn drop(&mut self) {
        let value = heist::run(async { heist::spawn(async { 42 }).await.unwrap() });
        self.0.send(value).unwrap();
    }
}

thread_local! {
    static AT_EXIT: RefCell<Option<RunsWhenDropped>> = const { RefCell::new(None) };
}

/// The library's own thread-locals may be gone by then, or not have been there yet.
#[test]
fn run_works_in_the_destructor_of_a_thread_local() {
    let _watchdog = Watchdog::start();
    for before in [true, false] {
        let (send, receive) = mpsc::channel();
        let thread = thread::spawn(move || {
            if before {
                heist::run(async { heist::spawn(async {}).await.unwrap() });
            }
            AT_EXIT.set(Some(RunsWhenDropped(send)));
            heist::run(async { heist::spawn(async {}).await.unwrap() });
        });
        assert_eq!(receive.recv(), Ok(42));
        thread.join().unwrap();
    }
    let (send, receive) = mpsc::channel();
    thread::spawn(move || AT_EXIT.set(Some(RunsWhenDropped(send))));
    assert_eq!(
        receive.recv(),
        Ok(42),
        "a thread that never ran anything before"
    );
}

#[test]
fn an_enter_guard_makes_spawn_and_sleep_work_until_it_is_dropped() {
    let watchdog = Watchdog::start();
    let runtime = Runtime::new().unwrap();
    watchdog.knows(runtime.handle());
    let guard = runtime.enter();
    let task = heist::spawn(async { 9 });
    let sleep = heist::time::sleep(Duration::from_millis(1));
    assert_eq!(futures_lite::future::block_on(task).unwrap(), 9);
    futures_lite::future::block_on(sleep);
    // This thread is in no task and no root, so it may block here.
    assert_eq!(runtime.block_on(async { 10 }), 10);
    drop(guard);
    panic_of(|| heist::spawn(async {}));
}

#[test]
fn the_innermost_enter_guard_counts() {
    let one = Builder::new().worker_threads(1).build().unwrap();
    let three = Builder::new().worker_threads(3).build().unwrap();
    let workers = || Handle::current().metrics().workers();
    let outer = one.enter();
    assert_eq!(workers(), 1);
    let inner = three.handle();
    let inner = inner.enter();
    assert_eq!(workers(), 3);
    drop(inner);
    assert_eq!(workers(), 1);
    drop(outer);
    assert!(Handle::try_current().is_err());
}

#[test]
fn a_spawn_on_a_runtime_that_is_gone_is_cancelled_and_its_future_dropped() {
    let _watchdog = Watchdog::start();
    let kept = run(async { Handle::current() });
    let runtime = Runtime::new().unwrap();
    let dropped_runtime = runtime.handle();
    drop(runtime);
    for handle in [kept, dropped_runtime] {
        let dropped = Counter::new();
        let guard = dropped.guard();
        let task = handle.spawn(async move { drop(guard) });
        assert_eq!(dropped.get(), 1, "dropped by the caller");
        let error = futures_lite::future::block_on(task).unwrap_err();
        assert!(error.is_cancelled());
        let call = handle.spawn_blocking(|| 1);
        assert!(
            futures_lite::future::block_on(call)
                .unwrap_err()
                .is_cancelled()
        );
    }
}

#[test]
fn no_workers_are_an_error() {
    assert!(Builder::new().worker_threads(0).build().is_err());
    let result = Builder::new().worker_threads(0).run(async {});
    assert!(matches!(result, Err(RunError::Io(_))));
}

#[test]
fn a_task_may_wait_for_a_runtime_in_a_thread_of_its_own() {
    run_on(1, async {
        let done = Counter::new();
        let says = done.clone();
        let thread = thread::spawn(move || {
            heist::run(async { says.add() });
        });
        done.reached(1).await;
        thread.join().unwrap();
    });
}
