//! The work the runtimes are given. Each function returns a sum that tells whether all of it was done.

use crate::runtimes::Spawner;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// What tasks numbered from 0 give together when each gives its number.
pub fn sum_below(tasks: u64) -> u64 {
    (0..tasks).sum()
}

/// What the tasks of a batch do.
pub trait Job: 'static {
    /// The future of the task with this number, which it gives back.
    fn task<S: Spawner>(number: u64) -> impl Future<Output = u64> + Send + 'static;
}

/// Jobs that compute, and wait for nothing.
pub trait Computation: Job {
    /// Computes, and gives back the number.
    fn compute(number: u64) -> u64;
}

/// Tasks that are done at their first poll.
#[derive(Debug)]
pub struct Ready;

/// Tasks that yield once.
#[derive(Debug)]
pub struct YieldOnce;

/// Tasks that compute for so many microseconds.
#[derive(Debug)]
pub struct Compute<const MICROSECONDS: u32>;

/// Tasks that compute for a microsecond, but for the last hundred of every ten thousand, which take a hundred times as long.
/// These are neighbours, so that whoever deals the tasks out by number alone gives them all to one worker.
#[derive(Debug)]
pub struct Skewed;

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

impl<const MICROSECONDS: u32> Job for Compute<MICROSECONDS> {
    async fn task<S: Spawner>(number: u64) -> u64 {
        Self::compute(number)
    }
}

impl<const MICROSECONDS: u32> Computation for Compute<MICROSECONDS> {
    fn compute(number: u64) -> u64 {
        compute(MICROSECONDS, number)
    }
}

impl Job for Skewed {
    async fn task<S: Spawner>(number: u64) -> u64 {
        Self::compute(number)
    }
}

impl Computation for Skewed {
    fn compute(number: u64) -> u64 {
        let is_long = number / 100 % 100 == 99;
        compute(if is_long { 100 } else { 1 }, number)
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
    let handles = (0..tasks).map(|number| spawner.spawn(task(number)));
    let handles: Vec<_> = handles.collect();
    join_in_order::<S>(handles).await
}

/// The sum of what these tasks give, awaited one after the other.
pub async fn join_in_order<S: Spawner>(handles: Vec<S::Handle<u64>>) -> u64 {
    let mut sum = 0;
    for handle in handles {
        sum += S::join(handle).await;
    }
    sum
}

/// The futures in one task, none of them a task of its own.
pub async fn join_all<F>(futures: u64, future: impl Fn(u64) -> F + Send) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    let outputs = futures_util::future::join_all((0..futures).map(future)).await;
    outputs.into_iter().sum()
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

/// How many steps take a microsecond where nothing disturbs them: the most of several tries.
static STEPS_PER_MICROSECOND: LazyLock<u32> = LazyLock::new(|| {
    const TRIES: u64 = 1_000;
    const STEPS: u32 = 10_000;
    let times = (0..TRIES).map(|number| {
        let start = Instant::now();
        assert_eq!(take_steps(STEPS, number), number);
        start.elapsed()
    });
    let shortest = times.min().expect("there are tries").as_secs_f64();
    (f64::from(STEPS) * 1e-6 / shortest).ceil() as u32
});

/// Finds out how long a [`Computation`] takes, which is to be done while nothing else runs.
pub fn calibrate() {
    LazyLock::force(&STEPS_PER_MICROSECOND);
}

fn compute(microseconds: u32, number: u64) -> u64 {
    take_steps(microseconds * *STEPS_PER_MICROSECOND, number)
}

/// Each step multiplies by an odd number and rotates; the second half of the steps undoes the first, so that the number comes out again only if both
/// were taken whole. Each waits for the one before, in a register: by way of memory, as through a black box at each step, some processors are twice
/// as fast or as slow, as the stack happens to lie. Not inlined, so that all runtimes run the same instructions.
#[inline(never)]
fn take_steps(steps: u32, number: u64) -> u64 {
    const FACTOR: u64 = 0xAAAA_AAAA_AAAA_AAAB;
    const INVERSE: u64 = 3;
    const _: () = assert!(FACTOR.wrapping_mul(INVERSE) == 1);
    let half = black_box(steps / 2);
    let there = |product: u64, _| product.wrapping_mul(FACTOR).rotate_left(29);
    let back = |product: u64, _| product.rotate_right(29).wrapping_mul(INVERSE);
    let product = (0..half).fold(number, there);
    (0..black_box(half)).fold(black_box(product), back)
}
