//! TCP listeners.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

use super::addr::no_address;
use super::{BACKLOG, TcpStream, ToSocketAddrs, lookup_host, loopback};
use crate::io::{Async, current_engine};

/// A TCP socket that listens for connections.
///
/// Several tasks may accept from one listener, by reference.
///
/// # Examples
///
/// ```no_run
/// use heist::net::TcpListener;
///
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     let listener = TcpListener::bind("127.0.0.1:8080").await?;
///     loop {
///         let (stream, peer) = listener.accept().await?;
///         println!("a connection from {peer}");
///         heist::spawn(async move {
///             let (reader, writer) = stream.into_split();
///             futures_lite::io::copy(reader, writer).await
///         });
///     }
/// })
/// # }
/// ```
pub struct TcpListener {
    io: Async<std::net::TcpListener>,
}

socket!(TcpListener, std::net::TcpListener);

impl TcpListener {
    /// Listens at the first of the addresses that can be bound, with a backlog of 1024 connections.
    ///
    /// As in the standard library, a port that a former listener has left connections lingering on may be
    /// bound again at once (`SO_REUSEADDR`, on unix).
    ///
    /// # Errors
    ///
    /// The error of the last address, with the system's code; that of the look-up; and if there is no current
    /// runtime.
    ///
    /// # Cancel safety
    ///
    /// Nothing stays bound when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut refusal = no_address();
        for addr in lookup_host(addr).await? {
            match listen(addr) {
                Ok(socket) => {
                    let io = Async::register(current_engine()?, socket)?;
                    return Ok(Self { io });
                }
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// Accepts a connection. The stream belongs to the listener's runtime.
    ///
    /// # Errors
    ///
    /// If the runtime has ended, and those of the system. Not all of them say that the listener is broken: a
    /// connection may be gone before it is accepted
    /// ([`ConnectionAborted`](io::ErrorKind::ConnectionAborted)), and the process may have too many open files
    /// (`EMFILE`, `ENFILE`). In that case the connection stays in the backlog, and the next `accept` fails at
    /// once for as long as no file is closed. So a server that goes on after an error should wait for a
    /// moment first, some 10 ms by [`sleep`](crate::time::sleep), or it spins.
    ///
    /// # Cancel safety
    ///
    /// No connection is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// use heist::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let (_stream, peer) = listener.accept().await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.io.read_with(|listener| listener.accept()).await?;
        let stream = TcpStream::adopt(self.io.engine().clone(), stream)?;
        loopback::accepted(&stream.io, peer);
        Ok((stream, peer))
    }
}

pass_on!(TcpListener {
    /// The address that the listener is bound to.
    fn local_addr() -> SocketAddr, "println!(\"{:?}\", socket.local_addr()?);";

    /// Sets the time-to-live of packets sent from this socket, in hops.
    fn set_ttl(ttl: u32) -> (), "socket.set_ttl(64)?;";

    /// The time-to-live of packets sent from this socket, in hops.
    fn ttl() -> u32, "assert!(socket.ttl()? > 0);";
});

/// A non-blocking socket that listens at `addr`.
fn listen(addr: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    // On windows this option would let others take the port away.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
