//! The server of `examples/http.rs` on tokio's multi-threaded runtime, for `scripts/load`.
//!
//! The two are the same but for what a runtime brings: sockets, timers, tasks, ctrl-c.

#[path = "../../examples/http/service.rs"]
mod service;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::ctrl_c;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let runtime = tokio::runtime::Runtime::new()?;
    // A task of its own, so that what accepts runs on a worker.
    let server = runtime.spawn(serve(address.unwrap_or("127.0.0.1:8080".into())));
    runtime.block_on(server)?
}

async fn serve(address: String) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let connections = GracefulShutdown::new();
    tokio::select! {
        never = accept_for_ever(&listener, &connections) => never?,
        interrupted = ctrl_c() => interrupted?,
    }
    drop(listener);
    let _ = tokio::time::timeout(Duration::from_secs(10), connections.shutdown()).await;
    Ok(())
}

async fn accept_for_ever(listener: &TcpListener, connections: &GracefulShutdown) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(stream, connections.watcher()));
    }
}

async fn converse(stream: TcpStream, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new());
    let mut http2 = server.http2();
    http2
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20));
    let connection = server.serve_connection(TokioIo::new(stream), service_fn(service::answer));
    let _ = watcher.watch(connection).await;
}
