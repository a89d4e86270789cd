//! An HTTP server by hyper: HTTP/1.1, and HTTP/2 without encryption for clients that begin with it.
//!
//! ```text
//! cargo run --release --features hyper --example http               # listens on 127.0.0.1:8080
//! cargo run --release --features hyper --example http 0.0.0.0:9000  # or where it is told to
//!
//! curl -i http://127.0.0.1:8080/                           # plain text
//! curl -i http://127.0.0.1:8080/json                       # JSON
//! curl -o /dev/null http://127.0.0.1:8080/stream           # 1 MB, made while it is sent
//! curl --data-binary @FILE http://127.0.0.1:8080/echo      # the request's body comes back
//! curl --http2-prior-knowledge -i http://127.0.0.1:8080/   # the same by HTTP/2
//! ```
//!
//! Clients have thirty seconds for the head of an HTTP/1 request, which is hyper's default, and HTTP/2 clients are pinged. One that
//! connects and says nothing may stay: a server that faces the internet limits that as well.
//!
//! Ctrl-C ends it gracefully: it accepts no more connections, closes those that are idle, and lets requests that are
//! under way finish, for at most ten seconds. A second Ctrl-C ends it at once.

#[path = "http/service.rs"]
mod service;

use futures_lite::future::or;
use heist::hyper::{Executor, Io, Timer};
use heist::net::{TcpListener, TcpStream};
use heist::signal::ctrl_c;
use heist::time::{sleep, timeout};
use hyper::service::service_fn;
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::io;
use std::time::Duration;

/// How often an HTTP/2 client has to show that it is still there.
const PING: Duration = Duration::from_secs(20);

/// How long requests that are under way may take after Ctrl-C.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// After a failed accept, the wait before the next: it doubles from the first to the last of these.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LAST_WAIT: Duration = Duration::from_secs(1);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    heist::run(serve(address.as_deref().unwrap_or("127.0.0.1:8080")))
}

async fn serve(address: &str) -> io::Result<()> {
    let first_ctrl_c = ctrl_c();
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let connections = GracefulShutdown::new();
    or(accept_for_ever(&listener, &connections), first_ctrl_c).await?;

    let second_ctrl_c = ctrl_c();
    drop(listener);
    println!("stopping: {} connections are open", connections.count());
    let all_finish = async {
        connections.shutdown().await;
        Ok("all requests were answered")
    };
    let at_once = async { second_ctrl_c.await.map(|()| "stopped at once") };
    let end = timeout(LAST_REQUESTS, or(all_finish, at_once)).await;
    println!("{}", end.unwrap_or(Ok("some requests took too long"))?);
    Ok(())
}

async fn accept_for_ever(listener: &TcpListener, connections: &GracefulShutdown) -> io::Result<()> {
    let mut wait = FIRST_WAIT;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                wait = FIRST_WAIT;
                heist::spawn(converse(stream, connections.watcher()));
            }
            // Mostly a lack of descriptors, which trying again at once would only make worse.
            Err(error) => {
                eprintln!("accept: {error}; next try in {wait:?}");
                sleep(wait).await;
                wait = (wait * 2).min(LAST_WAIT);
            }
        }
    }
}

/// Answers the requests of one connection.
async fn converse(stream: TcpStream, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let mut server = auto::Builder::new(Executor::new());
    server.http1().timer(Timer::new());
    let mut http2 = server.http2();
    http2.timer(Timer::new()).keep_alive_interval(PING);
    let connection = server.serve_connection(Io::new(stream), service_fn(service::answer));
    // Ends with an error when the client goes away in the middle of something, which is its own affair.
    let _ = watcher.watch(connection).await;
}
