//! A source and its registration with the reactor.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;

use super::pollable::{Pollable, raw};
use super::{ReadWith, Readable, Writable, WriteWith, current_engine, runtime_ended};
use crate::reactor::Reactor;
use crate::reactor::poller::RawSource;
use crate::reactor::readiness::Direction;
use crate::reactor::source::Source;
use crate::reactor::waiters::Ticket;
use crate::scheduler::context;
use crate::scheduler::engine::Engine;

/// A source whose operations wait without blocking the thread.
///
/// Takes anything that the system's poller can watch: sockets, pipes, pseudo-terminals, and on Linux also
/// `eventfd`, `timerfd`, `inotify` and the like. Not regular files: they are always ready as far as the system
/// is concerned (use [`spawn_blocking`](crate::spawn_blocking) for them).
///
/// An operation is first tried, and waits only if it would block. Several tasks may wait at once, by
/// reference, also for the same direction; an event wakes all of them.
///
/// If `&T` implements [`Read`](io::Read) or [`Write`](io::Write), then `Async<T>` and `&Async<T>` implement
/// [`AsyncRead`](futures_io::AsyncRead) or [`AsyncWrite`](futures_io::AsyncWrite). Closing flushes, and nothing more.
///
/// A source belongs to the runtime in which it was made. It may be used from elsewhere for as long as
/// that runtime lives; afterwards all operations give an error that says so. Dropping it deregisters it.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)] {
/// use heist::io::Async;
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// heist::run(async {
///     let (a, b) = UnixStream::pair()?;
///     let (a, b) = (Async::new(a)?, Async::new(b)?);
///     a.write_with(|mut a| a.write(b"hello")).await?;
///     let mut buf = [0; 8];
///     let n = b.read_with(|mut b| b.read(&mut buf)).await?;
///     assert_eq!(&buf[..n], b"hello");
///     std::io::Result::Ok(())
/// })
/// # .unwrap() }
/// ```
pub struct Async<T> {
    // Before `io`: dropped first, so that the source is open when it is deregistered.
    registration: Registration,
    io: T,
}

/// A source's place in the reactor of its runtime, given back when dropped.
struct Registration {
    engine: Arc<Engine>,
    source: Arc<Source>,
}

impl Registration {
    fn reactor(&self) -> io::Result<&Reactor> {
        self.engine.reactor()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Ok(reactor) = self.reactor() {
            reactor.deregister(&self.source);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Async").field(&self.io).finish()
    }
}

impl<T: Pollable> Async<T> {
    /// Makes `io` non-blocking and registers it with the current runtime.
    ///
    /// The descriptor that `io` lends must stay the same one.
    ///
    /// # Errors
    ///
    /// If there is no current runtime, or it has ended; if the system cannot make the source non-blocking or
    /// cannot watch it (on Linux: `EPERM` for regular files, `EEXIST` for one that is registered already).
    ///
    /// # Examples
    ///
    /// ```
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let error = heist::io::Async::new(listener).unwrap_err();
    /// assert!(error.to_string().contains("no heist runtime"));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new(io: T) -> io::Result<Self> {
        let engine = current_engine()?;
        SockRef::from(&io).set_nonblocking(true)?;
        Self::register(engine, io)
    }

    /// As [`Async::new`], for a source that is non-blocking already.
    pub(crate) fn register(engine: Arc<Engine>, io: T) -> io::Result<Self> {
        let raw: RawSource = raw(&io);
        // SAFETY: the descriptor must be open: `io` lends it. It must stay open until it is deregistered: `io`
        // owns it, or something that does, and is moved into the `Async`, which lends it by shared reference
        // only and drops it or hands it out after `registration`, whose drop deregisters.
        let source = unsafe { engine.reactor()?.register(raw) }?;
        let registration = Registration { engine, source };
        // After registering: the end of the runtime closes all sources registered before it.
        if registration.engine.is_closed() {
            return Err(runtime_ended());
        }
        registration.engine.source_added();
        Ok(Self { registration, io })
    }
}

impl<T> Async<T> {
    /// The source itself. Its operations give [`WouldBlock`](io::ErrorKind::WouldBlock) where they would
    /// otherwise block.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let udp = heist::io::Async::new(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    /// assert!(udp.get_ref().local_addr()?.port() > 0);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Deregisters the source and hands it back. It stays non-blocking.
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let udp = heist::io::Async::new(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    /// let udp = udp.into_inner()?;
    /// udp.set_nonblocking(false)?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn into_inner(self) -> io::Result<T> {
        let Self { registration, io } = self;
        drop(registration);
        Ok(io)
    }

    /// The source's place in the reactor.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.registration.source
    }

    /// The runtime that the source belongs to.
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.registration.engine
    }

    /// Waits until there is something to read.
    ///
    /// The system is asked anew each time, so the answer holds for any operation on
    /// [`get_ref`](Async::get_ref). Still that operation may find that it would block, because another task
    /// came first. Where the operation can be given as a closure, [`read_with`](Async::read_with) is cheaper.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// use std::net::UdpSocket;
    ///
    /// let receiver = heist::io::Async::new(UdpSocket::bind("127.0.0.1:0")?)?;
    /// let sender = UdpSocket::bind("127.0.0.1:0")?;
    /// sender.send_to(b"hello", receiver.get_ref().local_addr()?)?;
    /// receiver.readable().await?;
    /// let mut buf = [0; 8];
    /// assert_eq!(receiver.get_ref().recv(&mut buf)?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn readable(&self) -> Readable<'_, T> {
        Readable::new(self)
    }

    /// Waits until there is room to write.
    ///
    /// As [`readable`](Async::readable), for the other direction.
    ///
    /// # Errors
    ///
    /// If the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// let udp = heist::io::Async::new(std::net::UdpSocket::bind("127.0.0.1:0")?)?;
    /// udp.writable().await?;
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn writable(&self) -> Writable<'_, T> {
        Writable::new(self)
    }

    /// Runs `op`, a reading operation, until it does not give [`WouldBlock`](io::ErrorKind::WouldBlock), and
    /// waits for something to read after each time that it does.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped while it waits, the last `op` gave `WouldBlock`: if that means that it did
    /// nothing, as it does for system calls, then nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// let listener = heist::io::Async::new(TcpListener::bind("127.0.0.1:0")?)?;
    /// let client = TcpStream::connect(listener.get_ref().local_addr()?)?;
    /// let (_stream, peer) = listener.read_with(|listener| listener.accept()).await?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn read_with<F, R>(&self, op: F) -> ReadWith<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        ReadWith::new(self, op)
    }

    /// Runs `op`, a writing operation, until it does not give [`WouldBlock`](io::ErrorKind::WouldBlock), and
    /// waits for room to write after each time that it does.
    ///
    /// # Errors
    ///
    /// Those of `op`, and if the runtime has ended.
    ///
    /// # Cancel safety
    ///
    /// As [`read_with`](Async::read_with).
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// use std::net::UdpSocket;
    ///
    /// let udp = heist::io::Async::new(UdpSocket::bind("127.0.0.1:0")?)?;
    /// let to = udp.get_ref().local_addr()?;
    /// assert_eq!(udp.write_with(|udp| udp.send_to(b"hello", to)).await?, 5);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn write_with<F, R>(&self, op: F) -> WriteWith<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        WriteWith::new(self, op)
    }

    /// [`Async::read_with`] for the `poll_…` functions of traits.
    pub(crate) fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(Direction::Read, cx, None, op, |_| false)
    }

    /// [`Async::write_with`] for the `poll_…` functions of traits.
    pub(crate) fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_with(Direction::Write, cx, None, op, |_| false)
    }

    /// Tries `op` until it does not block, or registers the task and gives `Pending`. `drains` says whether a result means
    /// that the next read would block.
    pub(super) fn poll_with<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut ticket: Option<&mut Ticket>,
        mut op: impl FnMut(&T) -> io::Result<R>,
        drains: impl FnOnce(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        ready!(context::poll_budget(cx));
        let source = &self.registration.source;
        loop {
            let Poll::Ready(seen) = source
                .readiness()
                .poll(direction, cx, ticket.as_deref_mut())
            else {
                self.registration.reactor()?.arm(source, direction)?;
                return Poll::Pending;
            };
            if seen.is_closed() {
                return Poll::Ready(Err(runtime_ended()));
            }
            match op(&self.io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    source.readiness().clear(direction, seen);
                }
                result => {
                    if result.as_ref().is_ok_and(drains) {
                        source.readiness().drained(seen);
                    }
                    return Poll::Ready(result);
                }
            }
        }
    }

    /// Waits for an event, whatever is known so far if `anew`.
    pub(super) fn poll_ready(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        ticket: &mut Ticket,
        anew: bool,
    ) -> Poll<io::Result<()>> {
        if anew {
            let source = &self.registration.source;
            self.registration.reactor()?.ask_anew(source, direction)?;
        }
        self.poll_with(direction, cx, Some(ticket), |_| Ok(()), |()| false)
    }

    /// A future of this source waits no longer.
    pub(super) fn leave(&self, direction: Direction, ticket: &mut Ticket) {
        self.registration
            .source
            .readiness()
            .leave(direction, ticket);
    }
}
