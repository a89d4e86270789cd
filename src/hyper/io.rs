//! Streams for hyper.

use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::ReadBufCursor;
use pin_project_lite::pin_project;

use crate::net::TcpStream;

pin_project! {
    /// A stream with the traits of futures-io, as hyper wants it.
    ///
    /// The stream must own what it consists of (`T: 'static`). A [`TcpStream`] is read into memory that was not cleared before,
    /// and written to from several buffers at once.
    ///
    /// # Cancel safety
    ///
    /// That of the stream: those of [`heist::net`](crate::net) lose nothing.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// let stream = heist::net::TcpStream::connect("example.com:80").await?;
    /// let (sender, connection) =
    ///     hyper::client::conn::http1::handshake(heist::hyper::Io::new(stream)).await?;
    /// heist::spawn(connection);
    /// # let _: hyper::client::conn::http1::SendRequest<String> = sender;
    /// # Ok(()) }
    /// ```
    #[derive(Debug)]
    pub struct Io<T> {
        #[pin]
        inner: T,
    }
}

impl<T> Io<T> {
    /// Wraps `inner`.
    pub const fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The stream.
    pub const fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream, to be changed.
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Hands the stream back. Nothing is buffered here.
    ///
    /// # Examples
    ///
    /// The stream of a connection that talks something else than HTTP from now on:
    ///
    /// ```
    /// use heist::{hyper::Io, net::TcpStream};
    ///
    /// async fn stream_of(response: hyper::Response<hyper::body::Incoming>) -> hyper::Result<TcpStream> {
    ///     let upgraded = hyper::upgrade::on(response).await?;
    ///     let parts = upgraded.downcast::<Io<TcpStream>>().expect("the stream that hyper was given");
    ///     // hyper may have read on: `parts.read_buf` comes before what the stream gives.
    ///     Ok(parts.io.into_inner())
    /// }
    /// ```
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// `inner`, if it is one of heist's own TCP streams: they need no initialised buffer, and write several at once.
fn own<T: 'static>(inner: &T) -> Option<&TcpStream> {
    (inner as &dyn Any).downcast_ref()
}

impl<T: AsyncRead + 'static> hyper::rt::Read for Io<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let inner = self.project().inner;
        if let Some(stream) = own(&*inner) {
            // SAFETY: the bytes that were initialised may not be made uninitialised: the stream writes to them, or
            // leaves them alone.
            let room = unsafe { buf.as_mut() };
            let n = ready!(stream.poll_recv(cx, room))?;
            // SAFETY: the first `n` bytes must be initialised: the stream has written them.
            unsafe { buf.advance(n) };
            return Poll::Ready(Ok(()));
        }
        let n = ready!(inner.poll_read(cx, buf.initialize_unfilled()))?;
        assert!(
            n <= buf.remaining(),
            "a stream says that it has read more than there was room for"
        );
        // SAFETY: the first `n` bytes must be initialised: all of the room is, and they are within it.
        unsafe { buf.advance(n) };
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + 'static> hyper::rt::Write for Io<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_close(cx)
    }

    fn is_write_vectored(&self) -> bool {
        own(&self.inner).is_some()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }
}
