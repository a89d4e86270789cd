//! A registered source.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::io;
use std::sync::{Arc, OnceLock, Weak};

use super::poller::{Poller, RawSource};
use super::readiness::{Direction, Readiness, Ready};
use super::waiters;
use crate::sync::{AtomicBool, Mutex, Ordering};

/// One source: what the system knows it by, what is known of its readiness, and who waits for it.
#[derive(Debug)]
pub struct Source {
    key: usize,
    raw: RawSource,
    readiness: Readiness,
    /// The other end of the connection, if that is known to be a source of this reactor too (see [`loopback`](super::loopback)).
    peer: OnceLock<Weak<Source>>,
    /// Something was written for the peer, and it has written nothing since.
    awaits_answer: AtomicBool,
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
            peer: OnceLock::new(),
            awaits_answer: AtomicBool::new(false),
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
        // An end has one other end, so nothing was there.
        let _ = a.peer.set(Arc::downgrade(b));
        let _ = b.peer.set(Arc::downgrade(a));
    }

    pub(super) fn peer(&self) -> Option<Arc<Self>> {
        self.peer.get()?.upgrade()
    }

    /// Something was written: who waits for it at the other end is woken.
    pub(crate) fn wrote(&self) {
        let Some(peer) = self.peer() else { return };
        // Relaxed, both: hints.
        peer.awaits_answer.store(false, Ordering::Relaxed);
        self.awaits_answer.store(true, Ordering::Relaxed);
        let mut ready = Vec::new();
        peer.readiness.record(Direction::Read.into(), &mut ready);
        waiters::wake_all(ready);
    }

    /// Whether a read is likely to find nothing before the other end has run, true once for each thing written.
    pub(crate) fn lets_peer_answer(&self) -> bool {
        // Relaxed, both: a hint; two readers may both heed it.
        let awaits = self.awaits_answer.load(Ordering::Relaxed);
        if awaits {
            self.awaits_answer.store(false, Ordering::Relaxed);
        }
        awaits
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
