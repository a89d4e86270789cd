//! Readiness of sources: from the system's poller to the wakers of those who wait.
//!
//! - [`poller`]: the system's poller.
//! - [`sources`]: the registered sources, by key; [`source`]: one of them.
//! - [`loopback`]: sources that are the two ends of one connection.
//! - [`readiness`]: the readiness word and its protocol; [`waiters`]: who waits.
//!
//! The reactor starts no thread, and wakes nobody but those who wait for what was written to a peer. One thread at a time, the driver, calls
//! [`Reactor::wait`], and wakes those whose wakers it is given.
//!
//! Locks are taken in this order: lonely ends of connections (alone), the poller's memory, table of sources, watch of a source, list of waiters. Wakers are
//! cloned, woken and dropped under none of them.

pub(crate) mod loopback;
pub(crate) mod poller;
pub(crate) mod readiness;
pub(crate) mod source;
pub(crate) mod sources;
pub(crate) mod waiters;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::Waker;

use self::loopback::Loopback;
use self::poller::{Memory, Poller, RawSource, Until};
use self::readiness::{Direction, Ready};
use self::source::Source;
use self::sources::Sources;
use crate::sync::{AtomicU64, Mutex, Ordering};
use crate::util::report::{failure, warning};

/// The sources of one runtime, and the poller that watches them.
pub(crate) struct Reactor {
    poller: Poller,
    sources: Sources,
    loopback: Loopback,
    /// The poller's. Locked by the driver alone.
    memory: Mutex<Memory>,
    /// How often somebody waited, or looked, and how many events of sources were reported. Written by the driver.
    waits: AtomicU64,
    events: AtomicU64,
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("poller", &self.poller)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            sources: Sources::default(),
            loopback: Loopback::new(),
            memory: Mutex::new(Memory::new()),
            waits: AtomicU64::new(0),
            events: AtomicU64::new(0),
        })
    }

    /// Begins to watch `raw`, which must not block. The caller then makes sure that somebody drives.
    ///
    /// # Safety
    ///
    /// `raw` is open, and stays open until [`Reactor::deregister`] was called with the source.
    pub(crate) unsafe fn register(&self, raw: RawSource) -> io::Result<Arc<Source>> {
        // In the table first, because the first event may come before `enlist` returns.
        let source = self
            .sources
            .insert(|key| Source::new(key, raw, Poller::AT_FIRST));
        // SAFETY: `raw` stays open until `deregister`, as the caller promises, and that retires the source.
        match unsafe { source.enlist(&self.poller) } {
            Ok(()) => Ok(source),
            Err(error) => {
                drop(self.sources.remove(source.key()));
                Err(error)
            }
        }
    }

    /// Ends the watch. Afterwards the source may be closed, and an event still under way is ignored.
    pub(crate) fn deregister(&self, source: &Source) {
        drop(self.sources.remove(source.key()));
        if let Err(error) = source.retire(&self.poller) {
            warning!("cannot take a source back from the poller: {error}");
        }
    }

    /// To be called when a waiter has registered: makes its event come, where the poller must be asked.
    pub(crate) fn arm(&self, source: &Source, direction: Direction) -> io::Result<()> {
        if self.poller.is_edge() {
            return Ok(());
        }
        source.arm(&self.poller, direction.into())
    }

    /// Forgets what is known of this direction and asks the system for its present state.
    pub(crate) fn ask_anew(&self, source: &Source, direction: Direction) -> io::Result<()> {
        source.readiness().reset(direction);
        source.arm(&self.poller, direction.into()).inspect_err(|_| {
            // No answer will come: what was forgotten may have been an event.
            let mut ready = Vec::new();
            source.readiness().record(direction.into(), &mut ready);
            waiters::wake_all(ready);
        })
    }

    /// Blocks until there are events, [`Reactor::notify`] is called, or the time is over; it may return earlier,
    /// with nothing. Records readiness, and adds the wakers to be woken to `ready`.
    ///
    /// The caller holds the driver's seat: this is never called by two threads at once.
    pub(crate) fn wait(&self, until: Until, ready: &mut Vec<Waker>) -> io::Result<()> {
        let mut memory = self.memory.lock();
        let mut table = None;
        let mut events = self.events();
        self.poller.wait(&mut memory, until, |key, event| {
            events += 1;
            let table = table.get_or_insert_with(|| self.sources.lock());
            if let Some(source) = table.get(key) {
                self.dispatch(source, event, ready);
            }
        })?;
        // Relaxed, all: counts that are compared with what they were. One driver at a time, so no read-modify-write.
        self.events.store(events, Ordering::Relaxed);
        let waits = self.waits() + 1;
        self.waits.store(waits, Ordering::Relaxed);
        Ok(())
    }

    /// How often [`Reactor::wait`] was over.
    pub(crate) fn waits(&self) -> u64 {
        // Relaxed: as above.
        self.waits.load(Ordering::Relaxed)
    }

    /// How many events of sources it has recorded.
    pub(crate) fn events(&self) -> u64 {
        // Relaxed: as above.
        self.events.load(Ordering::Relaxed)
    }

    fn dispatch(&self, source: &Source, event: Ready, ready: &mut Vec<Waker>) {
        let event = if self.poller.is_edge() || source.disarmed(&self.poller, event).is_ok() {
            event
        } else {
            // Nothing more will be reported: everybody looks for himself, and is told the error.
            Ready::BOTH.with(Ready::MORE)
        };
        source.record(event, ready);
    }

    /// Where the two ends of a connection find each other.
    pub(crate) fn loopback(&self) -> &Loopback {
        &self.loopback
    }

    /// Makes a blocked [`Reactor::wait`], or the next one, return. From any thread.
    pub(crate) fn notify(&self) {
        if let Err(error) = self.poller.notify() {
            failure!("cannot interrupt the poller: {error}");
        }
    }

    /// Whether no source is registered.
    pub(crate) fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The runtime ends: every source becomes closed, and the wakers of all who wait are added to `ready`. A
    /// source registered later is not closed by this: its owner looks whether the runtime has ended.
    pub(crate) fn close(&self, ready: &mut Vec<Waker>) {
        for source in self.sources.lock().iter() {
            source.readiness().close(ready);
        }
        self.loopback.clear();
    }
}

#[cfg(all(test, unix, not(heist_loom)))]
mod tests;
