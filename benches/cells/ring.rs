//! A token that goes round through many tasks, so that one of them is runnable at a time.

use super::measures::batch;
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, Runtime, Smol, Tokio};
use crate::workloads::{boxed, spawn_all, sum_below};
use async_channel::{Receiver, Sender};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Instant;

pub(super) const GROUP: Group = Group {
    name: "ring",
    question: "What does it cost to hand a token on, round through many tasks?",
    headline: false,
    targets: &[],
    cells,
};

const TASKS: u64 = 100;

/// How often the token goes round.
const ROUNDS: u64 = 100;

const HOPS: u64 = TASKS * ROUNDS;

/// An operation is a hop of the token. It includes a hundredth part of a task and its channel.
fn cells() -> Vec<Cell> {
    let contender = |runtime, start: fn() -> Measure| Cell::new(runtime, "tasks_100", HOPS, start);
    vec![
        contender("heist", spawned::<Heist>),
        contender("tokio", spawned::<Tokio>),
        contender("smol", spawned::<Smol>),
        contender("floor", floor),
    ]
}

/// The channels, the same for all runtimes, each of which leads to the task of its number. The token counts its hops.
struct Ring(Vec<(Sender<u64>, Receiver<u64>)>);

impl Ring {
    /// The token lies before the first task.
    fn new() -> Self {
        let ring: Vec<_> = (0..TASKS).map(|_| async_channel::bounded(1)).collect();
        ring[0].0.try_send(0).expect("the channel is empty");
        Self(ring)
    }

    /// What the task of this number does. Gives the number, as the token's last visit tells it.
    fn task(&self, number: u64) -> impl Future<Output = u64> + Send + use<> {
        let (_, before) = &self.0[number as usize];
        let (behind, _) = &self.0[((number + 1) % TASKS) as usize];
        hand_on(before.clone(), behind.clone())
    }

    /// The token has gone round as often as it should, and lies where it lay at first.
    fn check(&self) {
        assert_eq!(self.0[0].1.try_recv(), Ok(HOPS));
    }
}

async fn hand_on(before: Receiver<u64>, behind: Sender<u64>) -> u64 {
    let mut hops = 0;
    for _ in 0..ROUNDS {
        hops = before.recv().await.expect("the ring holds both ends");
        behind
            .send(hops + 1)
            .await
            .expect("the ring holds both ends");
    }
    hops - (HOPS - TASKS)
}

/// Iterations are rings.
fn spawned<R: Runtime>() -> Measure {
    batch::<R, _>(TASKS, |spawner| async {
        let ring = Ring::new();
        let sum = spawn_all(spawner, TASKS, |number| ring.task(number)).await;
        ring.check();
        sum
    })
}

/// Iterations are rings whose tasks one thread polls in turn: the token goes round once meanwhile.
fn floor() -> Measure {
    Box::new(|iterations| {
        let start = Instant::now();
        for _ in 0..iterations {
            assert_eq!(boxed(1, |_| in_turn()), sum_below(TASKS));
        }
        start.elapsed()
    })
}

/// The futures of a ring in one, each polled when it is its turn.
async fn in_turn() -> u64 {
    let ring = Ring::new();
    let mut tasks: Vec<_> = (0..TASKS).map(|n| Box::pin(ring.task(n))).collect();
    let mut sum = 0;
    poll_fn(|cx| {
        tasks.retain_mut(|task| match task.as_mut().poll(cx) {
            Poll::Ready(number) => {
                sum += number;
                false
            }
            Poll::Pending => true,
        });
        if tasks.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    ring.check();
    sum
}
