//! How many instructions do heist's paths take that one thread goes alone? Counted under valgrind, by `scripts/counts`.

#![expect(
    missing_docs,
    reason = "the macros of gungraun make public items without"
)]

use gungraun::Callgrind;
use gungraun::prelude::*;
use std::future::poll_fn;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// How often each path does what it is named after. `scripts/counts` reads it here.
const OPERATIONS: u64 = 1_000;

// What is counted: one way along a path.
#[library_benchmark(setup = warm_up, teardown = check)]
#[bench::spawn_await(spawn_await)]
#[bench::wake(wake)]
#[bench::yield_now(yield_now)]
#[bench::fresh_loop(fresh_loop)]
#[bench::gather(gather)]
fn count(path: fn() -> u64) -> u64 {
    path()
}

library_benchmark_group!(name = paths, benchmarks = count);

main!(
    config = LibraryBenchmarkConfig::default()
        .env("HEIST_WORKER_THREADS", "1")
        // Without fairness valgrind goes on with the thread that it runs: the monitor seldom gets a turn in between,
        // and what it finds would cost this thread instructions.
        .tool(Callgrind::with_args(["--cache-sim=no", "--fair-sched=no"])),
    library_benchmark_groups = paths
);

/// Afterwards there are an engine in the cache, pages and the monitor.
fn warm_up(path: fn() -> u64) -> fn() -> u64 {
    check(path());
    path
}

fn check(operations: u64) {
    assert_eq!(operations, OPERATIONS, "not all of the work was done");
}

/// A future that is done at its first poll.
async fn one() -> u64 {
    black_box(1)
}

/// The root spawns ready tasks one at a time, and awaits each before the next.
fn spawn_await() -> u64 {
    heist::run(async {
        let mut done = 0;
        for _ in 0..OPERATIONS {
            done += heist::spawn(one()).await.unwrap();
        }
        done
    })
}

/// Two tasks wake each other in turn.
fn wake() -> u64 {
    heist::run(async {
        let pair = Arc::new(Mutex::new(Pair::default()));
        let first = heist::spawn(take_turns(pair.clone()));
        let second = heist::spawn(take_turns(pair.clone()));
        first.await.unwrap();
        second.await.unwrap();
        let pair = pair.lock().unwrap();
        pair.wakes
    })
}

/// What two tasks share that wake each other.
#[derive(Default)]
struct Pair {
    waiting: Option<Waker>,
    wakes: u64,
}

/// Wakes the other task whenever that one waits, and waits in its place, until all wakes are done.
fn take_turns(pair: Arc<Mutex<Pair>>) -> impl Future<Output = ()> {
    poll_fn(move |cx| {
        let mut pair = pair.lock().unwrap();
        if let Some(other) = pair.waiting.take() {
            pair.wakes += 1;
            other.wake();
        }
        if pair.wakes == OPERATIONS {
            return Poll::Ready(());
        }
        pair.waiting = Some(cx.waker().clone());
        Poll::Pending
    })
}

/// A task yields, with no other beside it.
fn yield_now() -> u64 {
    heist::run(async {
        let task = heist::spawn(async {
            let mut done = 0;
            for _ in 0..OPERATIONS {
                heist::yield_now().await;
                done += black_box(1);
            }
            done
        });
        task.await.unwrap()
    })
}

/// Runs with an empty root, one after the other.
fn fresh_loop() -> u64 {
    (0..OPERATIONS).map(|_| heist::run(one())).sum()
}

/// Ready tasks, gathered together.
fn gather() -> u64 {
    heist::run(async {
        let outputs = heist::gather((0..OPERATIONS).map(|_| one())).await;
        outputs.iter().sum()
    })
}
