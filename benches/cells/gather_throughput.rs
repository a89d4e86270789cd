//! Many tasks started together and all awaited.

use super::measures::{batch, floor_batch, floor_parallel};
use super::{Cell, Group, target};
use crate::runtimes::{
    Heist, HeistSpawner, Smol, SmolSpawner, Tokio, TokioSpawner, gather, join_set, spawn_many,
};
use crate::workloads::{
    Computation, Compute, Job, Ready, Skewed, YieldOnce, calibrate, join_all, spawn_all,
};

pub(super) const GROUP: Group = Group {
    name: "gather_throughput",
    question: "What does one task cost when many are started together and all awaited?",
    headline: true,
    targets: &[
        target("ready_1000", "heist", "tokio", 0.25),
        target("ready_100000", "heist", "tokio", 0.25),
        target("yield_10000", "heist", "tokio", 0.4),
        target("yield_10000", "heist_spawn", "tokio", 0.4),
    ],
    cells,
};

/// How many tasks the batches have that compute.
const COMPUTATIONS: u32 = 10_000;

fn cells() -> Vec<Cell> {
    // Here no runtime is running.
    calibrate();
    let workloads = [
        study(batches::<Ready>("ready_1", 1)),
        study(batches::<Ready>("ready_10", 10)),
        batches::<Ready>("ready_1000", 1_000),
        batches::<Ready>("ready_100000", 100_000),
        study(batches::<Ready>("ready_1000000", 1_000_000)),
        batches::<YieldOnce>("yield_10000", 10_000),
        study(computations::<Compute<1>>("work_1us_10000")),
        study(computations::<Compute<10>>("work_10us_10000")),
        study(computations::<Skewed>("work_skewed_10000")),
    ];
    workloads.into_iter().flatten().collect()
}

fn study(cells: Vec<Cell>) -> Vec<Cell> {
    cells.into_iter().map(Cell::study).collect()
}

fn batches<J: Job>(workload: &'static str, tasks: u64) -> Vec<Cell> {
    let mut cells = contenders::<J>(workload, tasks);
    cells.push(Cell::new("floor", workload, tasks, move || {
        floor_batch(tasks, J::task::<SmolSpawner>)
    }));
    cells
}

/// One thread is no floor here, since the work can be shared.
fn computations<C: Computation>(workload: &'static str) -> Vec<Cell> {
    let tasks = COMPUTATIONS.into();
    let mut cells = contenders::<C>(workload, tasks);
    cells.push(Cell::new("rayon", workload, tasks, || {
        floor_parallel(COMPUTATIONS, C::compute)
    }));
    cells
}

fn contenders<J: Job>(workload: &'static str, tasks: u64) -> Vec<Cell> {
    vec![
        Cell::new("heist", workload, tasks, move || {
            batch::<Heist, _>(tasks, move |_| gather(tasks, J::task::<HeistSpawner>))
        }),
        Cell::new("heist_spawn", workload, tasks, move || {
            batch::<Heist, _>(tasks, move |s| spawn_all(s, tasks, J::task::<HeistSpawner>))
        }),
        Cell::new("join_all", workload, tasks, move || {
            batch::<Heist, _>(tasks, move |_| join_all(tasks, J::task::<HeistSpawner>))
        }),
        Cell::new("tokio", workload, tasks, move || {
            batch::<Tokio, _>(tasks, move |s| spawn_all(s, tasks, J::task::<TokioSpawner>))
        }),
        Cell::new("tokio_join_set", workload, tasks, move || {
            batch::<Tokio, _>(tasks, move |_| join_set(tasks, J::task::<TokioSpawner>))
        }),
        Cell::new("smol", workload, tasks, move || {
            batch::<Smol, _>(tasks, move |s| spawn_all(s, tasks, J::task::<SmolSpawner>))
        }),
        Cell::new("smol_spawn_many", workload, tasks, move || {
            batch::<Smol, _>(tasks, move |s| spawn_many(s, tasks, J::task::<SmolSpawner>))
        })
        .study(),
    ]
}
