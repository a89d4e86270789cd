//! What the system can watch, on each kind of platform.

#[cfg(unix)]
mod sys {
    use std::os::fd::{AsFd, AsRawFd, RawFd};

    /// A source that the system can watch: anything that lends its descriptor.
    ///
    /// Implemented for every type that is `AsFd`.
    pub trait Pollable: AsFd {}

    impl<T: AsFd> Pollable for T {}

    pub(crate) fn raw(source: &impl Pollable) -> RawFd {
        source.as_fd().as_raw_fd()
    }
}

#[cfg(windows)]
mod sys {
    use std::os::windows::io::{AsRawSocket, AsSocket, RawSocket};

    /// A source that the system can watch: anything that lends its socket.
    ///
    /// Implemented for every type that is `AsSocket`.
    pub trait Pollable: AsSocket {}

    impl<T: AsSocket> Pollable for T {}

    pub(crate) fn raw(source: &impl Pollable) -> RawSocket {
        source.as_socket().as_raw_socket()
    }
}

pub use sys::Pollable;
pub(super) use sys::raw;
