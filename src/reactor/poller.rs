//! The system's poller, and the platform differences that show.
//!
//! - Edge mode (epoll, kqueue): a source is registered once, for both directions, and each change is
//!   reported once.
//! - Oneshot mode (IOCP, event ports, poll): a source is registered for nothing. [`Poller::arm`] asks for
//!   one report; that report disarms both directions.
//!
//! `portable` is `polling` as it is. On Linux `epoll` goes past it where that saves system calls, and reports
//! when a [short read](super::readiness::Ready::MORE) means that nothing is left.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod portable;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use epoll::{Memory, Poller};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use portable::{Memory, Poller};

/// What the system knows a source by.
#[cfg(unix)]
pub(crate) type RawSource = std::os::fd::RawFd;
/// What the system knows a source by.
#[cfg(windows)]
pub(crate) type RawSource = std::os::windows::io::RawSocket;

#[cfg(unix)]
type Borrowed<'a> = std::os::fd::BorrowedFd<'a>;
#[cfg(windows)]
type Borrowed<'a> = std::os::windows::io::BorrowedSocket<'a>;

/// How long a wait lasts, if nothing happens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// Not at all: a look.
    Now,
    Deadline(std::time::Instant),
    Forever,
}
