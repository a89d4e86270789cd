//! Many connections at once to the echo example: every byte checked, and nothing left over afterwards.

use crate::server::Server;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::TcpStream;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 10_000;
const MESSAGES: usize = 100;
const LENGTH: usize = 100;

/// How many connect at a time: no more than the server's backlog takes.
const AT_ONCE: usize = 500;

/// Exchanges the messages, and prints what it took. What is not as it should be is returned.
pub(crate) fn exchange(mut server: Server) -> Vec<String> {
    let at_start = server.state();
    let address: SocketAddr = server.address.parse().expect("an address");
    let began = Instant::now();
    let streams = heist::run(connect_all(address)).expect("the server accepts");
    let connected = began.elapsed();
    let idle = server.state();
    let began = Instant::now();
    heist::run(async {
        let streams = adopt(streams)?;
        let talks = streams
            .into_iter()
            .enumerate()
            .map(|(i, s)| talk(s, i, 1..MESSAGES));
        heist::try_gather(talks).await
    })
    .expect("all bytes come back");
    let exchanged = began.elapsed();
    let at_end = server.state_when(|state| state.descriptors <= at_start.descriptors);
    let said = server.stop();

    let total = CONNECTIONS * MESSAGES;
    println!(
        "{CONNECTIONS} connections, each with {MESSAGES} messages of {LENGTH} bytes, all bytes checked"
    );
    println!("connected and one message each: {connected:.1?}");
    println!(
        "the other messages: {exchanged:.1?}, {:.0} per second",
        (total - CONNECTIONS) as f64 / exchanged.as_secs_f64()
    );
    let per_connection = (idle.memory - at_start.memory) as f64 / CONNECTIONS as f64;
    println!("server's memory per idle connection: {per_connection:.0} bytes");
    println!(
        "server's descriptors: {} at the start, {} at the end",
        at_start.descriptors, at_end.descriptors
    );
    println!("server: {said}\n");

    let mut wrong = Vec::new();
    if idle.descriptors < at_start.descriptors + CONNECTIONS {
        wrong.push("the server did not have all connections at once".to_owned());
    }
    if at_end.descriptors != at_start.descriptors {
        wrong.push("the server leaked descriptors".to_owned());
    }
    if !said.contains(&format!(
        "{CONNECTIONS} connections served, 0 cut off, 0 tasks alive"
    )) {
        wrong.push("the server lost connections, or kept tasks".to_owned());
    }
    wrong
}

/// Opens all the connections, and sees that each is served by exchanging its first message.
async fn connect_all(address: SocketAddr) -> io::Result<Vec<std::net::TcpStream>> {
    let mut all = Vec::with_capacity(CONNECTIONS);
    while all.len() < CONNECTIONS {
        let some = (all.len()..CONNECTIONS)
            .take(AT_ONCE)
            .map(|index| async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                talk(stream, index, 0..1).await?.into_std()
            });
        all.extend(heist::try_gather(some).await?);
    }
    Ok(all)
}

fn adopt(streams: Vec<std::net::TcpStream>) -> io::Result<Vec<TcpStream>> {
    streams.into_iter().map(TcpStream::from_std).collect()
}

/// Sends the messages of one connection one by one, and checks what comes back.
async fn talk(
    mut stream: TcpStream,
    index: usize,
    messages: std::ops::Range<usize>,
) -> io::Result<TcpStream> {
    for number in messages {
        let message: [u8; LENGTH] = std::array::from_fn(|at| (index * 31 + number * 7 + at) as u8);
        stream.write_all(&message).await?;
        let mut answer = [0; LENGTH];
        stream.read_exact(&mut answer).await?;
        assert_eq!(answer, message, "connection {index}, message {number}");
    }
    Ok(stream)
}

impl Server {
    /// The state as soon as it is `settled`, or after ten seconds.
    fn state_when(&self, settled: impl Fn(&State) -> bool) -> State {
        let began = Instant::now();
        loop {
            let state = self.state();
            if settled(&state) || began.elapsed() > Duration::from_secs(10) {
                return state;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn state(&self) -> State {
        let folder = format!("/proc/{}", self.id());
        let descriptors =
            std::fs::read_dir(format!("{folder}/fd")).expect("a process's descriptors");
        let status =
            std::fs::read_to_string(format!("{folder}/status")).expect("a process's status");
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("its memory");
        let kilobytes: usize = resident
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number");
        State {
            descriptors: descriptors.count(),
            memory: kilobytes * 1024,
        }
    }
}

/// What a server holds.
#[derive(Clone, Copy)]
struct State {
    descriptors: usize,
    /// Bytes resident.
    memory: usize,
}
