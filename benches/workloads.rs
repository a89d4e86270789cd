//! The work the runtimes are given. Each function returns a sum that tells whether all of it was done.

use crate::runtimes::Spawner;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// What tasks numbered from 0 give together when each gives its number.
pub fn sum_below(tasks: u64) -> u64 {
    (0..tasks).sum()
}

/// What the tasks of a batch do.
pub trait Job: 'static {
    /// The future of the task with this number, which it gives back.
    fn task<S: Spawner>(number: u64) -> impl Future<Output = u64> + Send + 'static;
}

/// Tasks that are done at their first poll.
#[derive(Debug)]
pub struct Ready;

/// Tasks that yield once.
#[derive(Debug)]
pub struct YieldOnce;

impl Job for Ready {
    fn task<S: Spawner>(number: u64) -> impl Future<Output = u64> + Send + 'static {
        ready(number)
    }
}

impl Job for YieldOnce {
    async fn task<S: Spawner>(number: u64) -> u64 {
        S::yield_now().await;
        black_box(number)
    }
}

/// A future that is done at its first poll.
pub async fn ready(number: u64) -> u64 {
    black_box(number)
}

/// Spawns ready tasks one at a time, and awaits each before the next.
pub async fn spawn_await<S: Spawner>(spawner: S, tasks: u64) -> u64 {
    let mut sum = 0;
    for number in 0..tasks {
        sum += S::join(spawner.spawn(ready(number))).await;
    }
    sum
}

/// Spawns tasks, then awaits them in the order in which they were spawned.
pub async fn spawn_all<S, F>(spawner: S, tasks: u64, task: impl Fn(u64) -> F + Send) -> u64
where
    S: Spawner,
    F: Future<Output = u64> + Send + 'static,
{
    let handles: Vec<_> = (0..tasks)
        .map(|number| spawner.spawn(task(number)))
        .collect();
    let mut sum = 0;
    for handle in handles {
        sum += S::join(handle).await;
    }
    sum
}

/// The floor: futures boxed, polled to their end and freed by a plain loop.
pub fn boxed<F>(tasks: u64, task: impl Fn(u64) -> F) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut sum = 0;
    for number in 0..tasks {
        let mut future: Pin<Box<dyn Future<Output = u64> + Send>> =
            black_box(Box::pin(task(number)));
        sum += loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                break output;
            }
        };
    }
    sum
}
