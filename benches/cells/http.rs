//! Requests to an HTTP/1.1 server by hyper, over loopback: server and clients are tasks of one runtime.

use super::loopback::connect;
use super::measures::on_worker;
use super::{Cell, Group, Measure};
use crate::runtimes::{Heist, Http, Net, Runtime, SmolIo, Tokio};
use crate::workers;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use std::convert::Infallible;
use std::io;
use std::time::{Duration, Instant};

pub(super) const GROUP: Group = Group {
    name: "http",
    question: "What does a request to an HTTP server cost?",
    headline: false,
    targets: &[],
    cells,
};

/// How many connections there are. Each has one request under way at a time.
const CONNECTIONS: u64 = 64;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n";

/// A response is this, the date, and the end.
const BEGINNING: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\ndate: ";
const DATE: usize = "Thu, 01 Jan 1970 00:00:00 GMT".len();
const END: &[u8] = b"\r\n\r\nHello, World!";

fn cells() -> Vec<Cell> {
    let contender =
        |runtime, start: fn() -> Measure| Cell::new(runtime, "conns_64", CONNECTIONS, start);
    vec![
        contender("heist", http::<Heist>),
        contender("tokio", http::<Tokio>),
        contender("smol", http::<SmolIo>),
    ]
}

/// Iterations are requests, one over each connection. The connections are made, warmed up and closed in each call, outside of the time
/// that it returns.
fn http<R: Runtime<Spawner: Http>>() -> Measure {
    let runtime = R::start(workers());
    Box::new(move |requests| {
        on_worker(&runtime, requested(runtime.spawner(), requests)).expect("loopback works")
    })
}

async fn requested<H: Http>(spawner: H, requests: u64) -> io::Result<Duration> {
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for (server, client) in connect::<H>(CONNECTIONS).await? {
        servers.push(spawner.spawn(serve::<H>(server)));
        // What a connection needs for its life is allocated at its first request.
        clients.push(ask::<H>(client, 1).await?);
    }
    let start = Instant::now();
    let spawn = |client| spawner.spawn(ask::<H>(client, requests));
    let asking: Vec<_> = clients.into_iter().map(spawn).collect();
    let mut asked = Vec::with_capacity(asking.len());
    for client in asking {
        asked.push(H::join(client).await?);
    }
    let time = start.elapsed();
    drop(asked); // Closes the connections, upon which the servers end.
    for server in servers {
        H::join(server).await;
    }
    Ok(time)
}

/// Answers the requests of one connection.
async fn serve<H: Http>(stream: H::Stream) {
    let mut server = http1::Builder::new();
    server.timer(H::timer()); // For its time limit, which every server should have.
    let connection = server.serve_connection(H::io(stream), service_fn(hello));
    connection.await.expect("clients close between requests");
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(
        b"Hello, World!",
    ))))
}

/// Sends requests, each when the one before has been answered, and checks the answers.
async fn ask<N: Net>(mut stream: N::Stream, requests: u64) -> io::Result<N::Stream> {
    let mut response = [0; BEGINNING.len() + DATE + END.len()];
    for _ in 0..requests {
        N::write_all(&mut stream, REQUEST).await?;
        N::read_exact(&mut stream, &mut response).await?;
        assert!(
            response.starts_with(BEGINNING) && response.ends_with(END),
            "{}",
            response.escape_ascii()
        );
    }
    Ok(stream)
}
