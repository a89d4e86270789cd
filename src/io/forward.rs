//! Implements the traits of futures-io by means of another type's implementation.

/// `AsyncRead for $type`, by what `$inner` gives for a reference to it.
macro_rules! forward_read {
    ($({ <$param:ident> $($bounds:tt)+ })? $type:ty, |$this:ident| $inner:expr) => {
        impl $(<$param>)? ::futures_io::AsyncRead for $type $($($bounds)+)? {
            fn poll_read(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut [u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let $this = &*self;
                let mut inner = $inner;
                ::std::pin::Pin::new(&mut inner).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &mut [::std::io::IoSliceMut<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let $this = &*self;
                let mut inner = $inner;
                ::std::pin::Pin::new(&mut inner).poll_read_vectored(cx, bufs)
            }
        }
    };
}

/// `AsyncWrite for $type`, by what `$inner` gives for a reference to it.
macro_rules! forward_write {
    ($({ <$param:ident> $($bounds:tt)+ })? $type:ty, |$this:ident| $inner:expr) => {
        impl $(<$param>)? ::futures_io::AsyncWrite for $type $($($bounds)+)? {
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let $this = &*self;
                let mut inner = $inner;
                ::std::pin::Pin::new(&mut inner).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                let $this = &*self;
                let mut inner = $inner;
                ::std::pin::Pin::new(&mut inner).poll_write_vectored(cx, bufs)
            }

            fn poll_flush(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let $this = &*self;
                let mut inner = $inner;
                ::std::pin::Pin::new(&mut inner).poll_flush(cx)
            }

            fn poll_close(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                let $this = &*self;
                let mut inner = $inner;
                ::std::pin::Pin::new(&mut inner).poll_close(cx)
            }
        }
    };
}

pub(crate) use {forward_read, forward_write};
