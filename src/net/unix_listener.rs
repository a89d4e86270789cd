//! Unix listeners.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::{BACKLOG, UnixStream};
use crate::io::{Async, current_engine};

/// A Unix socket that listens for connections.
///
/// # Examples
///
/// ```no_run
/// # heist::run(async {
/// let listener = heist::net::UnixListener::bind("/run/service.sock")?;
/// let (stream, _) = listener.accept().await?;
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub struct UnixListener {
    io: Async<std::os::unix::net::UnixListener>,
}

socket!(UnixListener, std::os::unix::net::UnixListener);

impl UnixListener {
    /// Listens at `path`, with a backlog of 1024 connections. The file is not removed when the listener is
    /// dropped. On Linux, a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Those of the system (`EADDRINUSE` if the file exists), and if there is no current runtime.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # heist::run(async {
    /// let listener = heist::net::UnixListener::bind("/run/service.sock")?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let engine = current_engine()?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        socket.listen(BACKLOG)?;
        let io = Async::register(engine, socket.into())?;
        Ok(Self { io })
    }

    /// Accepts a connection. The stream belongs to the listener's runtime.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`](super::TcpListener::accept); what it says of `EMFILE` holds here, too.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(listener: heist::net::UnixListener) -> std::io::Result<()> {
    /// let (stream, _) = listener.accept().await?;
    /// # Ok(()) }
    /// ```
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.io.read_with(|listener| listener.accept()).await?;
        let stream = UnixStream::adopt(self.io.engine().clone(), stream)?;
        Ok((stream, peer))
    }
}

pass_on!(UnixListener {
    /// The address that the listener is bound to.
    fn local_addr() -> SocketAddr, "println!(\"{:?}\", socket.local_addr()?);";
});
