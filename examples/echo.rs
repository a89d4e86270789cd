//! A TCP echo server: every connection gets its bytes back, until it closes its side.
//!
//! ```text
//! cargo run --release --example echo               # listens on 127.0.0.1:7007
//! cargo run --release --example echo 0.0.0.0:9000  # or where it is told to
//! ```
//!
//! To try it, type lines into `nc 127.0.0.1 7007`, and end with Ctrl-D.

use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream};
use std::io;
use std::time::Duration;

/// After a failed accept, the wait before the next: it doubles from the first to the last of these.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LAST_WAIT: Duration = Duration::from_secs(1);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    heist::run(serve(address.as_deref().unwrap_or("127.0.0.1:7007")))
}

async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut wait = FIRST_WAIT;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                wait = FIRST_WAIT;
                heist::spawn(async move {
                    if let Err(error) = echo(stream).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            // Mostly a lack of descriptors, which trying again at once would only make worse.
            Err(error) => {
                eprintln!("accept: {error}; next try in {wait:?}");
                heist::time::sleep(wait).await;
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
