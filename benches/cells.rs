//! The list of what is measured: one [`Cell`] for each runtime at each workload.

use crate::runtimes::{
    Heist, HeistBuilder, HeistSpawner, Runtime, Smol, SmolSpawner, Spawner, Tokio, TokioBare,
    TokioCurrentThread, TokioSpawner, gather, join_set,
};
use crate::workers;
use crate::workloads::{Job, Ready, YieldOnce, boxed, ready, spawn_all, spawn_await, sum_below};
use std::fmt;
use std::time::{Duration, Instant};

/// The names of the groups, one for each criterion target.
pub const GROUPS: [&str; 3] = ["spawn_latency", "fresh_loop", "gather_throughput"];

/// Does so many iterations, checks what came out, and returns the time they took.
pub type Measure = Box<dyn FnMut(u64) -> Duration>;

/// One runtime at one workload.
pub struct Cell {
    /// The runtime, or its variant.
    pub runtime: &'static str,
    /// The workload: its kind and size.
    pub workload: &'static str,
    /// How many operations one iteration has.
    pub operations: u64,
    start: Box<dyn Fn() -> Measure>,
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.runtime, self.workload)
    }
}

impl Cell {
    /// Starts the runtime. It lives until the returned function is dropped.
    pub fn start(&self) -> Measure {
        (self.start)()
    }
}

/// The cells of a group, those of one workload next to each other.
///
/// # Panics
///
/// If there is no such group.
pub fn cells(group: &str) -> Vec<Cell> {
    match group {
        "spawn_latency" => spawn_latency(),
        "fresh_loop" => fresh_loop(),
        "gather_throughput" => gather_throughput(),
        _ => panic!("no such group: {group}"),
    }
}

fn cell<F>(runtime: &'static str, workload: &'static str, operations: u64, start: F) -> Cell
where
    F: Fn() -> Measure + 'static,
{
    Cell {
        runtime,
        workload,
        operations,
        start: Box::new(start),
    }
}

fn spawn_latency() -> Vec<Cell> {
    vec![
        cell("heist", "worker", 1, spawn_from_worker::<Heist>),
        cell("tokio", "worker", 1, spawn_from_worker::<Tokio>),
        cell("smol", "worker", 1, spawn_from_worker::<Smol>),
        cell("floor", "worker", 1, || floor(|n| boxed(n, ready))),
        cell("heist", "root", 1, spawn_from_root::<Heist>),
        cell("tokio", "root", 1, spawn_from_root::<Tokio>),
        cell("smol", "root", 1, spawn_from_root::<Smol>),
        cell("floor", "root", 1, || floor(|n| boxed(n, ready))),
    ]
}

fn fresh_loop() -> Vec<Cell> {
    let mut cells = fresh_loops("empty", false);
    cells.extend(fresh_loops("one_task", true));
    cells
}

fn fresh_loops(workload: &'static str, with_task: bool) -> Vec<Cell> {
    let contender =
        |runtime, start: fn(bool) -> Measure| cell(runtime, workload, 1, move || start(with_task));
    vec![
        contender("heist", fresh::<Heist>),
        contender("heist_builder", fresh::<HeistBuilder>),
        contender("tokio", fresh::<Tokio>),
        contender("tokio_current_thread", fresh::<TokioCurrentThread>),
        contender("tokio_bare", fresh::<TokioBare>),
        contender("tokio_kept", kept::<Tokio>),
        contender("smol", fresh::<Smol>),
        contender("floor", |_| floor(|n| boxed(n, ready))),
    ]
}

fn gather_throughput() -> Vec<Cell> {
    let mut cells = batches::<Ready>("ready_1000", 1_000);
    cells.extend(batches::<Ready>("ready_100000", 100_000));
    cells.extend(batches::<YieldOnce>("yield_10000", 10_000));
    cells
}

fn batches<J: Job>(workload: &'static str, tasks: u64) -> Vec<Cell> {
    vec![
        cell("heist", workload, tasks, move || {
            batch::<Heist, _>(tasks, move |_| gather(tasks, J::task::<HeistSpawner>))
        }),
        cell("heist_spawn", workload, tasks, move || {
            batch::<Heist, _>(tasks, move |s| spawn_all(s, tasks, J::task::<HeistSpawner>))
        }),
        cell("tokio", workload, tasks, move || {
            batch::<Tokio, _>(tasks, move |s| spawn_all(s, tasks, J::task::<TokioSpawner>))
        }),
        cell("tokio_join_set", workload, tasks, move || {
            batch::<Tokio, _>(tasks, move |_| join_set(tasks, J::task::<TokioSpawner>))
        }),
        cell("smol", workload, tasks, move || {
            batch::<Smol, _>(tasks, move |s| spawn_all(s, tasks, J::task::<SmolSpawner>))
        }),
        cell("floor", workload, tasks, move || {
            floor_batch(tasks, J::task::<SmolSpawner>)
        }),
    ]
}

/// Iterations are spawns, awaited one by one, from a task on a worker.
fn spawn_from_worker<R: Runtime>() -> Measure {
    let runtime = R::start(workers());
    Box::new(move |iterations| on_worker(&runtime, timed_spawns(runtime.spawner(), iterations)))
}

/// Iterations are spawns, awaited one by one, from the future given to `block_on`.
fn spawn_from_root<R: Runtime>() -> Measure {
    let runtime = R::start(workers());
    Box::new(move |iterations| runtime.block_on(timed_spawns(runtime.spawner(), iterations)))
}

async fn timed_spawns<S: Spawner>(spawner: S, iterations: u64) -> Duration {
    let start = Instant::now();
    let sum = spawn_await(spawner, iterations).await;
    let time = start.elapsed();
    assert_eq!(sum, sum_below(iterations));
    time
}

/// Iterations are whole batches of tasks, begun and joined by a task on a worker.
fn batch<R, F>(tasks: u64, work: impl Fn(R::Spawner) -> F + Copy + Send + 'static) -> Measure
where
    R: Runtime,
    F: Future<Output = u64> + Send + 'static,
{
    let runtime = R::start(workers());
    Box::new(move |iterations| {
        let spawner = runtime.spawner();
        on_worker(&runtime, async move {
            let start = Instant::now();
            for _ in 0..iterations {
                assert_eq!(work(spawner.clone()).await, sum_below(tasks));
            }
            start.elapsed()
        })
    })
}

/// Runs `driver` as a task, so that what it does is done on a worker.
fn on_worker<R, F>(runtime: &R, driver: F) -> Duration
where
    R: Runtime,
    F: Future<Output = Duration> + Send + 'static,
{
    let spawner = runtime.spawner();
    runtime.block_on(async { R::Spawner::join(spawner.spawn(driver)).await })
}

/// Iterations are whole lives of a runtime: start, one root (that spawns and awaits a task or not), stop.
fn fresh<R: Runtime>(with_task: bool) -> Measure {
    let workers = workers();
    timed(move |number| R::fresh(workers, |spawner| root(spawner, with_task, number)))
}

/// As [`fresh`], on one runtime that is kept: what there is to save by holding on to a runtime.
fn kept<R: Runtime>(with_task: bool) -> Measure {
    let runtime = R::start(workers());
    timed(move |number| runtime.block_on(root(runtime.spawner(), with_task, number)))
}

async fn root<S: Spawner>(spawner: S, with_task: bool, number: u64) -> u64 {
    if with_task {
        S::join(spawner.spawn(ready(number))).await
    } else {
        ready(number).await
    }
}

/// Iterations are calls that give back their number.
fn timed(mut call: impl FnMut(u64) -> u64 + 'static) -> Measure {
    Box::new(move |iterations| {
        let start = Instant::now();
        let sum: u64 = (0..iterations).map(&mut call).sum();
        let time = start.elapsed();
        assert_eq!(sum, sum_below(iterations));
        time
    })
}

/// The floor of single operations.
fn floor(work: fn(u64) -> u64) -> Measure {
    Box::new(move |iterations| {
        let start = Instant::now();
        let sum = work(iterations);
        let time = start.elapsed();
        assert_eq!(sum, sum_below(iterations));
        time
    })
}

/// The floor of batches.
fn floor_batch<F>(tasks: u64, task: impl Fn(u64) -> F + Copy + 'static) -> Measure
where
    F: Future<Output = u64> + Send + 'static,
{
    Box::new(move |iterations| {
        let start = Instant::now();
        for _ in 0..iterations {
            assert_eq!(boxed(tasks, task), sum_below(tasks));
        }
        start.elapsed()
    })
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, cells};

    #[test]
    fn every_cell_gives_the_right_sums() {
        for group in GROUPS {
            for cell in cells(group) {
                (cell.start())(1);
            }
        }
    }
}
