//! Messages to an echo server and back, over loopback: server and clients are tasks of one runtime.

use super::loopback::{Pair, connect, connect_blocking, refusal};
use super::measures::on_worker;
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, Net, Runtime, SmolIo, Tokio};
use crate::workers;
use std::io::{self, Read, Write};
use std::mem;
use std::net::TcpStream;
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
