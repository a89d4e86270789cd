//! Spawn a task and await it: from a task on a worker, from the root, and from a thread that is no worker.

use super::measures::{floor, on_worker, outside};
use super::{Cell, Group, Measure, target};
use crate::runtimes::{Heist, HeistCallerWaits, Runtime, Smol, Spawner, Tokio};
use crate::workers;
use crate::workloads::{boxed, ready, spawn_await, sum_below};
use async_channel::Sender;
use futures_lite::future;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(super) const GROUP: Group = Group {
    name: "spawn_latency",
    question: "What does it cost to spawn a task and await it?",
    headline: true,
    targets: &[
        target("worker", "heist", "tokio", 0.4),
        target("root", "heist", "tokio", 0.02),
    ],
    cells,
};

/// Long enough for workers without work to stop looking for some, and to sleep.
const PAUSE: Duration = Duration::from_micros(100);

fn cells() -> Vec<Cell> {
    vec![
        Cell::new("heist", "worker", 1, from_worker::<Heist>),
        Cell::new(
            "heist_caller_waits",
            "worker",
            1,
            from_worker::<HeistCallerWaits>,
        ),
        Cell::new("tokio", "worker", 1, from_worker::<Tokio>),
        Cell::new("smol", "worker", 1, from_worker::<Smol>),
        Cell::new("floor", "worker", 1, || floor(|n| boxed(n, ready))),
        Cell::new("heist", "root", 1, from_root::<Heist>),
        Cell::new(
            "heist_caller_waits",
            "root",
            1,
            from_root::<HeistCallerWaits>,
        ),
        Cell::new("tokio", "root", 1, from_root::<Tokio>),
        Cell::new("smol", "root", 1, from_root::<Smol>),
        Cell::new("floor", "root", 1, || floor(|n| boxed(n, ready))),
        Cell::new("heist", "remote_awake", 1, remote_awake::<Heist>).study(),
        Cell::new("tokio", "remote_awake", 1, remote_awake::<Tokio>).study(),
        Cell::new("smol", "remote_awake", 1, remote_awake::<Smol>).study(),
        Cell::new("floor", "remote_awake", 1, || floor(|n| boxed(n, ready))).study(),
        Cell::new("heist", "remote_parked", 1, remote_parked::<Heist>).study(),
        Cell::new("tokio", "remote_parked", 1, remote_parked::<Tokio>).study(),
        Cell::new("smol", "remote_parked", 1, remote_parked::<Smol>).study(),
        Cell::new("floor", "remote_parked", 1, floor_parked).study(),
    ]
}

/// Iterations are spawns, awaited one by one, from a task on a worker.
fn from_worker<R: Runtime>() -> Measure {
    let runtime = R::start(workers());
    Box::new(move |iterations| on_worker(&runtime, timed_spawns(runtime.spawner(), iterations)))
}

/// Iterations are spawns, awaited one by one, from the future given to `block_on`.
fn from_root<R: Runtime>() -> Measure {
    let runtime = R::start(workers());
    Box::new(move |iterations| runtime.block_on(timed_spawns(runtime.spawner(), iterations)))
}

/// Iterations are spawns, awaited one by one, from a thread that is no worker. Meanwhile a task yields all the time, so that
/// there is always a worker that need not be woken.
fn remote_awake<R: Runtime>() -> Measure {
    let runtime = R::start(workers());
    Box::new(move |iterations| {
        outside(&runtime, move |remote| {
            let (awake, wanted) = async_channel::bounded(1);
            let restless = remote.spawn(yield_while_wanted::<R::Remote>(awake));
            wanted.recv_blocking().expect("the task begins");
            let time = future::block_on(timed_spawns(remote, iterations));
            drop(wanted);
            future::block_on(R::Remote::join(restless));
            time
        })
    })
}

async fn yield_while_wanted<S: Spawner>(awake: Sender<()>) {
    awake.try_send(()).expect("the spawner waits");
    while !awake.is_closed() {
        S::yield_now().await;
    }
}

/// Iterations are spawns, awaited one by one, from a thread that is no worker, each while all workers sleep. The time is that from the spawn
/// until the output is back on the thread, so two threads are woken in it, one after the other. The pauses before are not part of it.
fn remote_parked<R: Runtime>() -> Measure {
    let runtime = R::start(workers());
    Box::new(move |iterations| {
        outside(&runtime, move |remote| {
            after_pauses(iterations, |number| {
                future::block_on(R::Remote::join(remote.spawn(ready(number))))
            })
        })
    })
}

/// The floor of [`remote_parked`]: another thread is woken by a number, and gives it back.
fn floor_parked() -> Measure {
    let (there, numbers) = mpsc::channel();
    let (back, outputs) = mpsc::channel();
    thread::spawn(move || numbers.into_iter().try_for_each(|number| back.send(number)));
    Box::new(move |iterations| {
        after_pauses(iterations, |number| {
            there.send(number).expect("the thread waits");
            outputs.recv().expect("the thread answers")
        })
    })
}

async fn timed_spawns<S: Spawner>(spawner: S, iterations: u64) -> Duration {
    let start = Instant::now();
    let sum = spawn_await(spawner, iterations).await;
    let time = start.elapsed();
    assert_eq!(sum, sum_below(iterations));
    time
}

/// The time of calls that give back their number, less the pause before each.
fn after_pauses(iterations: u64, call: impl Fn(u64) -> u64) -> Duration {
    let mut time = Duration::ZERO;
    for number in 0..iterations {
        thread::sleep(PAUSE);
        let start = Instant::now();
        assert_eq!(call(number), number);
        time += start.elapsed();
    }
    time
}
