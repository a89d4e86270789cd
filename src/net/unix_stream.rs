//! Unix streams.

use std::io;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockAddr;

use super::connect;
use crate::io::{Async, current_engine};
use crate::reactor::source::Source;

/// A connection by a Unix socket.
///
/// Reads and writes as a [`TcpStream`](super::TcpStream) does.
///
/// # Examples
///
/// ```
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     let (mut a, mut b) = heist::net::UnixStream::pair()?;
///     a.write_all(b"hello").await?;
///     a.close().await?;
///     let mut text = String::new();
///     b.read_to_string(&mut text).await?;
///     assert_eq!(text, "hello");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixStream {
    io: Async<std::os::unix::net::UnixStream>,
}

socket!(UnixStream, std::os::unix::net::UnixStream);
stream!(UnixStream);
crate::io::forward::forward_read!(&UnixStream, |this| &this.io);

impl UnixStream {
    /// Connects to the listener at `path`. On Linux, a path that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Those of the system, and if there is no current runtime. If the listener's backlog is full, Linux
    /// says [`WouldBlock`](io::ErrorKind::WouldBlock) and gives no means to wait for room: try again later.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, so is the attempt.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # heist::run(async {
    /// let stream = heist::net::UnixStream::connect("/run/service.sock").await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let io = connect::connect(&current_engine()?, SockAddr::unix(path)?).await?;
        Ok(Self { io })
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// Those of the system, and if there is no current runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let (a, b) = heist::net::UnixStream::pair()?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn pair() -> io::Result<(Self, Self)> {
        let engine = current_engine()?;
        let (a, b) = std::os::unix::net::UnixStream::pair()?;
        let (a, b) = (Self::adopt(engine.clone(), a)?, Self::adopt(engine, b)?);
        Source::introduce(a.io.source(), b.io.source());
        Ok((a, b))
    }
}

pass_on!(UnixStream {
    /// The address of this end.
    fn local_addr() -> SocketAddr, "println!(\"{:?}\", socket.local_addr()?);";
    /// The address of the other end.
    fn peer_addr() -> SocketAddr, "println!(\"{:?}\", socket.peer_addr()?);";
});
