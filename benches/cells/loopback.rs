//! Connections over loopback, for the groups with sockets.

use crate::runtimes::{LOOPBACK, Net};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::LazyLock;

/// A connection: the end that accepted, and the end that connected.
pub(super) type Pair<N> = (<N as Net>::Stream, <N as Net>::Stream);

/// Makes so many connections, one after the other, so that no backlog is too short for them.
pub(super) async fn connect<N: Net>(connections: u64) -> io::Result<Vec<Pair<N>>> {
    let (listener, address) = N::listen().await?;
    let mut pairs = Vec::new();
    for _ in 0..connections {
        pairs.push(pair::<N>(&listener, address).await?);
    }
    Ok(pairs)
}

/// Makes one connection.
pub(super) async fn pair<N: Net>(
    listener: &N::Listener,
    address: SocketAddr,
) -> io::Result<Pair<N>> {
    let client = N::connect(address).await?;
    let server = N::accept(listener).await?;
    Ok((server, client))
}

/// As [`connect`], by the standard library: streams that block.
pub(super) fn connect_blocking(connections: u64) -> io::Result<Vec<(TcpStream, TcpStream)>> {
    let listener = TcpListener::bind(LOOPBACK)?;
    let address = listener.local_addr()?;
    let pair = |_| {
        let client = TcpStream::connect(address)?;
        let (server, _) = listener.accept()?;
        Ok((server, client))
    };
    (0..connections).map(pair).collect()
}

/// Descriptors besides those of the connections: standard streams, listener, pollers, and what else the program has open.
const OTHER_DESCRIPTORS: u64 = 100;

/// Why there can't be so many connections at once, if that is so.
pub(super) fn refusal(connections: u64) -> Option<&'static str> {
    static LIMIT: LazyLock<Option<u64>> = LazyLock::new(descriptor_limit);
    let needed = 2 * connections + OTHER_DESCRIPTORS;
    LIMIT
        .is_some_and(|limit| limit < needed)
        .then_some("too few file descriptors: raise the limit first, by `ulimit -n 4096`")
}

/// The limit as the shell says it, which does so on every Unix. None: no limit, or no shell.
fn descriptor_limit() -> Option<u64> {
    let output = Command::new("sh").args(["-c", "ulimit -n"]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
