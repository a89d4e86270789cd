//! TCP, UDP and Unix sockets, with the names and meanings of [`std::net`].
//!
//! A socket belongs to the runtime in which it was made. Binding, connecting, [`from_std`](TcpStream::from_std)
//! and the like need a current runtime and give an error without one. Once that runtime has ended, the
//! operations of its sockets give an error that says so.
//!
//! Streams implement [`AsyncRead`](futures_io::AsyncRead) and [`AsyncWrite`](futures_io::AsyncWrite) of
//! futures-io, by value and by reference, so that several tasks can use one stream. Options that have no
//! method here are set through `socket2::SockRef::from(&socket)`.
//!
//! Where both ends of a TCP connection over loopback were made here, by [`connect`](TcpStream::connect) and [`accept`](TcpListener::accept) in
//! one runtime, or those of a pair of Unix streams, whoever writes wakes who waits to read. There a read from a TCP stream that follows a write lets
//! the tasks in line go first, so its first poll may be pending although there is something to read.
//!
//! # Examples
//!
//! ```
//! use futures_lite::{AsyncReadExt, AsyncWriteExt};
//! use heist::net::{TcpListener, TcpStream};
//!
//! # fn main() -> std::io::Result<()> {
//! heist::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     heist::spawn(async move {
//!         let (mut stream, _) = listener.accept().await?;
//!         stream.write_all(b"hello").await?;
//!         stream.close().await
//!     });
//!     let mut stream = TcpStream::connect(addr).await?;
//!     let mut text = String::new();
//!     stream.read_to_string(&mut text).await?;
//!     assert_eq!(text, "hello");
//!     Ok(())
//! })
//! # }
//! ```

#[macro_use]
mod socket;

mod addr;
mod connect;
mod loopback;
mod split;
mod tcp_listener;
mod tcp_stream;
mod udp;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod unix_listener;
#[cfg(unix)]
mod unix_stream;

pub use addr::{ToSocketAddrs, lookup_host};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix_datagram::UnixDatagram;
#[cfg(unix)]
pub use unix_listener::UnixListener;
#[cfg(unix)]
pub use unix_stream::UnixStream;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;
