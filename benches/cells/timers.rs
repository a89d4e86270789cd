//! Timers: what they cost, and how late they are.

use super::measures::{batch, on_worker};
use super::{Cell, Group, Measure};
use crate::runtimes::{
    Clock, Heist, HeistSpawner, Runtime, SmolIo, SmolSpawner, Tokio, TokioSpawner, gather,
};
use crate::workers;
use crate::workloads::{spawn_all, sum_below};
use futures_lite::future::poll_once;
use std::thread;
use std::time::{Duration, Instant};

pub(super) const GROUP: Group = Group {
    name: "timers",
    question: "What do timers cost, and how late are they?",
    headline: false,
    targets: &[],
    cells,
};

/// So far away that it is never waited for.
const FAR: Duration = Duration::from_secs(3600);

/// How many sleeps one iteration makes, one after the other.
const ONE_BY_ONE: u64 = 1_000;

/// How many tasks do that at once.
const TASKS: u64 = 8;

/// How many sleeps are pending together.
const TOGETHER: u64 = 100_000;

/// How many tasks sleep together, and for how long: their common millisecond is 100 ns for each.
const SLEEPERS: u64 = 10_000;
const NAP: Duration = Duration::from_millis(1);

fn cells() -> Vec<Cell> {
    let mut cells = of_all(
        "create_drop",
        ONE_BY_ONE,
        [
            || batch::<Heist, _>(ONE_BY_ONE, |_| one_by_one::<HeistSpawner>()),
            || batch::<Tokio, _>(ONE_BY_ONE, |_| one_by_one::<TokioSpawner>()),
            || batch::<SmolIo, _>(ONE_BY_ONE, |_| one_by_one::<SmolSpawner>()),
        ],
    );
    cells.extend(of_all(
        "create_drop_tasks_8",
        TASKS * ONE_BY_ONE,
        [each::<Heist>, each::<Tokio>, each::<SmolIo>],
    ));
    cells.extend(latenesses("lateness_1ms", 1));
    cells.extend(latenesses("lateness_5ms", 5));
    cells.extend(latenesses("lateness_10ms", 10));
    cells.extend(of_all(
        "pending_100000",
        TOGETHER,
        [
            || batch::<Heist, _>(TOGETHER, |_| together::<HeistSpawner>()),
            || batch::<Tokio, _>(TOGETHER, |_| together::<TokioSpawner>()),
            || batch::<SmolIo, _>(TOGETHER, |_| together::<SmolSpawner>()),
        ],
    ));
    cells.extend(naps());
    cells
}

fn of_all(
    workload: &'static str,
    operations: u64,
    [heist, tokio, smol]: [fn() -> Measure; 3],
) -> Vec<Cell> {
    vec![
        Cell::new("heist", workload, operations, heist),
        Cell::new("tokio", workload, operations, tokio),
        Cell::new("smol", workload, operations, smol),
    ]
}

/// Makes sleeps, polls each once, so that it is registered, and drops it before the next. The sum of the numbers of those that were pending.
async fn one_by_one<C: Clock>() -> u64 {
    let mut sum = 0;
    for number in 0..ONE_BY_ONE {
        if poll_once(C::sleep(FAR)).await.is_none() {
            sum += number;
        }
    }
    sum
}

/// As [`one_by_one`], by tasks on all workers.
fn each<R: Runtime<Spawner: Clock>>() -> Measure {
    batch::<R, _>(TASKS, |spawner| {
        spawn_all(spawner, TASKS, |number| async move {
            assert_eq!(one_by_one::<R::Spawner>().await, sum_below(ONE_BY_ONE));
            number
        })
    })
}

/// As [`one_by_one`], but all are dropped at the end. Their deadlines are a millisecond apart, and in no order.
async fn together<C: Clock>() -> u64 {
    let mut sleeps = Vec::new();
    let mut sum = 0;
    for number in 0..TOGETHER {
        let place = number * 7_919 % TOGETHER;
        let mut sleep = Box::pin(C::sleep(FAR + Duration::from_millis(place)));
        if poll_once(&mut sleep).await.is_none() {
            sum += number;
        }
        sleeps.push(sleep);
    }
    sum
}

fn latenesses(workload: &'static str, milliseconds: u64) -> Vec<Cell> {
    let length = Duration::from_millis(milliseconds);
    let contender = |runtime, start: fn(Duration) -> Measure| {
        Cell::new(runtime, workload, 1, move || start(length))
    };
    vec![
        contender("heist", lateness::<Heist>),
        contender("tokio", lateness::<Tokio>),
        contender("smol", lateness::<SmolIo>),
        contender("thread_sleep", thread_lateness),
    ]
}

/// Iterations are sleeps, one after the other. What is returned is not the time they took but how late the one in the middle was, as often as there were sleeps: a
/// processor that the host has taken away for a moment is no timer's fault.
///
/// tokio's timers count whole milliseconds, so its sleeps are up to one millisecond late by design.
fn lateness<R: Runtime<Spawner: Clock>>(length: Duration) -> Measure {
    let runtime = R::start(workers());
    Box::new(move |sleeps| on_worker(&runtime, median_lateness::<R::Spawner>(length, sleeps)))
}

async fn median_lateness<C: Clock>(length: Duration, sleeps: u64) -> Duration {
    let mut latenesses = Vec::new();
    let mut rng = fastrand::Rng::with_seed(sleeps);
    for _ in 0..sleeps {
        wait_for_any_moment(&mut rng);
        let deadline = Instant::now() + length;
        C::sleep(length).await;
        latenesses.push(late(deadline));
    }
    of_all_as_the_median(latenesses)
}

fn of_all_as_the_median(mut latenesses: Vec<Duration>) -> Duration {
    latenesses.sort_unstable();
    let sleeps = u32::try_from(latenesses.len()).expect("few sleeps");
    latenesses[latenesses.len() / 2] * sleeps
}

/// As [`lateness`], of threads that the system puts to sleep.
fn thread_lateness(length: Duration) -> Measure {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut sleep = move |_| {
        wait_for_any_moment(&mut rng);
        let deadline = Instant::now() + length;
        thread::sleep(length);
        late(deadline)
    };
    Box::new(move |sleeps| of_all_as_the_median((0..sleeps).map(&mut sleep).collect()))
}

/// Up to a millisecond. A sleep that begins when the one before it ends would always find timers that count whole milliseconds at their
/// worst.
fn wait_for_any_moment(rng: &mut fastrand::Rng) {
    let moment = Instant::now() + Duration::from_nanos(rng.u64(..1_000_000));
    while Instant::now() < moment {
        std::hint::spin_loop();
    }
}

fn late(deadline: Instant) -> Duration {
    let late = Instant::now().checked_duration_since(deadline);
    late.expect("no sleep ends early")
}

/// Tasks that sleep together: made, woken and joined.
fn naps() -> Vec<Cell> {
    let cell = |runtime, start: fn() -> Measure| Cell::new(runtime, "fire_10000", SLEEPERS, start);
    vec![
        cell("heist", || {
            batch::<Heist, _>(SLEEPERS, |_| slept(gather(SLEEPERS, nap::<HeistSpawner>)))
        }),
        cell("heist_spawn", spawned_naps::<Heist>),
        cell("tokio", spawned_naps::<Tokio>),
        cell("smol", spawned_naps::<SmolIo>),
    ]
}

fn spawned_naps<R: Runtime<Spawner: Clock>>() -> Measure {
    batch::<R, _>(SLEEPERS, |spawner| {
        slept(spawn_all(spawner, SLEEPERS, nap::<R::Spawner>))
    })
}

async fn nap<C: Clock>(number: u64) -> u64 {
    C::sleep(NAP).await;
    number
}

/// Sees that a batch took no less than the nap that each of its tasks has.
async fn slept(batch: impl Future<Output = u64>) -> u64 {
    let start = Instant::now();
    let sum = batch.await;
    assert!(start.elapsed() >= NAP, "the tasks did not sleep");
    sum
}
