//! `polling` on Linux, with four things done beside it.
//!
//! - **Registration** asks for two more reports: that the peer has ended its side (`EPOLLRDHUP`), and urgent data
//!   (`EPOLLPRI`). A read that brings less than it had room for has then emptied the socket, unless one of these
//!   was reported: so the read that would only say "would block" is saved. (The kernel says nothing of urgent data that was
//!   taken out, although reads stop where it was.)
//! - **The wait** is one system call. `polling`'s sets its timer, re-arms the timer and its notifier, and clears
//!   that, each time.
//! - **Deadlines** are kept in a timer descriptor of our own. It is set only for a deadline before the one that it is set
//!   to: time limits that are put off again and again, as servers have them, cost a wait too many now and then and
//!   no system call each. The timeout of the call itself is in milliseconds, or subject to the thread's timer slack.
//! - **Notification** is an event descriptor of our own, written to and never read: in edge mode each write is reported once.
//!   With two workers, one of them mostly sleeps here, and is called by it. `polling`'s has to be read and armed
//!   anew each time.
//!
//! `polling` has the epoll descriptor. Its own notifier and timer stay unused.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::{Borrowed, RawSource, Until};
use crate::reactor::readiness::Ready;

/// The keys of the timer and of the notifier. No source has them, and `polling`'s own notifier has `usize::MAX`.
const TIMER: u64 = usize::MAX as u64 - 1;
const NOTIFIED: u64 = TIMER - 1;

/// How many events one wait can bring. The others come with the next.
const ROOM: usize = 256;

/// What is watched of every source. Errors and hang-ups are reported without being asked for.
fn interest() -> epoll::EventFlags {
    use epoll::EventFlags as Flags;
    Flags::IN | Flags::OUT | Flags::RDHUP | Flags::PRI | Flags::ET
}

pub(in crate::reactor) struct Poller {
    inner: polling::Poller,
    timer: OwnedFd,
    notifier: OwnedFd,
}

/// What a wait needs from the one before.
pub(in crate::reactor) struct Memory {
    /// What the timer is set to.
    deadline: Option<Instant>,
}

impl Memory {
    pub(in crate::reactor) fn new() -> Self {
        Self { deadline: None }
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").finish_non_exhaustive()
    }
}

impl Poller {
    /// What is known of a source before its first event.
    pub(in crate::reactor) const AT_FIRST: Ready = Ready::BOTH;

    pub(in crate::reactor) fn new() -> io::Result<Self> {
        let inner = polling::Poller::new()?;
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        let notifier = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Neither is ever read: in edge mode each expiry and each write is reported once all the same.
        for (own, key) in [(&timer, TIMER), (&notifier, NOTIFIED)] {
            let data = epoll::EventData::new_u64(key);
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(inner.as_fd(), own, data, flags)?;
        }
        Ok(Self {
            inner,
            timer,
            notifier,
        })
    }

    pub(in crate::reactor) fn is_edge(&self) -> bool {
        true
    }

    /// Registers `raw` for everything.
    ///
    /// # Safety
    ///
    /// `raw` is open, and stays open until [`Poller::delete`] was called for it.
    pub(in crate::reactor) unsafe fn add(&self, raw: RawSource, key: usize) -> io::Result<()> {
        // SAFETY: `raw` must be open for as long as it is borrowed: until this call returns, as the caller
        // promises.
        let source = unsafe { Borrowed::borrow_raw(raw) };
        let data = epoll::EventData::new_u64(key as u64);
        Ok(epoll::add(self.inner.as_fd(), source, data, interest())?)
    }

    /// Asks for the present state of both directions to be reported once more.
    ///
    /// # Safety
    ///
    /// `raw` is open during the call.
    pub(in crate::reactor) unsafe fn arm(
        &self,
        raw: RawSource,
        key: usize,
        _: Ready,
    ) -> io::Result<()> {
        // SAFETY: as in `add`.
        let source = unsafe { Borrowed::borrow_raw(raw) };
        let data = epoll::EventData::new_u64(key as u64);
        Ok(epoll::modify(self.inner.as_fd(), source, data, interest())?)
    }

    /// Ends what [`Poller::add`] began.
    ///
    /// # Safety
    ///
    /// `raw` is open during the call.
    pub(in crate::reactor) unsafe fn delete(&self, raw: RawSource) -> io::Result<()> {
        // SAFETY: as in `add`.
        let source = unsafe { Borrowed::borrow_raw(raw) };
        Ok(epoll::delete(self.inner.as_fd(), source)?)
    }

    /// Waits for events, a notification or the end of the time, and reports the events: of which source, in which
    /// direction. It may return early, with nothing: at a deadline that was given up, or at a signal.
    pub(in crate::reactor) fn wait(
        &self,
        memory: &mut Memory,
        until: Until,
        mut report: impl FnMut(usize, Ready),
    ) -> io::Result<()> {
        let timeout = self.timeout(memory, until)?;
        let mut room = [const { MaybeUninit::uninit() }; ROOM];
        let events = match epoll::wait(self.inner.as_fd(), &mut room, timeout.as_ref()) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events {
            match event.data.u64() {
                // To be set again, whatever the clock says.
                TIMER => memory.deadline = None,
                NOTIFIED => {}
                key => report(key as usize, ready(event.flags)),
            }
        }
        Ok(())
    }

    /// The timeout of the call. A deadline is left to the timer, which is set if need be.
    fn timeout(&self, memory: &mut Memory, until: Until) -> io::Result<Option<Timespec>> {
        let at = match until {
            Until::Now => return Ok(Some(Timespec::default())),
            Until::Forever => return Ok(None),
            Until::Deadline(at) => at,
        };
        // When it goes off, that is reported, and then nothing is set any more.
        if memory.deadline.is_some_and(|set| set <= at) {
            return Ok(None);
        }
        let left = at.saturating_duration_since(Instant::now()).min(FAR);
        if left.is_zero() {
            return Ok(Some(Timespec::default()));
        }
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: left.as_secs() as _,
                tv_nsec: left.subsec_nanos() as _,
            },
        };
        memory.deadline = None;
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        memory.deadline = Some(at);
        Ok(None)
    }

    pub(in crate::reactor) fn notify(&self) -> io::Result<()> {
        // The count in the descriptor has room for more of these than there will ever be.
        rustix::io::write(&self.notifier, &1u64.to_ne_bytes())?;
        Ok(())
    }
}

/// As far as the timer is set: thirty years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

fn ready(flags: epoll::EventFlags) -> Ready {
    use epoll::EventFlags as Flags;
    let ends = Flags::RDHUP | Flags::HUP | Flags::ERR;
    let readable = flags.intersects(ends | Flags::IN | Flags::PRI);
    let writable = flags.intersects(Flags::OUT | Flags::HUP | Flags::ERR);
    let ready = Ready::new(readable, writable);
    if flags.intersects(ends | Flags::PRI) {
        ready.with(Ready::MORE)
    } else {
        ready
    }
}
