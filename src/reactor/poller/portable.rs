//! `polling`, on whatever it runs.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use polling::{Event, PollMode};

use super::{Borrowed, RawSource, Until};
use crate::reactor::readiness::{Direction, Ready};

/// What a wait needs from the one before: the room for its events.
pub(in crate::reactor) type Memory = polling::Events;

pub(in crate::reactor) struct Poller {
    inner: polling::Poller,
    mode: PollMode,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("mode", &self.mode).finish()
    }
}

impl Poller {
    /// What is known of a source before its first event: this poller does not report the ends of streams.
    pub(in crate::reactor) const AT_FIRST: Ready = Ready::BOTH.with(Ready::MORE);

    pub(in crate::reactor) fn new() -> io::Result<Self> {
        let inner = polling::Poller::new()?;
        let mode = if inner.supports_edge() {
            PollMode::Edge
        } else {
            PollMode::Oneshot
        };
        Ok(Self { inner, mode })
    }

    pub(in crate::reactor) fn is_edge(&self) -> bool {
        self.mode == PollMode::Edge
    }

    /// Registers `raw`: for everything in edge mode, for nothing yet in oneshot mode.
    ///
    /// # Safety
    ///
    /// `raw` is open, and stays open until [`Poller::delete`] was called for it.
    pub(in crate::reactor) unsafe fn add(&self, raw: RawSource, key: usize) -> io::Result<()> {
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
    pub(in crate::reactor) unsafe fn arm(
        &self,
        raw: RawSource,
        key: usize,
        interest: Ready,
    ) -> io::Result<()> {
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
    pub(in crate::reactor) unsafe fn delete(&self, raw: RawSource) -> io::Result<()> {
        // SAFETY: `raw` must be open for as long as it is borrowed: until this call returns, as the caller
        // promises.
        let source = unsafe { Borrowed::borrow_raw(raw) };
        self.inner.delete(source)
    }

    /// Waits for events, a notification or the end of the time, and reports the events: of which source, in which
    /// direction. `polling` goes on waiting after an interruption by a signal.
    pub(in crate::reactor) fn wait(
        &self,
        memory: &mut Memory,
        until: Until,
        mut report: impl FnMut(usize, Ready),
    ) -> io::Result<()> {
        let timeout = match until {
            Until::Now => Some(Duration::ZERO),
            Until::Deadline(at) => Some(at.saturating_duration_since(Instant::now())),
            Until::Forever => None,
        };
        memory.clear();
        self.inner.wait(memory, timeout)?;
        for event in memory.iter() {
            let ready = Ready::new(event.readable, event.writable);
            report(event.key, ready.with(Ready::MORE));
        }
        Ok(())
    }

    pub(in crate::reactor) fn notify(&self) -> io::Result<()> {
        self.inner.notify()
    }
}
