//! UDP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::addr::no_address;
use super::{ToSocketAddrs, lookup_host};
use crate::io::{Async, current_engine};

/// A UDP socket.
///
/// Several tasks may send and receive by reference. A datagram that is longer than the buffer is cut off.
///
/// # Cancel safety
///
/// All its futures: no datagram is lost or sent when one is dropped while pending.
///
/// # Examples
///
/// ```
/// use heist::net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// heist::run(async {
///     let a = UdpSocket::bind("127.0.0.1:0").await?;
///     let b = UdpSocket::bind("127.0.0.1:0").await?;
///     a.send_to(b"hello", b.local_addr()?).await?;
///     let mut buf = [0; 16];
///     let (n, from) = b.recv_from(&mut buf).await?;
///     assert_eq!((&buf[..n], from), (&b"hello"[..], a.local_addr()?));
///     Ok(())
/// })
/// # }
/// ```
pub struct UdpSocket {
    io: Async<std::net::UdpSocket>,
}

socket!(UdpSocket, std::net::UdpSocket);

impl UdpSocket {
    /// A socket bound to the first of the addresses that can be bound.
    ///
    /// # Errors
    ///
    /// The error of the last address, with the system's code; that of the look-up; and if there is no current
    /// runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let socket = heist::net::UdpSocket::bind("127.0.0.1:0").await?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let mut refusal = no_address();
        for addr in lookup_host(addr).await? {
            match std::net::UdpSocket::bind(addr) {
                Ok(socket) => return Self::adopt(current_engine()?, socket),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// Fixes the peer, to the first of the addresses that the system takes: [`send`](UdpSocket::send) sends to
    /// it, and only its datagrams are received.
    ///
    /// # Errors
    ///
    /// The error of the last address, with the system's code, and that of the look-up.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// # use heist::net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await?;
    /// let client = UdpSocket::bind("127.0.0.1:0").await?;
    /// client.connect(server.local_addr()?).await?;
    /// assert_eq!(client.send(b"hello").await?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        let mut refusal = no_address();
        for addr in lookup_host(addr).await? {
            match self.io.get_ref().connect(addr) {
                Ok(()) => return Ok(()),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    /// Sends a datagram to the peer fixed by [`connect`](UdpSocket::connect). Gives its length.
    ///
    /// # Errors
    ///
    /// Those of the system (among them the refusal of an earlier datagram by the peer), and if the runtime has
    /// ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UdpSocket) -> std::io::Result<()> {
    /// socket.connect("127.0.0.1:5353").await?;
    /// socket.send(b"hello").await?;
    /// # Ok(()) }
    /// ```
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.write_with(|socket| socket.send(buf)).await
    }

    /// Sends a datagram to `addr`: to the first address, if there are several. Gives its length.
    ///
    /// # Errors
    ///
    /// Those of the look-up and of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UdpSocket) -> std::io::Result<()> {
    /// socket.send_to(b"hello", "127.0.0.1:5353").await?;
    /// # Ok(()) }
    /// ```
    pub async fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> io::Result<usize> {
        let addr = lookup_host(addr).await?.next().ok_or_else(no_address)?;
        self.io.write_with(|socket| socket.send_to(buf, addr)).await
    }

    /// Receives a datagram from the peer fixed by [`connect`](UdpSocket::connect). Gives its length.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UdpSocket) -> std::io::Result<()> {
    /// let mut buf = [0; 1500];
    /// let n = socket.recv(&mut buf).await?;
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
    /// # async fn f(socket: heist::net::UdpSocket) -> std::io::Result<()> {
    /// let mut buf = [0; 1500];
    /// let (n, from) = socket.recv_from(&mut buf).await?;
    /// socket.send_to(&buf[..n], from).await?;
    /// # Ok(()) }
    /// ```
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.read_with(|socket| socket.recv_from(buf)).await
    }

    /// As [`recv`](UdpSocket::recv), but the datagram stays in the queue.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UdpSocket) -> std::io::Result<()> {
    /// let n = socket.peek(&mut [0; 16]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read_with(|socket| socket.peek(buf)).await
    }

    /// As [`recv_from`](UdpSocket::recv_from), but the datagram stays in the queue.
    ///
    /// # Errors
    ///
    /// Those of the system, and if the runtime has ended.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f(socket: heist::net::UdpSocket) -> std::io::Result<()> {
    /// let (_, sender) = socket.peek_from(&mut [0; 16]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.read_with(|socket| socket.peek_from(buf)).await
    }
}

pass_on!(UdpSocket {
    /// The address that the socket is bound to.
    fn local_addr() -> SocketAddr, "println!(\"{:?}\", socket.local_addr()?);";
    /// The peer fixed by [`connect`](UdpSocket::connect).
    fn peer_addr() -> SocketAddr, "println!(\"{:?}\", socket.peer_addr()?);";
    /// Allows or forbids sending to broadcast addresses.
    fn set_broadcast(broadcast: bool) -> (), "socket.set_broadcast(true)?;";
    /// Whether sending to broadcast addresses is allowed.
    fn broadcast() -> bool, "assert!(!socket.broadcast()?);";
    /// Sets the time-to-live of datagrams sent from this socket, in hops.
    fn set_ttl(ttl: u32) -> (), "socket.set_ttl(64)?;";
    /// The time-to-live of datagrams sent from this socket, in hops.
    fn ttl() -> u32, "assert!(socket.ttl()? > 0);";
    /// Whether multicast datagrams (IPv4) come back to the sender's own machine.
    fn set_multicast_loop_v4(enabled: bool) -> (), "socket.set_multicast_loop_v4(false)?;";
    /// Whether multicast datagrams (IPv4) come back to the sender's own machine.
    fn multicast_loop_v4() -> bool, "assert!(socket.multicast_loop_v4()?);";
    /// Whether multicast datagrams (IPv6) come back to the sender's own machine.
    fn set_multicast_loop_v6(enabled: bool) -> (), "socket.set_multicast_loop_v6(false)?;";
    /// Whether multicast datagrams (IPv6) come back to the sender's own machine.
    fn multicast_loop_v6() -> bool, "assert!(socket.multicast_loop_v6()?);";
    /// Sets the time-to-live of multicast datagrams (IPv4), in hops.
    fn set_multicast_ttl_v4(ttl: u32) -> (), "socket.set_multicast_ttl_v4(4)?;";
    /// The time-to-live of multicast datagrams (IPv4), in hops.
    fn multicast_ttl_v4() -> u32, "assert_eq!(socket.multicast_ttl_v4()?, 1);";
    /// Joins a multicast group at the given interface.
    fn join_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> (), "socket.join_multicast_v4(&[224, 0, 0, 251].into(), &[0, 0, 0, 0].into())?;";
    /// Leaves a multicast group.
    fn leave_multicast_v4(group: &Ipv4Addr, interface: &Ipv4Addr) -> (), "socket.leave_multicast_v4(&[224, 0, 0, 251].into(), &[0, 0, 0, 0].into())?;";
    /// Joins a multicast group at the interface of the given index.
    fn join_multicast_v6(group: &Ipv6Addr, interface: u32) -> (), "socket.join_multicast_v6(&\"ff02::fb\".parse().unwrap(), 0)?;";
    /// Leaves a multicast group.
    fn leave_multicast_v6(group: &Ipv6Addr, interface: u32) -> (), "socket.leave_multicast_v6(&\"ff02::fb\".parse().unwrap(), 0)?;";
});
