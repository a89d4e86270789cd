//! What the sockets have in common.

/// An example that compiles, with a `socket` of the given type.
macro_rules! example {
    ($type:ident, $example:literal) => {
        concat!(
            "```no_run\n# fn f(socket: heist::net::",
            stringify!($type),
            ") -> std::io::Result<()> {\n",
            $example,
            "\n# Ok(()) }\n```"
        )
    };
}

/// Conversions, and what every socket can do. `$type` has one field, `io: Async<$std>`.
macro_rules! socket {
    ($type:ident, $std:ty) => {
        impl $type {
            /// Takes over a socket of the standard library, and makes it non-blocking.
            ///
            /// # Errors
            ///
            /// If there is no current runtime, or it has ended, or the system refuses.
            ///
            /// # Examples
            ///
            /// ```no_run
            #[doc = concat!("# fn f(socket: ", stringify!($std), ") -> std::io::Result<()> {")]
            #[doc = concat!("let socket = heist::net::", stringify!($type), "::from_std(socket)?;")]
            /// # Ok(()) }
            /// ```
            pub fn from_std(socket: $std) -> ::std::io::Result<Self> {
                Self::adopt(crate::io::current_engine()?, socket)
            }

            /// A socket in the runtime of `engine`.
            pub(super) fn adopt(
                engine: ::std::sync::Arc<crate::scheduler::engine::Engine>,
                socket: $std,
            ) -> ::std::io::Result<Self> {
                socket.set_nonblocking(true)?;
                let io = crate::io::Async::register(engine, socket)?;
                Ok(Self { io })
            }

            /// Hands the socket to the standard library. It stays non-blocking.
            ///
            /// # Errors
            ///
            /// None at present.
            ///
            /// # Examples
            ///
            #[doc = example!($type, "let socket = socket.into_std()?;\nsocket.set_nonblocking(false)?;")]
            pub fn into_std(self) -> ::std::io::Result<$std> {
                self.io.into_inner()
            }

            /// Takes the error that is pending on the socket, if there is one.
            ///
            /// # Errors
            ///
            /// If the system cannot tell.
            ///
            /// # Examples
            ///
            #[doc = example!($type, "assert!(socket.take_error()?.is_none());")]
            pub fn take_error(&self) -> ::std::io::Result<Option<::std::io::Error>> {
                self.io.get_ref().take_error()
            }
        }

        impl TryFrom<$std> for $type {
            type Error = ::std::io::Error;

            /// As `from_std`.
            fn try_from(socket: $std) -> ::std::io::Result<Self> {
                Self::from_std(socket)
            }
        }

        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Debug::fmt(self.io.get_ref(), f)
            }
        }

        #[cfg(unix)]
        impl ::std::os::fd::AsFd for $type {
            fn as_fd(&self) -> ::std::os::fd::BorrowedFd<'_> {
                self.io.get_ref().as_fd()
            }
        }

        #[cfg(unix)]
        impl ::std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> ::std::os::fd::RawFd {
                self.io.get_ref().as_raw_fd()
            }
        }

        #[cfg(windows)]
        impl ::std::os::windows::io::AsSocket for $type {
            fn as_socket(&self) -> ::std::os::windows::io::BorrowedSocket<'_> {
                self.io.get_ref().as_socket()
            }
        }

        #[cfg(windows)]
        impl ::std::os::windows::io::AsRawSocket for $type {
            fn as_raw_socket(&self) -> ::std::os::windows::io::RawSocket {
                self.io.get_ref().as_raw_socket()
            }
        }
    };
}

/// Methods that pass straight on to the standard library's socket, each with its summary and an example.
macro_rules! pass_on {
    ($type:ident { $(
        $(#[$summary:meta])+
        fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty, $example:literal;
    )+ }) => {
        impl $type {$(
            $(#[$summary])+
            ///
            /// # Errors
            ///
            /// If the system refuses.
            ///
            /// # Examples
            ///
            #[doc = example!($type, $example)]
            pub fn $name(&self $(, $arg: $kind)*) -> ::std::io::Result<$result> {
                self.io.get_ref().$name($($arg),*)
            }
        )+}
    };
}

/// What makes a socket a stream: writing, shutting down, splitting, and reading, which `&$type` does.
macro_rules! stream {
    ($type:ident) => {
        pass_on!($type {
            /// Ends reading, writing, or both.
            ///
            /// The peer of a stream whose writing has ended reads what is under way, and then the end.
            fn shutdown(how: ::std::net::Shutdown) -> (), "socket.shutdown(std::net::Shutdown::Write)?;";
        });

        impl $type {
            /// Splits the stream into a half that reads and one that writes, for two tasks to own.
            ///
            /// Dropping the writing half ends the writing. The halves can be
            /// [reunited](crate::net::OwnedReadHalf::reunite).
            ///
            /// # Examples
            ///
            #[doc = example!(
                $type,
                "let (reader, writer) = socket.into_split();\nheist::spawn(futures_lite::io::copy(reader, writer));"
            )]
            pub fn into_split(
                self,
            ) -> (
                crate::net::OwnedReadHalf<Self>,
                crate::net::OwnedWriteHalf<Self>,
            ) {
                crate::net::split::split(self)
            }
        }

        impl crate::net::split::Stream for $type {
            fn shutdown_write(&self) -> ::std::io::Result<()> {
                match self.shutdown(::std::net::Shutdown::Write) {
                    // The peer is gone: there is nothing to end.
                    Err(error) if error.kind() == ::std::io::ErrorKind::NotConnected => Ok(()),
                    result => result,
                }
            }
        }

        crate::io::forward::forward_read!($type, |this| this);
        crate::io::forward::forward_write!($type, |this| this);

        impl ::futures_io::AsyncWrite for &$type {
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                self.io.poll_send(cx, |mut io| ::std::io::Write::write(&mut io, buf))
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                self.io.poll_send(cx, |mut io| ::std::io::Write::write_vectored(&mut io, bufs))
            }

            fn poll_flush(
                self: ::std::pin::Pin<&mut Self>,
                _: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                // Nothing is kept back on this side of the system call.
                ::std::task::Poll::Ready(Ok(()))
            }

            fn poll_close(
                self: ::std::pin::Pin<&mut Self>,
                _: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::std::task::Poll::Ready(crate::net::split::Stream::shutdown_write(*self))
            }
        }
    };
}
