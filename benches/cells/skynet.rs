//! A tree of tasks: each spawns ten and adds up what they give. The leaves give their numbers.

use super::measures::batch;
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, HeistSpawner, Runtime, Smol, Spawner, Tokio, gather};
use crate::workloads::{boxed, join_in_order, ready, sum_below};
use std::pin::Pin;
use std::time::Instant;

pub(super) const GROUP: Group = Group {
    name: "skynet",
    question: "What does a task cost in a tree of tasks that spawn ten children each?",
    headline: false,
    targets: &[],
    cells,
};

const CHILDREN: u64 = 10;

const LEAVES: u64 = 100_000;

/// The leaves and all that is above them.
const TASKS: u64 = 111_111;

/// A future that contains others of its kind.
type Tree = Pin<Box<dyn Future<Output = u64> + Send>>;

fn cells() -> Vec<Cell> {
    let contender =
        |runtime, start: fn() -> Measure| Cell::new(runtime, "leaves_100000", TASKS, start);
    vec![
        contender("heist", spawned::<Heist>),
        contender("heist_gather", gathered),
        contender("tokio", spawned::<Tokio>),
        contender("smol", spawned::<Smol>),
        contender("floor", floor),
    ]
}

/// Iterations are trees. Every node spawns its children, and awaits them in order.
fn spawned<R: Runtime>() -> Measure {
    batch::<R, _>(LEAVES, |spawner| {
        R::Spawner::join(spawn_tree(&spawner, 0, LEAVES))
    })
}

/// Iterations are trees. Every node gathers its children.
fn gathered() -> Measure {
    batch::<Heist, _>(LEAVES, |spawner| {
        HeistSpawner::join(spawner.spawn(gather_tree(0, LEAVES)))
    })
}

/// Spawns the tree whose leaves are so many, numbered from `first`.
fn spawn_tree<S: Spawner>(spawner: &S, first: u64, leaves: u64) -> S::Handle<u64> {
    if leaves == 1 {
        return spawner.spawn(ready(first));
    }
    let children = spawner.clone();
    spawner.spawn(async move {
        let share = leaves / CHILDREN;
        let trees = (0..CHILDREN).map(|child| spawn_tree(&children, first + child * share, share));
        let trees = trees.collect();
        join_in_order::<S>(trees).await
    })
}

fn gather_tree(first: u64, leaves: u64) -> Tree {
    if leaves == CHILDREN {
        return Box::pin(gather(CHILDREN, move |child| ready(first + child)));
    }
    let share = leaves / CHILDREN;
    Box::pin(gather(CHILDREN, move |child| {
        gather_tree(first + child * share, share)
    }))
}

/// As [`gather_tree`], in one future.
fn tree(first: u64, leaves: u64) -> Tree {
    if leaves == 1 {
        return Box::pin(ready(first));
    }
    Box::pin(async move {
        let share = leaves / CHILDREN;
        let mut sum = 0;
        for child in 0..CHILDREN {
            sum += tree(first + child * share, share).await;
        }
        sum
    })
}

/// Iterations are trees that one thread polls to their ends.
fn floor() -> Measure {
    Box::new(|iterations| {
        let start = Instant::now();
        for _ in 0..iterations {
            assert_eq!(boxed(1, |_| tree(0, LEAVES)), sum_below(LEAVES));
        }
        start.elapsed()
    })
}
