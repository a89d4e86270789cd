//! A chain of tasks, each of which spawns the next and is done.

use super::measures::{batch, floor_batch};
use super::{Cell, Group};
use crate::runtimes::{Heist, Runtime, Smol, Spawner, Tokio};
use crate::workloads::ready;
use async_channel::Sender;
use std::hint::black_box;

pub(super) const GROUP: Group = Group {
    name: "chained_spawn",
    question: "What does it cost when each task spawns the next and is done?",
    headline: false,
    targets: &[],
    cells,
};

/// How many tasks a chain has.
const DEPTH: u64 = 1_000;

fn cells() -> Vec<Cell> {
    vec![
        contender::<Heist>("heist"),
        contender::<Tokio>("tokio"),
        contender::<Smol>("smol"),
        Cell::new("floor", "depth_1000", DEPTH, || floor_batch(DEPTH, ready)),
    ]
}

/// Iterations are chains, begun by a task that waits for the last link.
fn contender<R: Runtime>(runtime: &'static str) -> Cell {
    Cell::new(runtime, "depth_1000", DEPTH, || {
        batch::<R, _>(DEPTH, chain::<R::Spawner>)
    })
}

async fn chain<S: Spawner>(spawner: S) -> u64 {
    let (done, last) = async_channel::bounded(1);
    link(spawner, DEPTH - 1, 0, done);
    last.recv().await.expect("the chain does not break")
}

/// Spawns the task numbered `number`, which adds that to the sum and spawns the task below. That numbered 0 is the last.
fn link<S: Spawner>(spawner: S, number: u64, sum: u64, done: Sender<u64>) {
    let next = spawner.clone();
    S::detach(spawner.spawn(async move {
        let sum = sum + black_box(number);
        match number.checked_sub(1) {
            Some(number) => link(next, number, sum, done),
            None => done.try_send(sum).expect("the driver waits"),
        }
    }));
}
