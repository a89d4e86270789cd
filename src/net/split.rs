//! Owned halves of a stream.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};

use super::TcpStream;
use crate::io::forward::{forward_read, forward_write};

/// A stream that can be split.
pub(super) trait Stream {
    /// Ends the writing, if the peer is still there.
    fn shutdown_write(&self) -> io::Result<()>;
}

pub(super) fn split<S: Stream>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    let reader = OwnedReadHalf {
        stream: Arc::clone(&stream),
    };
    let writer = OwnedWriteHalf {
        stream,
        shutdown: |stream| stream.shutdown_write(),
    };
    (reader, writer)
}

/// The reading half of a stream, made by [`TcpStream::into_split`] or `UnixStream::into_split`.
#[derive(Debug)]
pub struct OwnedReadHalf<S = TcpStream> {
    stream: Arc<S>,
}

/// The writing half of a stream, made by [`TcpStream::into_split`] or `UnixStream::into_split`.
///
/// Dropping it ends the writing, so that the peer reads the end of the stream.
pub struct OwnedWriteHalf<S = TcpStream> {
    stream: Arc<S>,
    /// What dropping does: ends the writing, unless the half is used up in some other way.
    shutdown: fn(&S) -> io::Result<()>,
}

impl<S> OwnedReadHalf<S> {
    /// Puts the two halves of a stream together again.
    ///
    /// # Errors
    ///
    /// If they are halves of different streams; they come back in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// # heist::run(async {
    /// # let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let stream = heist::net::TcpStream::connect(listener.local_addr()?).await?;
    /// let (reader, writer) = stream.into_split();
    /// let stream = reader.reunite(writer).unwrap();
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # std::io::Result::Ok(()) }).unwrap();
    /// ```
    pub fn reunite(self, mut writer: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.stream, &writer.stream) {
            return Err(ReuniteError(self, writer));
        }
        writer.shutdown = |_| Ok(());
        drop(writer);
        Ok(Arc::into_inner(self.stream).expect("a stream has two halves"))
    }

    /// The whole stream, for its addresses and options.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn f(stream: heist::net::TcpStream) -> std::io::Result<()> {
    /// let (reader, _writer) = stream.into_split();
    /// println!("reading from {}", reader.stream().peer_addr()?);
    /// # Ok(()) }
    /// ```
    pub fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S> OwnedWriteHalf<S> {
    /// The whole stream, for its addresses and options.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn f(stream: heist::net::TcpStream) -> std::io::Result<()> {
    /// let (_reader, writer) = stream.into_split();
    /// writer.stream().set_nodelay(true)?;
    /// # Ok(()) }
    /// ```
    pub fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        // An error means that the stream has ended in some other way.
        let _ = (self.shutdown)(&self.stream);
    }
}

impl<S: fmt::Debug> fmt::Debug for OwnedWriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedWriteHalf")
            .field("stream", &self.stream)
            .finish()
    }
}

forward_read!({ <S> where for<'a> &'a S: AsyncRead + Unpin } OwnedReadHalf<S>, |this| &*this.stream);
forward_write!({ <S> where for<'a> &'a S: AsyncWrite + Unpin } OwnedWriteHalf<S>, |this| &*this.stream);

/// The halves given to [`OwnedReadHalf::reunite`] belong to different streams. Here they are.
pub struct ReuniteError<S = TcpStream>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").finish_non_exhaustive()
    }
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the two halves belong to different streams")
    }
}

impl<S> Error for ReuniteError<S> {}
