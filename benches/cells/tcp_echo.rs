//! Messages to an echo server and back, over loopback: server and clients are tasks of one runtime.

use super::loopback::{Pair, connect, connect_blocking, refusal};
use super::measures::on_worker;
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, Net, Runtime, SmolIo, Tokio};
use crate::workers;
use std::io::{self, Read, Write};
use std::mem;
use std::net::TcpStream;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(super) const GROUP: Group = Group {
    name: "tcp_echo",
    question: "What does a message to an echo server and back cost?",
    headline: false,
    targets: &[],
    cells,
};

/// Bytes in a message.
const LENGTH: usize = 64;

fn cells() -> Vec<Cell> {
    let mut cells = echoes("conns_1", 1);
    cells.extend(echoes("conns_64", 64));
    cells.extend(echoes("conns_1024", 1_024));
    cells.extend([
        Cell::new("heist", "apart_64", 64, || echo_apart::<Heist>(64)),
        Cell::new("tokio", "apart_64", 64, || echo_apart::<Tokio>(64)),
        Cell::new("smol", "apart_64", 64, || echo_apart::<SmolIo>(64)),
    ]);
    cells
}

fn echoes(workload: &'static str, connections: u64) -> Vec<Cell> {
    let contender = |runtime, start: fn(u64) -> Measure| match refusal(connections) {
        None => Cell::new(runtime, workload, connections, move || start(connections)),
        Some(reason) => Cell::absent(runtime, workload, reason),
    };
    vec![
        contender("heist", echo::<Heist>),
        contender("tokio", echo::<Tokio>),
        contender("smol", echo::<SmolIo>),
        contender("floor", system_calls),
    ]
}

/// Iterations are messages, one over each connection. The connections are made beforehand, and live as long as the measure; the tasks at
/// their ends are spawned and joined in each call.
fn echo<R: Runtime<Spawner: Net>>(connections: u64) -> Measure {
    let runtime = R::start(workers());
    let mut pairs = on_worker(&runtime, connect::<R::Spawner>(connections))
        .expect("loopback takes connections");
    Box::new(move |messages| {
        let driver = exchange(runtime.spawner(), mem::take(&mut pairs), messages);
        let (time, back) = on_worker(&runtime, driver);
        pairs = back;
        time
    })
}

/// Exchanges so many messages over each connection. Gives the connections back.
async fn exchange<N: Net>(
    spawner: N,
    pairs: Vec<Pair<N>>,
    messages: u64,
) -> (Duration, Vec<Pair<N>>) {
    let start = Instant::now();
    let spawn_ends = |((server, client), connection)| {
        let server = spawner.spawn(serve::<N>(server, messages));
        let client = spawner.spawn(ask::<N>(client, connection, messages));
        (server, client)
    };
    let ends: Vec<_> = pairs.into_iter().zip(0..).map(spawn_ends).collect();
    let mut back = Vec::with_capacity(ends.len());
    for (server, client) in ends {
        let server = N::join(server).await.expect("the server's end works");
        let client = N::join(client).await.expect("the client's end works");
        back.push((server, client));
    }
    (start.elapsed(), back)
}

/// As [`echo`], but the servers are tasks of another runtime than the clients, as if they were in another program. Each has its workers, and a thread that blocks on it.
fn echo_apart<R: Runtime<Spawner: Net>>(connections: u64) -> Measure {
    let (server, client) = (Side::<R>::start(), R::start(workers()));
    let listening = server.on_worker(|_| R::Spawner::listen());
    let (listener, address) = listening().expect("loopback has free ports");
    let connecting = async move {
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(R::Spawner::connect(address).await?);
        }
        io::Result::Ok(streams)
    };
    let accepting = server.on_worker(move |_| async move {
        let mut streams = Vec::new();
        for _ in 0..connections {
            streams.push(R::Spawner::accept(&listener).await?);
        }
        io::Result::Ok(streams)
    });
    let mut clients = on_worker(&client, connecting).expect("loopback takes connections");
    let mut servers = accepting().expect("loopback takes connections");
    Box::new(move |messages| {
        let start = Instant::now();
        let ends = mem::take(&mut servers);
        let serving = server.on_worker(move |spawner| {
            let serve = move |end, _| serve::<R::Spawner>(end, messages);
            all::<R::Spawner, _>(spawner, ends, serve)
        });
        let ask = move |end, connection| ask::<R::Spawner>(end, connection, messages);
        let asking = all::<R::Spawner, _>(client.spawner(), mem::take(&mut clients), ask);
        clients = on_worker(&client, asking);
        servers = serving();
        start.elapsed()
    })
}

/// Spawns `work` at each of these ends of connections, which it gives back.
async fn all<N: Net, F>(
    spawner: N,
    ends: Vec<N::Stream>,
    work: impl Fn(N::Stream, u64) -> F,
) -> Vec<N::Stream>
where
    F: Future<Output = io::Result<N::Stream>> + Send + 'static,
{
    let numbered = ends.into_iter().zip(0..);
    let tasks: Vec<_> = numbered
        .map(|(end, connection)| spawner.spawn(work(end, connection)))
        .collect();
    let mut back = Vec::with_capacity(tasks.len());
    for task in tasks {
        back.push(N::join(task).await.expect("both ends work"));
    }
    back
}

type Job<R> = Box<dyn FnOnce(&R) + Send>;

/// A runtime that has a thread of its own to block on it.
struct Side<R> {
    /// Some until this is dropped.
    jobs: Option<Sender<Job<R>>>,
    thread: Option<JoinHandle<()>>,
}

impl<R: Runtime> Side<R> {
    fn start() -> Self {
        let (jobs, todo) = mpsc::channel::<Job<R>>();
        let thread = thread::spawn(move || {
            let runtime = R::start(workers());
            todo.into_iter().for_each(|job| job(&runtime));
        });
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
        }
    }

    /// Begins to run what `driver` gives as a task. The result waits for it.
    fn on_worker<F>(
        &self,
        driver: impl FnOnce(R::Spawner) -> F + Send + 'static,
    ) -> impl FnOnce() -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (done, result) = mpsc::channel();
        let job = move |runtime: &R| {
            let output = on_worker(runtime, driver(runtime.spawner()));
            done.send(output).expect("somebody waits for it");
        };
        let jobs = self.jobs.as_ref().expect("it has not been dropped");
        jobs.send(Box::new(job)).expect("the thread is there");
        move || result.recv().expect("the driver does not panic")
    }
}

impl<R> Drop for Side<R> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        let thread = self.thread.take().expect("it is joined once");
        thread.join().expect("the runtime ends");
    }
}

/// Sends back what comes in.
async fn serve<N: Net>(mut stream: N::Stream, messages: u64) -> io::Result<N::Stream> {
    let mut message = [0; LENGTH];
    for _ in 0..messages {
        N::read_exact(&mut stream, &mut message).await?;
        N::write_all(&mut stream, &message).await?;
    }
    Ok(stream)
}

/// Sends messages, each when the one before has come back, and checks all bytes.
async fn ask<N: Net>(
    mut stream: N::Stream,
    connection: u64,
    messages: u64,
) -> io::Result<N::Stream> {
    let mut answer = [0; LENGTH];
    for number in 0..messages {
        let message = message(connection, number);
        N::write_all(&mut stream, &message).await?;
        N::read_exact(&mut stream, &mut answer).await?;
        assert_eq!(answer, message, "connection {connection}, message {number}");
    }
    Ok(stream)
}

fn message(connection: u64, number: u64) -> [u8; LENGTH] {
    std::array::from_fn(|at| (connection * 31 + number * 7 + at as u64) as u8)
}

/// The floor: one thread that is both ends of all connections, so nothing but the system calls.
fn system_calls(connections: u64) -> Measure {
    let mut pairs = connect_blocking(connections).expect("loopback takes connections");
    Box::new(move |messages| {
        let start = Instant::now();
        for number in 0..messages {
            for ((server, client), connection) in pairs.iter_mut().zip(0..) {
                there_and_back(server, client, message(connection, number))
                    .expect("both ends work");
            }
        }
        start.elapsed()
    })
}

fn there_and_back(
    server: &mut TcpStream,
    client: &mut TcpStream,
    message: [u8; LENGTH],
) -> io::Result<()> {
    let (mut arrived, mut answer) = ([0; LENGTH], [0; LENGTH]);
    client.write_all(&message)?;
    server.read_exact(&mut arrived)?;
    server.write_all(&arrived)?;
    client.read_exact(&mut answer)?;
    assert_eq!(answer, message);
    Ok(())
}
