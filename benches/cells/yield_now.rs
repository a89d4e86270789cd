//! Tasks that yield all the time, many beside each other and one alone.

use super::measures::{batch, floor_batch};
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, Runtime, Smol, SmolSpawner, Spawner, Tokio};
use crate::workloads::spawn_all;
use std::hint::black_box;

pub(super) const GROUP: Group = Group {
    name: "yield_now",
    question: "What does it cost to let the others run?",
    headline: false,
    targets: &[],
    cells,
};

/// How often each task yields.
const YIELDS: u64 = 1_000;

fn cells() -> Vec<Cell> {
    let mut cells = yields("tasks_200", 200);
    cells.extend(yields("tasks_1", 1));
    cells
}

fn yields(workload: &'static str, tasks: u64) -> Vec<Cell> {
    let contender = |runtime, start: fn(u64) -> Measure| {
        Cell::new(runtime, workload, tasks * YIELDS, move || start(tasks))
    };
    vec![
        contender("heist", yielding::<Heist>),
        contender("tokio", yielding::<Tokio>),
        contender("smol", yielding::<Smol>),
        contender("floor", |tasks| {
            floor_batch(tasks, yield_often::<SmolSpawner>)
        }),
    ]
}

/// Iterations are batches of tasks, each of which yields [`YIELDS`] times.
fn yielding<R: Runtime>(tasks: u64) -> Measure {
    batch::<R, _>(tasks, move |spawner| {
        spawn_all(spawner, tasks, yield_often::<R::Spawner>)
    })
}

async fn yield_often<S: Spawner>(number: u64) -> u64 {
    for _ in 0..YIELDS {
        S::yield_now().await;
    }
    black_box(number)
}
