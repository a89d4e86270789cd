//! Unix datagram sockets.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use crate::io::{Async, current_engine};

/// A Unix datagram socket. Datagrams arrive in order, and none is lost.
///
/// # Cancel safety
///
/// All its futures: no datagram is lost or sent when one is dropped while pending.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     let (a, b) = heist::net::UnixDatagram::pair()?;
///     a.send(b"hello").await?;
///     let mut buf = [0; 16];
///     let n = b.recv(&mut buf).await?;
///     assert_eq!(&buf[..n], b"hello");
///     Ok(())
/// })
/// # }
/// ```
pub struct UnixDatagram {
    io: Async<std::os::unix::net::UnixDatagram>,
}

socket!(UnixDatagram, std::os::unix::net::UnixDatagram);

impl UnixDatagram {
    /// A socket bound to `path`. The file is not removed when the socket is dropped.
    ///
    /// # Errors
    ///
    /// Those of the system (`EADDRINUSE` if the file exists), and if there is no current runtime.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # heist::run(async {
    /// let socket = heist::net::UnixDatagram::bind("/run/service.sock")?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let engine = current_engine()?;
        Self::adopt(engine, std::os::unix::net::UnixDatagram::bind(path)?)
    }

    /// A socket that is bound to no address.
    ///
    /// # Errors
    ///
    /// Those of the system, and if there is no current runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let socket = heist::net::UnixDatagram::unbound()?;
    /// assert!(socket.local_addr()?.is_unnamed());
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn unbound() -> io::Result<Self> {
        let engine = current_engine()?;
        Self::adopt(engine, std::os::unix::net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// Those of the system, and if there is no current runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let (a, b) = heist::net::UnixDatagram::pair()?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn pair() -> io::Result<(Self, Self)> {
        let engine = current_engine()?;
        let (a, b) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((Self::adopt(engine.clone(), a)?, Self::adopt(engine, b)?))
    }

    /// Fixes the peer: [`send`](UnixDatagram::send) sends to it, and only its datagrams are received.
    ///
    /// # Errors
    ///
    /// Those of the system.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn f(socket: heist::net::UnixDatagram) -> std::io::Result<()> {
    /// socket.connect("/run/service.sock")?;
    /// # Ok(()) }
    /// ```
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.io.get_ref().connect(path)
    }

    /// Sends a datagram to the peer, after waiting for room in its queue. Gives its length.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UnixDatagram) -> std::io::Result<()> {
    /// socket.send(b"hello").await?;
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.write_with(|socket| socket.send(buf)).await
    }

    /// Sends a datagram to the socket at `path`, after waiting for room in its queue. Gives its length.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UnixDatagram) -> std::io::Result<()> {
    /// socket.send_to(b"hello", "/run/service.sock").await?;
    /// # Ok(()) }
    /// ```
    pub async fn send_to(&self, buf: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        let path = path.as_ref();
        loop {
            self.io.write_with(|_| Ok(())).await?;
            match self.io.get_ref().send_to(buf, path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.room(path).await?,
                result => return result,
            }
        }
    }

    /// Waits until a datagram to `path` has a chance.
    ///
    /// Two queues may be full, that of this socket and that of the receiver, and nothing tells which. A
    /// socket reports that its receiver has room again only if it is connected to it: so a second one is.
    async fn room(&self, path: &Path) -> io::Result<()> {
        self.io.writable().await?;
        let probe = std::os::unix::net::UnixDatagram::unbound()?;
        probe.connect(path)?;
        let probe = Self::adopt(self.io.engine().clone(), probe)?;
        probe.io.writable().await
    }

    /// Receives a datagram. Gives its length.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UnixDatagram) -> std::io::Result<()> {
    /// let n = socket.recv(&mut [0; 1500]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read_with(|socket| socket.recv(buf)).await
    }

    /// Receives a datagram. Gives its length and its sender.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UnixDatagram) -> std::io::Result<()> {
    /// let (n, from) = socket.recv_from(&mut [0; 1500]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.read_with(|socket| socket.recv_from(buf)).await
    }
}

pass_on!(UnixDatagram {
    /// The address that the socket is bound to.
    fn local_addr() -> SocketAddr, "println!(\"{:?}\", socket.local_addr()?);";
    /// The peer fixed by [`connect`](UnixDatagram::connect).
    fn peer_addr() -> SocketAddr, "println!(\"{:?}\", socket.peer_addr()?);";
    /// Ends receiving, sending, or both.
    fn shutdown(how: Shutdown) -> (), "socket.shutdown(std::net::Shutdown::Both)?;";
});
