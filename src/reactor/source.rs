//! A registered source.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::io;
use std::sync::Arc;
use std::task::Waker;

use super::loopback::Peer;
use super::poller::{Poller, RawSource};
use super::readiness::{Direction, Readiness, Ready};
use super::waiters::{self, Few};
use crate::sync::Mutex;

/// One source: what the system knows it by, what is known of its readiness, and who waits for it.
#[derive(Debug)]
pub struct Source {
    key: usize,
    raw: RawSource,
    readiness: Readiness,
    peer: Peer,
    watch: Mutex<Watch>,
}

/// What the system's poller was asked for.
#[derive(Debug)]
struct Watch {
    /// From registration to deregistration. While it is set, and this is locked, `raw` is open.
    live: bool,
    /// Oneshot mode: the directions that the poller will still report.
    armed: Ready,
}

impl Source {
    pub fn new(key: usize, raw: RawSource, at_first: Ready) -> Self {
        Self {
            key,
            raw,
            readiness: Readiness::new(at_first),
            peer: Peer::new(),
            watch: Mutex::new(Watch {
                live: false,
                armed: Ready::NONE,
            }),
        }
    }

    pub fn key(&self) -> usize {
        self.key
    }

    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// These are the ends of one connection.
    pub(crate) fn introduce(a: &Arc<Self>, b: &Arc<Self>) {
        a.peer.meet(b);
        b.peer.meet(a);
    }

    pub(super) fn peer(&self) -> Option<Arc<Self>> {
        self.peer.get()
    }

    /// There was an event. The wakers of those who waited for it are added to `ready`.
    pub(super) fn record(&self, event: Ready, ready: &mut impl Extend<Waker>) {
        if event.contains(Direction::Read.into()) {
            self.peer.was_heard();
        }
        self.readiness.record(event, ready);
    }

    /// Something was written: who waits for it at the other end is woken.
    #[inline]
    pub(crate) fn wrote(&self) {
        if let Some(peer) = self.peer() {
            self.peer.was_told();
            let mut ready = Few::default();
            peer.record(Direction::Read.into(), &mut ready);
            waiters::wake_all(ready);
        }
    }

    /// Whether a read is likely to find nothing before the other end has run, and lets others go first. `may`: if it comes to that, whether it is to.
    #[inline]
    pub(crate) fn lets_peer_answer(&self, may: impl FnOnce() -> bool) -> bool {
        self.peer
            .is_to_answer(|| self.readiness.is_readable() && may())
    }

    /// Hands the source to the poller.
    ///
    /// # Safety
    ///
    /// `raw` is open, and stays open until [`Source::retire`] was called.
    pub(super) unsafe fn enlist(&self, poller: &Poller) -> io::Result<()> {
        let mut watch = self.watch.lock();
        // SAFETY: the source stays open until it is deleted from the poller, because the caller keeps it open
        // until `retire`, and `retire` deletes it.
        unsafe { poller.add(self.raw, self.key) }?;
        watch.live = true;
        Ok(())
    }

    /// Makes the poller report `interest`: the next change in oneshot mode, the present state in edge mode.
    pub(super) fn arm(&self, poller: &Poller, interest: Ready) -> io::Result<()> {
        let mut watch = self.watch.lock();
        if !watch.live || watch.armed.contains(interest) {
            return Ok(());
        }
        let interest = watch.armed.with(interest);
        // SAFETY: the source is open while `live` is set and the lock is held.
        unsafe { poller.arm(self.raw, self.key, interest) }?;
        if !poller.is_edge() {
            watch.armed = interest;
        }
        Ok(())
    }

    /// Oneshot mode: a report has disarmed the source. Arms it again for what was not reported.
    ///
    /// To be called *before* the event is recorded. A waiter registers first and arms then. If its turn to
    /// arm came before this, and it found its direction still armed, its waker is in the list by now, and
    /// recording the event wakes it. If it comes after, it arms.
    pub(super) fn disarmed(&self, poller: &Poller, event: Ready) -> io::Result<()> {
        let mut watch = self.watch.lock();
        let rest = watch.armed.without(event);
        watch.armed = Ready::NONE;
        if !watch.live || rest == Ready::NONE {
            return Ok(());
        }
        // SAFETY: the source is open while `live` is set and the lock is held.
        unsafe { poller.arm(self.raw, self.key, rest) }?;
        watch.armed = rest;
        Ok(())
    }

    /// Takes the source back from the poller. Afterwards it may be closed.
    pub(super) fn retire(&self, poller: &Poller) -> io::Result<()> {
        let mut watch = self.watch.lock();
        if !watch.live {
            return Ok(());
        }
        watch.live = false;
        // SAFETY: the source was open while `live` was set, and its owner closes it after this call only.
        unsafe { poller.delete(self.raw) }
    }
}
