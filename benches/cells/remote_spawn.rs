//! Tasks spawned by threads that are no workers, and awaited by a task on a worker.

use super::measures::{floor_batch, on_worker};
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, Runtime, Smol, Spawner, Tokio};
use crate::workers;
use crate::workloads::{join_in_order, ready, sum_below};
use async_channel::Sender;
use std::ops::Range;
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(super) const GROUP: Group = Group {
    name: "remote_spawn",
    question: "What does it cost to spawn from threads that are no workers?",
    headline: false,
    targets: &[],
    cells,
};

/// How many tasks all threads spawn together.
const TASKS: u64 = 10_000;

fn cells() -> Vec<Cell> {
    let workloads = [
        remote_spawns("threads_1", 1),
        remote_spawns("threads_2", 2),
        remote_spawns("threads_4", 4),
        remote_spawns("threads_8", 8),
    ];
    workloads.into_iter().flatten().collect()
}

fn remote_spawns(workload: &'static str, threads: usize) -> Vec<Cell> {
    let contender = |runtime, start: fn(usize) -> Measure| {
        Cell::new(runtime, workload, TASKS, move || start(threads))
    };
    vec![
        contender("heist", spawned_by::<Heist>),
        contender("tokio", spawned_by::<Tokio>),
        contender("smol", spawned_by::<Smol>),
        contender("floor", |_| floor_batch(TASKS, ready)),
    ]
}

/// Iterations are batches of tasks that so many threads spawn in equal shares, and a task on a worker awaits.
fn spawned_by<R: Runtime>(threads: usize) -> Measure {
    let runtime = R::start(workers());
    Box::new(move |iterations| {
        let remote = runtime.remote();
        on_worker(&runtime, async move {
            let mut time = Duration::ZERO;
            for _ in 0..iterations {
                time += timed_batch(&remote, threads).await;
            }
            time
        })
    })
}

/// The time runs from when all threads are there and may go, until all tasks are awaited and all threads joined.
async fn timed_batch<S: Spawner>(remote: &S, threads: usize) -> Duration {
    let (arrive, arrivals) = async_channel::bounded(threads);
    let (finish, spawned) = async_channel::bounded(threads);
    let go = Arc::new(Barrier::new(threads + 1));
    let share = TASKS / threads as u64;
    let mut joins = Vec::new();
    for thread in 0..threads as u64 {
        let work = Share {
            remote: remote.clone(),
            numbers: thread * share..(thread + 1) * share,
            arrive: arrive.clone(),
            go: Arc::clone(&go),
            finish: finish.clone(),
        };
        joins.push(work.start());
    }
    drop((arrive, finish));
    for _ in 0..threads {
        arrivals.recv().await.expect("the threads arrive");
    }
    let start = Instant::now();
    go.wait();
    let mut sum = 0;
    for _ in 0..threads {
        let handles = spawned.recv().await.expect("the threads spawn");
        sum += join_in_order::<S>(handles).await;
    }
    for thread in joins {
        thread.join().expect("no thread panics");
    }
    let time = start.elapsed();
    assert_eq!(sum, sum_below(TASKS));
    time
}

/// What one of the threads does.
struct Share<S: Spawner> {
    remote: S,
    numbers: Range<u64>,
    arrive: Sender<()>,
    go: Arc<Barrier>,
    finish: Sender<Vec<S::Handle<u64>>>,
}

impl<S: Spawner> Share<S> {
    fn start(self) -> JoinHandle<()> {
        thread::spawn(move || {
            self.arrive.try_send(()).expect("the driver waits");
            self.go.wait();
            let tasks = self.numbers.map(|number| self.remote.spawn(ready(number)));
            let handles = tasks.collect();
            self.finish.try_send(handles).expect("the driver waits");
        })
    }
}
