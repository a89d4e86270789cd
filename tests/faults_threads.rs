//! A system that refuses every thread for a while. Each test is a process of its own.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod common;

use common::limits::{LARGE_STACKS, allow_threads, deny_threads};
use common::{Counter, Watchdog, child, process};
use futures_lite::future::block_on;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream};
use heist::{Builder, RunError, Runtime};
use std::net::Ipv4Addr;
use std::thread::{self, ThreadId};
use std::time::Duration;

#[test]
fn a_build_without_a_thread_is_an_error_and_a_later_one_works() {
    let this = "a_build_without_a_thread_is_an_error_and_a_later_one_works";
    if !child::enter(this, &[LARGE_STACKS]) {
        return;
    }
    let _watchdog = Watchdog::start();
    deny_threads();
    let error = Runtime::new().unwrap_err();
    assert!(error.raw_os_error().is_some(), "{error:?}");
    assert!(Builder::new().worker_threads(4).build().is_err());
    let refused = Builder::new().caller_runs_tasks(false).run(async {});
    assert!(matches!(refused, Err(RunError::Io(_))));
    allow_threads();
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async { 7 });
    assert_eq!(block_on(task).unwrap(), 7);
    let task = async { heist::spawn(async { 8 }).await.unwrap() };
    let builder = Builder::new().caller_runs_tasks(false);
    assert_eq!(builder.run(task).unwrap(), 8);
}

async fn echo_of_one_byte() -> u8 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = heist::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        stream.write_all(&byte).await.unwrap();
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&[9]).await.unwrap();
    let mut byte = [0];
    client.read_exact(&mut byte).await.unwrap();
    server.await.unwrap();
    byte[0]
}

/// A bit of everything; on which threads the blocking calls ran.
async fn use_everything() -> Vec<ThreadId> {
    let sum: usize = heist::gather((0..100).map(|i| async move {
        heist::yield_now().await;
        heist::spawn(async move { i }).await.unwrap()
    }))
    .await
    .into_iter()
    .sum();
    assert_eq!(sum, 4_950);
    let sleeps = (1..5).map(|ms| heist::time::sleep(Duration::from_millis(ms)));
    heist::gather(sleeps).await;
    assert_eq!(echo_of_one_byte().await, 9);
    let named = heist::net::lookup_host("localhost:80").await.unwrap();
    assert!(named.count() > 0);
    // Gives the caller's worker away, and nobody comes for it.
    heist::block_in_place(|| ());
    let calls = (0..10).map(|_| {
        heist::spawn_blocking(|| {
            // It is a blocking call wherever it runs.
            assert_eq!(
                heist::run(async { heist::spawn(async { 3 }).await }).unwrap(),
                3
            );
            thread::current().id()
        })
    });
    let calls: Vec<_> = calls.collect();
    let calls = heist::gather(calls).await;
    calls.into_iter().map(Result::unwrap).collect()
}

#[test]
fn a_run_without_any_other_thread_does_everything_itself() {
    let this = "a_run_without_any_other_thread_does_everything_itself";
    if !child::enter(this, &[LARGE_STACKS]) {
        return;
    }
    let watchdog = Watchdog::start();
    deny_threads();
    let threads = process::threads();
    for workers in [1, 2, 8] {
        let builder = Builder::new().worker_threads(workers);
        let ran_on = builder.run(async {
            watchdog.knows_current();
            use_everything().await
        });
        let caller = thread::current().id();
        assert!(ran_on.unwrap().iter().all(|id| *id == caller));
    }
    assert_eq!(process::threads(), threads);
}

#[test]
fn a_run_gets_its_threads_as_soon_as_there_are_some() {
    let this = "a_run_gets_its_threads_as_soon_as_there_are_some";
    if !child::enter(this, &[LARGE_STACKS]) {
        return;
    }
    let watchdog = Watchdog::start();
    deny_threads();
    let result = Builder::new().worker_threads(2).run(async {
        watchdog.knows_current();
        use_everything().await;
        allow_threads();
        // Two calls that wait for each other, and two tasks that block until both are there.
        let (calls, tasks) = (Counter::new(), Counter::new());
        let meet = |met: &Counter| {
            let met = met.clone();
            move || {
                met.add();
                met.wait(2);
            }
        };
        let calls = [0, 1].map(|_| heist::spawn_blocking(meet(&calls)));
        let tasks = [0, 1].map(|_| {
            let meet = meet(&tasks);
            heist::spawn(async move { meet() })
        });
        for handle in calls.into_iter().chain(tasks) {
            handle.await.unwrap();
        }
    });
    result.unwrap();
}

/// A runtime without any thread, none of which can be made from now on.
fn without_threads(watchdog: &Watchdog) -> Runtime {
    let before = process::threads();
    let builder = Builder::new().thread_keep_alive(Duration::from_millis(1));
    let runtime = builder.build().unwrap();
    watchdog.knows(runtime.handle());
    // The one that `build` made sure of goes; the monitor stays.
    while process::threads() > before + 1 {
        thread::sleep(Duration::from_millis(1));
    }
    deny_threads();
    runtime
}

#[test]
fn what_foreign_threads_spawn_without_any_thread_runs_as_soon_as_there_is_one() {
    let this = "what_foreign_threads_spawn_without_any_thread_runs_as_soon_as_there_is_one";
    if !child::enter(this, &[LARGE_STACKS]) {
        return;
    }
    let watchdog = Watchdog::start();
    let runtime = without_threads(&watchdog);
    let task = runtime.spawn(async { 1 });
    let call = runtime.spawn_blocking(|| 2);
    let sleep = runtime.spawn(sleep_for_a_moment());
    thread::sleep(Duration::from_millis(50));
    assert!(!task.is_finished() && !call.is_finished() && !sleep.is_finished());
    allow_threads();
    // Nobody touches the runtime any more: it asks for its threads by itself.
    let sum = block_on(async { task.await.unwrap() + call.await.unwrap() + sleep.await.unwrap() });
    assert_eq!(sum, 6);
}

async fn sleep_for_a_moment() -> i32 {
    heist::time::sleep(Duration::from_millis(5)).await;
    3
}

#[test]
fn a_runtime_that_gets_no_thread_for_a_call_runs_it_on_the_thread_it_has() {
    let this = "a_runtime_that_gets_no_thread_for_a_call_runs_it_on_the_thread_it_has";
    if !child::enter(this, &[LARGE_STACKS]) {
        return;
    }
    let watchdog = Watchdog::start();
    let runtime = Builder::new().worker_threads(2).build().unwrap();
    watchdog.knows(runtime.handle());
    // A task of the runtime's one thread.
    let (started, go) = (Counter::new(), Counter::new());
    let (says, wait) = (started.clone(), go.clone());
    let task = runtime.spawn(async move {
        says.add();
        wait.reached(1).await;
        heist::spawn_blocking(|| 5).await.unwrap() + use_everything().await.len()
    });
    started.wait(1);
    deny_threads();
    go.add();
    assert_eq!(block_on(task).unwrap(), 15);
    // The end needs no thread either.
    drop(runtime);
}

#[test]
fn a_runtime_ends_though_what_was_spawned_got_no_thread() {
    let this = "a_runtime_ends_though_what_was_spawned_got_no_thread";
    if !child::enter(this, &[LARGE_STACKS]) {
        return;
    }
    let watchdog = Watchdog::start();
    let runtime = without_threads(&watchdog);
    let dropped = Counter::new();
    let (task, call) = (dropped.guard(), dropped.guard());
    let task = runtime.spawn(async move { drop(task) });
    let call = runtime.spawn_blocking(move || drop(call));
    drop(runtime);
    assert_eq!(dropped.get(), 2);
    assert!(block_on(task).unwrap_err().is_cancelled());
    assert!(block_on(call).unwrap_err().is_cancelled());
}

#[test]
fn a_caller_found_blocked_by_a_task_runs_tasks_again_when_nobody_else_can() {
    let this = "a_caller_found_blocked_by_a_task_runs_tasks_again_when_nobody_else_can";
    if !child::enter(this, &[LARGE_STACKS]) {
        return;
    }
    let watchdog = Watchdog::start();
    // There is a monitor, to find it, but no thread.
    drop(without_threads(&watchdog));
    for workers in [1, 2] {
        let builder = Builder::new().worker_threads(workers);
        let result = builder.run(async {
            watchdog.knows_current();
            for _ in 0..3 {
                let slow = heist::spawn(async { thread::sleep(Duration::from_millis(100)) });
                slow.await.unwrap();
                assert_eq!(use_everything().await.len(), 10);
            }
        });
        result.unwrap();
    }
}
