//! The driver: reactor and timers, attended by one thread at a time, who holds the seat.
//!
//! **A deadline or a first source against a driver about to sleep.** The driver publishes its seat (in `sit`) and the deadline it will sleep to, fences,
//! and reads the minima of all shards and the sources again; whoever adds one publishes it, fences, and reads the seat and the driver's
//! deadline. So one of the two sees the other, and if it is the adder, it kicks the driver's parker. Why the minima may be read
//! one by one is told with the timers.

use std::io;
use std::sync::OnceLock;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::reactor::Reactor;
use crate::reactor::poller::Until;
use crate::sync::{AtomicU64, AtomicUsize, Ordering, fence};
use crate::timer::{Own, Timers};
use crate::util::clock;
use crate::util::report::failure;
use seat::{Seat, Sit};

pub(crate) mod seat;

/// What ends a wait of the driver's thread: a parker, in other words. The driver does not know the scheduler's.
pub(crate) trait Sleeper: 'static {
    /// Sleeps on the spot, for at most so long.
    fn park(&self, timeout: Option<Duration>);
    /// Sleeps in `wait`.
    fn drive(&self, wait: impl FnOnce());
    /// Ends either.
    fn kick(&self, notify: impl FnOnce());
}

/// What somebody who added a deadline or a source has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attend {
    /// The driver knows, or was told.
    Driven,
    /// The seat is empty.
    Nobody,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Driver<P: 'static> {
    seat: Seat<P>,
    /// Until when the holder sleeps, as told by [`Timers`]; `u64::MAX`, but for the lowest bit (`BESIDE`): without end. Written by the holder.
    deadline: AtomicU64,
    reactor: OnceLock<Reactor>,
    pub(crate) timers: Timers,
    /// So many threads would sit in the seat, and will when they have napped.
    absent: AtomicUsize,
}

impl<P: Sleeper> Driver<P> {
    /// With so many shards of timers.
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            seat: Seat::new(),
            deadline: AtomicU64::new(u64::MAX),
            reactor: OnceLock::new(),
            timers: Timers::new(clock::origin(), shards),
            absent: AtomicUsize::new(0),
        }
    }

    /// The reactor, made at its first use.
    pub(crate) fn reactor(&self) -> io::Result<&Reactor> {
        if let Some(reactor) = self.reactor.get() {
            return Ok(reactor);
        }
        let made = Reactor::new()?;
        Ok(self.reactor.get_or_init(|| made))
    }

    pub(crate) fn existing_reactor(&self) -> Option<&Reactor> {
        self.reactor.get()
    }

    fn live_reactor(&self) -> Option<&Reactor> {
        self.reactor.get().filter(|reactor| !reactor.is_empty())
    }

    /// True even if the last timer was taken out since somebody asked whether there are duties.
    fn may_have_deadline(&self) -> bool {
        self.timers.minimum() != u64::MAX
    }

    /// Whether there is anything to drive.
    pub(crate) fn has_duties(&self) -> bool {
        self.live_reactor().is_some() || self.timers.has_any()
    }

    pub(crate) fn is_unattended(&self) -> bool {
        self.seat.is_free() && self.has_duties()
    }

    /// Naps instead of sitting down in the seat, which is left to those who look.
    pub(crate) fn leave_to_looks(&self, nap: impl FnOnce()) {
        // Relaxed, both: a hint for those who look, and for the monitor.
        self.absent.fetch_add(1, Ordering::Relaxed);
        nap();
        self.absent.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether those who look are to do so more often, as nobody is in the seat, but somebody would be.
    pub(crate) fn is_left_to_looks(&self) -> bool {
        // Relaxed: as above.
        self.absent.load(Ordering::Relaxed) > 0 && self.seat.is_free()
    }

    /// How many events of sources were reported so far. Compared with what it was before, it says whether there were any, for this thread or another.
    pub(crate) fn events(&self) -> u64 {
        self.reactor.get().map_or(0, Reactor::events)
    }

    /// How often somebody has looked at the sources so far.
    pub(crate) fn looks(&self) -> u64 {
        self.reactor.get().map_or(0, Reactor::waits)
    }

    pub(crate) fn interrupt(&self) {
        self.reactor.get().into_iter().for_each(Reactor::notify);
    }

    /// After a deadline was added, or moved, that is now the earliest of its shard.
    pub(crate) fn deadline_lowered(&self, tick: u64) -> Attend {
        self.added(|until| tick | BESIDE < until | BESIDE)
    }

    /// After a source was added: a driver that sleeps beside the reactor moves into it. One that sleeps in it sees
    /// new sources by itself.
    pub(crate) fn source_added(&self) -> Attend {
        self.added(|until| until & BESIDE != 0)
    }

    /// `concerns`: whether that is something for a driver that sleeps until then.
    fn added(&self, concerns: impl FnOnce(u64) -> bool) -> Attend {
        // Pairs with those in `sleep`, and with those of whoever leaves a worker and then asks whether the driver is unattended.
        fence(Ordering::SeqCst);
        match self.seat.holder() {
            Some(holder) => {
                // Relaxed: ordered by the fence.
                if concerns(self.deadline.load(Ordering::Relaxed)) {
                    holder.kick(|| self.interrupt());
                }
                Attend::Driven
            }
            None if self.seat.is_free() => Attend::Nobody,
            // A quick look: whoever looks goes on to drive when it runs dry.
            None => Attend::Driven,
        }
    }

    /// Takes the seat and sleeps there until something happens, which is: events or timers (then `woken` has wakers), a token or kick
    /// for the sleeper, or that it is time to get up. `None`: the seat is taken.
    pub(crate) fn sleep(
        &self,
        me: &'static P,
        until: Option<Instant>,
        woken: &mut Vec<Waker>,
    ) -> Option<Handover> {
        if self.seat.sit(me) == Sit::Taken {
            return None;
        }
        let beside = self.live_reactor().is_none();
        let earliest = self.timers.refine();
        let minimum = until.map_or(earliest, |until| earliest.min(self.timers.tick(until)));
        // Relaxed: ordered by the fence. The lowest bit says that the driver sleeps beside the reactor, not in it.
        self.deadline
            .store((minimum & !BESIDE) | u64::from(beside), Ordering::Relaxed);
        // Pairs with the fence in `added`: an adder sees the seat and this deadline, or we see what it added.
        fence(Ordering::SeqCst);
        let unchanged =
            self.timers.minimum() >= minimum && (!beside || self.live_reactor().is_none());
        // If the last deadline was taken out meanwhile, there is nothing to sit here for.
        let has_duties = !beside || earliest != u64::MAX;
        if unchanged && has_duties {
            self.block(me, beside, minimum, woken);
        }
        if self.may_have_deadline() {
            // Whoever sleeps has left its worker, or naps there: its own shard is as good as another's then.
            self.timers.fire(Own::NONE, Instant::now(), woken);
        }
        let handover = self.get_up();
        // Pairs with the fence in `added`: an adder sees that the seat was left, or what it added is seen by the sleeper, who asks next
        // whether there is anything to drive. And with that of one who falls asleep and found the seat taken: the sleeper asks next whether that one is awake.
        fence(Ordering::SeqCst);
        Some(handover)
    }

    /// Sleeps until the instant of the tick that was announced: one that others have raised the minimum to since would be too late
    /// for what they add before it.
    fn block(&self, me: &P, beside: bool, announced: u64, woken: &mut Vec<Waker>) {
        let deadline = self.timers.instant(announced);
        match self.reactor.get().filter(|_| !beside) {
            None => me.park(deadline.map(|at| at.saturating_duration_since(Instant::now()))),
            Some(reactor) => me.drive(|| {
                let until = deadline.map_or(Until::Forever, Until::Deadline);
                if let Err(error) = reactor.wait(until, woken) {
                    failure!("waiting for I/O events failed: {error}");
                }
            }),
        }
    }

    /// A look without blocking, if the seat is free.
    pub(crate) fn look(&self, own: Own, woken: &mut Vec<Waker>) -> Handover {
        let reactor = self.live_reactor();
        let may_have_deadline = self.may_have_deadline();
        if !(reactor.is_some() || may_have_deadline) || !self.seat.look() {
            return Handover::NotNeeded;
        }
        if let Some(reactor) = reactor
            && let Err(error) = reactor.wait(Until::Now, woken)
        {
            failure!("looking for I/O events failed: {error}");
        }
        if may_have_deadline {
            self.timers.fire(own, Instant::now(), woken);
        }
        self.get_up()
    }

    fn get_up(&self) -> Handover {
        if self.seat.leave() {
            Handover::Wanted
        } else {
            Handover::NotNeeded
        }
    }
}

/// Marks, in the published deadline, a driver that sleeps beside the reactor.
const BESIDE: u64 = 1;

/// Whether somebody has to be woken to take the seat that was just left.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Handover {
    NotNeeded,
    Wanted,
}
