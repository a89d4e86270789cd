//! TCP streams.

use std::io::{self, Read};
#[cfg(feature = "hyper")]
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncRead;
#[cfg(feature = "hyper")]
use socket2::SockRef;

use super::addr::no_address;
use super::{ToSocketAddrs, connect, lookup_host, loopback};
use crate::io::{Async, current_engine};

/// `IOV_MAX` of Linux. Where it is larger, too little is counted, which does no harm.
const MAX_BUFFERS: usize = 1024;

/// A TCP connection.
///
/// Reads and writes through [`AsyncRead`](futures_io::AsyncRead) and
/// [`AsyncWrite`](futures_io::AsyncWrite), also by reference. Closing shuts down the writing; dropping closes
/// both directions.
///
/// Urgent data (`MSG_OOB`) is not read, and what follows it is. If it is taken out by other means, what follows may be noticed only
/// when more arrives; with the option `SO_OOBINLINE` it is read like everything else.
///
/// # Cancel safety
///
/// A read or write that is dropped while pending has transferred nothing. The combinators of other crates
/// that make several of them (`read_exact`, `write_all`) lose count.
///
/// # Examples
///
/// ```no_run
/// use futures_lite::{AsyncReadExt, AsyncWriteExt};
///
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     let mut stream = heist::net::TcpStream::connect("example.com:80").await?;
///     stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
///     let mut page = Vec::new();
///     stream.read_to_end(&mut page).await?;
///     Ok(())
/// })
/// # }
/// ```
pub struct TcpStream {
    pub(super) io: Async<std::net::TcpStream>,
}

socket!(TcpStream, std::net::TcpStream);
stream!(TcpStream);

impl AsyncRead for &TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let room = buf.len();
        self.io
            .poll_receive(cx, room, |mut stream| stream.read(buf))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        // The system takes no more than so many at once: what is counted here has to be used.
        let room = bufs.iter().take(MAX_BUFFERS).map(|buf| buf.len()).sum();
        self.io
            .poll_receive(cx, room, |mut stream| stream.read_vectored(bufs))
    }
}

impl TcpStream {
    /// Connects to the first of the addresses that accepts, trying one after the other.
    ///
    /// There is no time limit but the system's: use [`timeout`](crate::time::timeout).
    ///
    /// # Errors
    ///
    /// The error of the last address, with the system's code; that of the look-up; and if there is no current
    /// runtime, or it has ended.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped, so is the attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// use heist::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = TcpStream::connect(listener.local_addr()?).await?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut refusal = no_address();
        let addrs = lookup_host(addr).await?;
        let engine = current_engine()?;
        for addr in addrs {
            loopback::connecting(&engine, addr);
            match connect::connect(&engine, addr.into()).await {
                Ok(io) => {
                    loopback::connected(&io, addr);
                    return Ok(Self { io });
                }
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// Reads without taking out: the next read gives the same bytes.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(stream: heist::net::TcpStream) -> std::io::Result<()> {
    /// let mut first = [0];
    /// let is_tls = stream.peek(&mut first).await? == 1 && first == [0x16];
    /// # Ok(()) }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read_with(|stream| stream.peek(buf)).await
    }

    /// Reads into memory that need not be initialised. As many bytes of it as were read are so afterwards.
    #[cfg(feature = "hyper")]
    pub(crate) fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        self.io
            .poll_receive(cx, buf.len(), |stream| SockRef::from(stream).recv(buf))
    }
}

pass_on!(TcpStream {
    /// The address of this end.
    fn local_addr() -> SocketAddr, "println!(\"{:?}\", socket.local_addr()?);";

    /// The address of the other end.
    fn peer_addr() -> SocketAddr, "println!(\"{:?}\", socket.peer_addr()?);";

    /// Whether small writes are sent at once (`TCP_NODELAY`) instead of being gathered.
    fn set_nodelay(nodelay: bool) -> (), "socket.set_nodelay(true)?;";

    /// Whether small writes are sent at once.
    fn nodelay() -> bool, "assert!(!socket.nodelay()?);";

    /// Sets the time-to-live of packets sent from this socket, in hops.
    fn set_ttl(ttl: u32) -> (), "socket.set_ttl(64)?;";

    /// The time-to-live of packets sent from this socket, in hops.
    fn ttl() -> u32, "assert!(socket.ttl()? > 0);";
});
