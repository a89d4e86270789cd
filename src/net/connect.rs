//! Connecting without blocking.

use std::io;
use std::sync::Arc;

use socket2::{SockAddr, SockRef, Socket, Type};

use crate::io::{Async, Pollable};
use crate::scheduler::engine::Engine;

/// Connects a new stream socket to `addr`.
pub(super) async fn connect<S>(engine: &Arc<Engine>, addr: SockAddr) -> io::Result<Async<S>>
where
    S: From<Socket> + Pollable,
{
    let socket = Socket::new(addr.domain(), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&addr) {
        Err(error) if !is_under_way(&error) => return Err(error),
        _ => {}
    }
    // Registered only now: a socket that has not begun to connect reports that it was hung up.
    let stream = Async::register(engine.clone(), S::from(socket))?;
    stream.write_with(|stream| outcome(stream)).await?;
    Ok(stream)
}

/// Whether this error of `connect` means that the outcome will be known later.
#[cfg(unix)]
fn is_under_way(error: &io::Error) -> bool {
    // Not `WouldBlock`, by which a Unix socket says that the listener's queue is full.
    error.kind() == io::ErrorKind::Interrupted
        || error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

/// Whether this error of `connect` means that the outcome will be known later.
#[cfg(windows)]
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// How the connecting of `stream` turned out; `WouldBlock` if that is not known yet.
fn outcome<S: Pollable>(stream: &S) -> io::Result<()> {
    let socket = SockRef::from(stream);
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        other => other.map(drop),
    }
}
