//! Sleeps that are registered on one thread, and reset, awaited or dropped on another.

mod common;

use common::{WakeCount, Watchdog, lock, poll_with, turns};
use futures_lite::future::block_on;
use heist::time::{Sleep, sleep, timeout};
use heist::{Builder, Runtime};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Barrier, Mutex};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const MS: Duration = Duration::from_millis(1);

/// Tasks, as many as workers, and threads that sit at none.
const TASKS: usize = 4;
const FOREIGN: usize = 2;
const ROUNDS: usize = 10;
const SLEEPS: u32 = 40;

type Sleeps = Vec<Pin<Box<Sleep>>>;

/// Where each leaves its sleeps for its neighbour.
struct Table {
    places: [Mutex<Sleeps>; TASKS + FOREIGN],
    barrier: Barrier,
}

impl Table {
    fn new() -> Self {
        Self {
            places: Default::default(),
            barrier: Barrier::new(TASKS + FOREIGN),
        }
    }

    /// All wait for each other in the middle of a poll, so each is on a thread of its own.
    fn pass_on(&self, place: usize, sleeps: Sleeps) -> Sleeps {
        *lock(&self.places[place]) = sleeps;
        self.barrier.wait();
        let neighbour = (place + 1) % self.places.len();
        let theirs = mem::take(&mut *lock(&self.places[neighbour]));
        self.barrier.wait();
        theirs
    }
}

/// Who is to be woken by a sleep, and who must not be left with any.
#[derive(Clone)]
struct Wakers {
    fourth: Waker,
    others: Waker,
}

fn registered(wakers: &Wakers) -> Sleeps {
    let one = |i| {
        let waker = match i % 4 {
            3 => &wakers.fourth,
            _ => &wakers.others,
        };
        let mut timer = Box::pin(sleep(HOUR));
        assert!(poll_with(timer.as_mut(), waker).is_pending());
        timer
    };
    (0..SLEEPS).map(one).collect()
}

/// The sleeps that are still to wake who registered them.
async fn visit(table: &Table, place: usize, wakers: &Wakers) -> Sleeps {
    let mut pending = Vec::new();
    for _ in 0..ROUNDS {
        for (i, mut timer) in (0..SLEEPS).zip(table.pass_on(place, registered(wakers))) {
            let soon = Instant::now() + i * MS / 20;
            match i % 4 {
                0 => drop(timer),
                1 => {
                    timer.as_mut().reset(soon);
                    timer.await;
                    assert!(Instant::now() >= soon);
                }
                2 => {
                    timer.as_mut().reset(soon + HOUR);
                    assert!(timeout(MS / 10, timer).await.is_err());
                }
                _ => {
                    timer.as_mut().reset(soon);
                    pending.push(timer);
                }
            }
        }
        turns(3).await;
    }
    pending
}

fn runtime(watchdog: &Watchdog) -> Runtime {
    let runtime = Builder::new().worker_threads(TASKS).build().unwrap();
    watchdog.knows(runtime.handle());
    runtime
}

#[test]
fn sleeps_are_reset_awaited_and_dropped_on_other_threads_than_their_own() {
    let watchdog = Watchdog::start();
    let runtime = runtime(&watchdog);
    let table = Arc::new(Table::new());
    let ((woken, fourth), (left, others)) = (WakeCount::new(), WakeCount::new());
    let wakers = Wakers { fourth, others };
    let tasks = Vec::from_iter((0..TASKS).map(|place| {
        let (table, wakers) = (Arc::clone(&table), wakers.clone());
        runtime.spawn(async move { visit(&table, place, &wakers).await })
    }));
    let mut pending = thread::scope(|scope| {
        let foreign = Vec::from_iter((TASKS..TASKS + FOREIGN).map(|place| {
            let (table, wakers, runtime) = (&table, &wakers, &runtime);
            scope.spawn(move || {
                let _guard = runtime.enter();
                block_on(visit(table, place, wakers))
            })
        }));
        Vec::from_iter(
            foreign
                .into_iter()
                .flat_map(|thread| thread.join().unwrap()),
        )
    });
    pending.extend(tasks.into_iter().flat_map(|task| block_on(task).unwrap()));
    assert_eq!(
        pending.len(),
        (TASKS + FOREIGN) * ROUNDS * SLEEPS as usize / 4
    );
    // The watchdog ends a wait for one that was overslept.
    while woken.get() < pending.len() {
        thread::sleep(MS);
    }
    assert_eq!(woken.get(), pending.len());
    // The thread that woke the last may have that waker in hand still.
    drop((pending, wakers, runtime));
    assert_eq!(Arc::strong_count(&woken), 1, "no timer keeps its waker");
    assert_eq!(Arc::strong_count(&left), 1, "no timer keeps its waker");
}

#[test]
fn the_end_of_the_runtime_takes_out_the_timers_of_all_threads() {
    let watchdog = Watchdog::start();
    let runtime = runtime(&watchdog);
    let (count, waker) = WakeCount::new();
    let wakers = Wakers {
        fourth: waker.clone(),
        others: waker,
    };
    // Again each is on a thread of its own.
    let barrier = Arc::new(Barrier::new(TASKS));
    let tasks = Vec::from_iter((0..TASKS).map(|_| {
        let (barrier, wakers) = (Arc::clone(&barrier), wakers.clone());
        runtime.spawn(async move {
            barrier.wait();
            registered(&wakers)
        })
    }));
    let guard = runtime.enter();
    let mut sleeps = registered(&wakers);
    for task in tasks {
        sleeps.extend(block_on(task).unwrap());
    }
    assert_eq!(sleeps.len(), (TASKS + 1) * SLEEPS as usize);
    drop(guard);
    drop(runtime);
    assert_eq!(count.get(), sleeps.len());
    drop(wakers);
    assert_eq!(Arc::strong_count(&count), 1, "no timer keeps its waker");
}
