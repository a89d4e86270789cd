//! A TCP echo server: every connection gets its bytes back, until it closes its side.
//!
//! ```text
//! cargo run --release --example echo               # listens on 127.0.0.1:7007
//! cargo run --release --example echo 0.0.0.0:9000  # or where it is told to
//! ```
//!
//! To try it, type lines into `nc 127.0.0.1 7007`, and end with Ctrl-D (some versions want `nc -N`).
//!
//! Ctrl-C stops the server: it accepts nobody any more, and goes on with the connections that are open until their
//! peers close them, for ten seconds at most. A second Ctrl-C cuts them off at once.

use futures_lite::future::{or, pending};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream};
use heist::signal::ctrl_c;
use heist::time::{sleep, timeout};
use heist::{Handle, JoinSet};
use std::io;
use std::time::Duration;

/// After a failed accept, the wait before the next: it doubles from the first to the last of these.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LAST_WAIT: Duration = Duration::from_secs(1);

/// How long connections that are open may go on after a ctrl-c.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    heist::run(serve(address.as_deref().unwrap_or("127.0.0.1:7007")))
}

async fn serve(address: &str) -> io::Result<()> {
    let stop = ctrl_c();
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut connections = Connections::default();
    or(stop, accept_all(&listener, &mut connections)).await?;

    drop(listener);
    let again = ctrl_c();
    println!("stopping: {} connections open", connections.tasks.len());
    // Until all have ended, ctrl-c comes again, or the time is over.
    let _ = timeout(PATIENCE, or(connections.all_ended(), again)).await;
    connections.tasks.abort_all();
    connections.all_ended().await?;

    let Connections { served, cut, .. } = connections;
    let alive = Handle::current().metrics().live_tasks();
    println!("stopped: {served} connections served, {cut} cut off, {alive} tasks alive");
    Ok(())
}

/// Serves whoever connects, without end.
async fn accept_all(listener: &TcpListener, connections: &mut Connections) -> io::Result<()> {
    let mut wait = FIRST_WAIT;
    loop {
        let ended = async {
            connections.next_ended().await;
            None
        };
        let accepted = async { Some(listener.accept().await) };
        match or(ended, accepted).await {
            None => {}
            Some(Ok((stream, peer))) => {
                wait = FIRST_WAIT;
                connections.tasks.spawn(async move {
                    if let Err(error) = echo(stream).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            // Mostly a lack of descriptors, which trying again at once would only make worse.
            Some(Err(error)) => {
                eprintln!("accept: {error}; next try in {wait:?}");
                sleep(wait).await;
                wait = (wait * 2).min(LAST_WAIT);
            }
        }
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return stream.close().await,
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}

/// The connections that are open, and how many have ended, in which way.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    served: usize,
    cut: usize,
}

impl Connections {
    /// Waits until a connection ends, and counts it. Without a connection it waits for ever.
    async fn next_ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(())) => self.served += 1,
            Some(Err(_)) => self.cut += 1,
            None => pending().await,
        }
    }

    /// Waits until all connections have ended.
    async fn all_ended(&mut self) -> io::Result<()> {
        while !self.tasks.is_empty() {
            self.next_ended().await;
        }
        Ok(())
    }
}
