//! The system's poller, behind the `polling` crate, and the one platform difference that shows: whether it
//! can report edges.
//!
//! - Edge mode (epoll, kqueue): a source is registered once, for both directions, and each change is
//!   reported once.
//! - Oneshot mode (IOCP, event ports, poll): a source is registered for nothing. [`Poller::arm`] asks for
//!   one report; that report disarms both directions.

use std::fmt;
use std::io;
use std::time::Duration;

use polling::{Event, Events, PollMode};

use super::readiness::{Direction, Ready};

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

pub(super) struct Poller {
    inner: polling::Poller,
    mode: PollMode,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("mode", &self.mode).finish()
    }
}

impl Poller {
    pub(super) fn new() -> io::Result<Self> {
        let inner = polling::Poller::new()?;
        let mode = if inner.supports_edge() {
            PollMode::Edge
        } else {
            PollMode::Oneshot
        };
        Ok(Self { inner, mode })
    }

    pub(super) fn is_edge(&self) -> bool {
        self.mode == PollMode::Edge
    }

    /// Registers `raw`: for everything in edge mode, for nothing yet in oneshot mode.
    ///
    /// # Safety
    ///
    /// `raw` is open, and stays open until [`Poller::delete`] was called for it.
    pub(super) unsafe fn add(&self, raw: RawSource, key: usize) -> io::Result<()> {
        let interest = if self.is_edge() {
            Event::all(key)
        } else {
            Event::none(key)
        };
        // SAFETY: the source must be deleted from the poller before it is closed, which the caller promises.
        unsafe { self.inner.add_with_mode(raw, interest, self.mode) }
    }

    /// Oneshot mode: asks for one report about any of `interest`. Edge mode: asks for the present state of
    /// both directions to be reported once more.
    ///
    /// # Safety
    ///
    /// `raw` is open during the call.
    pub(super) unsafe fn arm(&self, raw: RawSource, key: usize, interest: Ready) -> io::Result<()> {
        let interest = if self.is_edge() {
            Event::all(key)
        } else {
            Event::new(
                key,
                interest.contains(Direction::Read.into()),
                interest.contains(Direction::Write.into()),
            )
        };
        // SAFETY: `raw` must be open for as long as it is borrowed: until this call returns, as the caller
        // promises.
        let source = unsafe { Borrowed::borrow_raw(raw) };
        self.inner.modify_with_mode(source, interest, self.mode)
    }

    /// Ends what [`Poller::add`] began.
    ///
    /// # Safety
    ///
    /// `raw` is open during the call.
    pub(super) unsafe fn delete(&self, raw: RawSource) -> io::Result<()> {
        // SAFETY: `raw` must be open for as long as it is borrowed: until this call returns, as the caller
        // promises.
        let source = unsafe { Borrowed::borrow_raw(raw) };
        self.inner.delete(source)
    }

    /// Waits for events, a notification or the timeout. `polling` rounds no timeout up to milliseconds, and
    /// goes on waiting after an interruption by a signal.
    pub(super) fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        self.inner.wait(events, timeout).map(drop)
    }

    pub(super) fn notify(&self) -> io::Result<()> {
        self.inner.notify()
    }
}
