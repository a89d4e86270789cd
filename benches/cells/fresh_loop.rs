//! A runtime that is started for one root and stopped after it.

use super::fresh_local::{block_on_only, local_executor, local_executor_io, local_pool};
use super::loopback::{connect_blocking, pair};
use super::measures::{floor, floor_batch, timed};
use super::{Cell, Group, Measure, target};
use crate::runtimes::{
    Clock, Heist, HeistBuilder, Net, Runtime, Smol, SmolIo, SmolSpawner, Tokio, TokioBare,
    TokioCurrentThread,
};
use crate::workers;
use crate::workloads::{boxed, ready, spawn_all};
use futures_lite::future::poll_once;
use std::io::{self, Read, Write};
use std::time::Duration;

pub(super) const GROUP: Group = Group {
    name: "fresh_loop",
    question: "What does a runtime cost that is started for one root and stopped after it?",
    headline: true,
    targets: &[
        target("empty", "heist", "tokio", 0.01),
        target("empty", "heist", "tokio_current_thread", 0.15),
    ],
    cells,
};

const NO_TASKS: &str = "it polls one future, and has no tasks";
const NO_REACTOR: &str = "it has neither timers nor sockets";

fn cells() -> Vec<Cell> {
    let mut cells = of_tasks::<Empty>("empty", 0);
    cells.extend(of_tasks::<OneTask>("one_task", 1));
    let tasks = of_tasks::<Tasks100>("tasks_100", 100);
    let timer = of_io::<Timer>("timer", || {
        timed(|number| local_executor_io(timer::<SmolSpawner>(number)))
    });
    let mut round_trip = of_io::<RoundTrip>("tcp_round_trip", || {
        timed(|number| local_executor_io(round_trip::<SmolSpawner>(number)))
    });
    round_trip.push(Cell::new("floor", "tcp_round_trip", 1, || {
        timed(blocking_round_trip)
    }));
    let study = tasks.into_iter().chain(timer).chain(round_trip);
    cells.extend(study.map(Cell::study));
    cells
}

/// Roots that spawn so many tasks.
fn of_tasks<D: Duty>(workload: &'static str, tasks: u64) -> Vec<Cell> {
    let cell =
        |runtime, start: fn(u64) -> Measure| Cell::new(runtime, workload, 1, move || start(tasks));
    let mut cells = of_all::<Smol, D>(workload);
    cells.push(cell("tokio_bare", |_| fresh::<TokioBare, D>()));
    cells.push(if tasks == 0 {
        cell("block_on_only", |_| timed(block_on_only))
    } else {
        Cell::absent("block_on_only", workload, NO_TASKS)
    });
    cells.push(cell("local_pool", |tasks| {
        timed(move |number| local_pool(tasks, number))
    }));
    cells.push(cell("local_executor", |tasks| {
        timed(move |number| local_executor(tasks, number))
    }));
    cells.push(cell("floor", |tasks| match tasks {
        0 | 1 => floor(|n| boxed(n, ready)),
        _ => floor_batch(tasks, ready),
    }));
    cells
}

/// Roots that need a timer or sockets.
fn of_io<D: Duty>(workload: &'static str, local_executor: fn() -> Measure) -> Vec<Cell> {
    let mut cells = of_all::<SmolIo, D>(workload);
    for runtime in ["tokio_bare", "block_on_only", "local_pool"] {
        cells.push(Cell::absent(runtime, workload, NO_REACTOR));
    }
    cells.push(Cell::new("local_executor", workload, 1, local_executor));
    cells
}

/// The runtimes that can do everything, smol in one of its two configurations.
fn of_all<S, D>(workload: &'static str) -> Vec<Cell>
where
    S: Runtime<Spawner = SmolSpawner>,
    D: Duty,
{
    let cell = |runtime, start: fn() -> Measure| Cell::new(runtime, workload, 1, start);
    vec![
        cell("heist", fresh::<Heist, D>),
        cell("heist_uncached", fresh::<HeistBuilder, D>),
        cell("heist_kept", kept::<Heist, D>),
        cell("tokio", fresh::<Tokio, D>),
        cell("tokio_current_thread", fresh::<TokioCurrentThread, D>),
        cell("tokio_kept", kept::<Tokio, D>),
        cell("smol", fresh::<S, D>),
    ]
}

/// Iterations are whole lives of a runtime: start, one root, stop.
fn fresh<R, D>() -> Measure
where
    R: Runtime<Spawner: Clock + Net>,
    D: Duty,
{
    let workers = workers();
    timed(move |number| R::fresh(workers, |spawner| D::run(spawner, number)))
}

/// As [`fresh`], on one runtime that is kept: what there is to save by holding on to a runtime.
fn kept<R, D>() -> Measure
where
    R: Runtime<Spawner: Clock + Net>,
    D: Duty,
{
    let runtime = R::start(workers());
    timed(move |number| runtime.block_on(D::run(runtime.spawner(), number)))
}

/// What the one root does. It gives back its number.
trait Duty: 'static {
    fn run<S: Clock + Net>(spawner: S, number: u64) -> impl Future<Output = u64>;
}

struct Empty;
struct OneTask;
struct Tasks100;
struct Timer;
struct RoundTrip;

impl Duty for Empty {
    fn run<S: Clock + Net>(_spawner: S, number: u64) -> impl Future<Output = u64> {
        ready(number)
    }
}

impl Duty for OneTask {
    async fn run<S: Clock + Net>(spawner: S, number: u64) -> u64 {
        S::join(spawner.spawn(ready(number))).await
    }
}

impl Duty for Tasks100 {
    async fn run<S: Clock + Net>(spawner: S, number: u64) -> u64 {
        let sum = spawn_all(spawner, 100, move |_| ready(number)).await;
        assert_eq!(sum, 100 * number);
        number
    }
}

impl Duty for Timer {
    fn run<S: Clock + Net>(_spawner: S, number: u64) -> impl Future<Output = u64> {
        timer::<S>(number)
    }
}

impl Duty for RoundTrip {
    fn run<S: Clock + Net>(_spawner: S, number: u64) -> impl Future<Output = u64> {
        round_trip::<S>(number)
    }
}

/// A timer that is registered and dropped. None is waited for, since a wait would be most of the time.
async fn timer<C: Clock>(number: u64) -> u64 {
    let fired = poll_once(C::sleep(Duration::from_secs(3600))).await;
    assert!(fired.is_none(), "the timer fired an hour early");
    number
}

/// A byte that the client leaves unread, so that its end is reset when it is closed. An orderly end would occupy a port for a minute, and
/// with thousands of those each bind and connect takes longer than the last.
const UNREAD: u8 = 0;

/// A connection that is made, carries one byte there and back, and is closed.
async fn round_trip<N: Net>(number: u64) -> u64 {
    let back = there_and_back::<N>(number as u8).await;
    assert_eq!(back.expect("loopback works"), number as u8);
    number
}

async fn there_and_back<N: Net>(byte: u8) -> io::Result<u8> {
    let (listener, address) = N::listen().await?;
    let (mut server, mut client) = pair::<N>(&listener, address).await?;
    let (mut there, mut back) = ([0], [0]);
    N::write_all(&mut client, &[byte]).await?;
    N::read_exact(&mut server, &mut there).await?;
    N::write_all(&mut server, &[there[0], UNREAD]).await?;
    N::read_exact(&mut client, &mut back).await?;
    drop(client);
    Ok(back[0])
}

/// The floor of [`round_trip`]: the same system calls, by one thread without a runtime.
fn blocking_round_trip(number: u64) -> u64 {
    let back = blocking_there_and_back(number as u8);
    assert_eq!(back.expect("loopback works"), number as u8);
    number
}

fn blocking_there_and_back(byte: u8) -> io::Result<u8> {
    let (mut there, mut back) = ([0], [0]);
    for (mut server, mut client) in connect_blocking(1)? {
        client.write_all(&[byte])?;
        server.read_exact(&mut there)?;
        server.write_all(&[there[0], UNREAD])?;
        client.read_exact(&mut back)?;
        drop(client);
    }
    Ok(back[0])
}
