//! A runtime that is kept: entered by many callers, one after another and at once.

mod common;

use common::{Counter, Watchdog};
use futures_lite::future::block_on;
use heist::time::sleep;
use heist::{Builder, Runtime};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[test]
fn two_callers_of_one_worker_may_await_each_others_tasks() {
    let watchdog = Watchdog::start();
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    watchdog.knows(runtime.handle());
    for _ in 0..50 {
        let (send, receive) = mpsc::channel();
        let (first_waits, second_waits) = (Counter::new(), Counter::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                runtime.block_on(async {
                    let gate = second_waits.clone();
                    let task = heist::spawn(async move {
                        gate.reached(1).await;
                        5
                    });
                    send.send(task).unwrap();
                    first_waits.reached(1).await;
                })
            });
            let value = runtime.block_on(async {
                let task = receive.recv().unwrap();
                second_waits.add();
                task.await.unwrap()
            });
            assert_eq!(value, 5);
            first_waits.add();
        });
    }
}

#[test]
fn many_callers_share_few_workers() {
    let watchdog = Watchdog::start();
    let runtime = Builder::new().worker_threads(2).build().unwrap();
    watchdog.knows(runtime.handle());
    let met = Counter::new();
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                runtime.block_on(async {
                    met.add();
                    met.reached(10).await;
                    for i in 0..100 {
                        assert_eq!(heist::spawn(async move { i }).await.unwrap(), i);
                    }
                });
            });
        }
    });
    assert_eq!(met.get(), 10);
}

#[test]
fn a_task_runs_though_nobody_blocks_on_its_runtime() {
    let watchdog = Watchdog::start();
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    watchdog.knows(runtime.handle());
    let task = runtime.spawn(async {
        sleep(Duration::from_millis(1)).await;
        3
    });
    assert_eq!(block_on(task).unwrap(), 3);
}

#[test]
fn a_runtime_is_reused_and_its_tasks_live_on_between_the_calls() {
    let watchdog = Watchdog::start();
    let runtime = Runtime::new().unwrap();
    watchdog.knows(runtime.handle());
    let (step, stepped) = (Counter::new(), Counter::new());
    let (waits, says) = (step.clone(), stepped.clone());
    let task = runtime.spawn(async move {
        for i in 1..=1_000 {
            waits.reached(i).await;
            says.add();
        }
    });
    for i in 1..=1_000 {
        runtime.block_on(async {
            step.add();
            stepped.reached(i).await;
        });
    }
    runtime.block_on(task).unwrap();
}
