//! What is known about the readiness of one source, and who waits for it.
//!
//! # The word
//!
//! ```text
//!     | tick                              | MORE | CLOSED | WRITE | READ |
//! ```
//!
//! - READ, WRITE: an operation in this direction may succeed. This is a hint: the operation itself tells.
//!   Both are set at first, so that the first operation goes straight to the system call.
//! - MORE: a read that brought less than it had room for may still have left something: the end of the stream, an
//!   error, or what follows urgent data. Without it such a read has taken all there is.
//! - CLOSED: the runtime has ended, no event will come any more. Never cleared.
//! - tick: counts recorded events, both directions together. It wraps.
//!
//! Beside the word there are the waiters, one list per direction, each behind a lock of its own.
//!
//! # Who touches what
//!
//! | | word | waiters |
//! |---|---|---|
//! | driver, or who has written at the other end, for an event: [`Readiness::record`] | sets bits and advances the tick in one step | then takes all of each direction out whose bit was clear |
//! | end of the runtime: [`Readiness::close`] | the same, with CLOSED | then takes everybody out |
//! | operation, first: [`Readiness::poll`] | loads | registers, if there is nothing to be had |
//! | operation that would block: [`Readiness::clear`] | clears its bit (and MORE, if it reads), if the tick is still the one that it saw | |
//! | read that brought less than it had room for: [`Readiness::drained`] | the same, if it saw no MORE | |
//! | asking the system anew: [`Readiness::reset`] | clears its bit, whatever the tick | |
//! | future that is dropped: [`Readiness::leave`] | | removes its own |
//!
//! # No event is lost
//!
//! In edge mode the system reports each event once, so two things must never happen.
//!
//! *An event is cleared by an operation that did not see it.* An operation loads the word, makes the system
//! call, is told that it would block, and clears its bit. Say that the tick is still the one that it loaded:
//! then no event was recorded between the load and the clearing. Each event recorded before the load was
//! caused before the system call was made (Release in `record`, Acquire in the load), so the call took it
//! into account. An event that the system has reported, but that is not recorded yet, will set the bit when
//! it is. If the tick has moved, the bit stays, and the operation tries again.
//!
//! For a short read the same holds: it has found the end of what the system had, as one that would block does. It
//! differs in one point. After the end of the stream, say, an operation does not block, and the system reports
//! that only once; a short read just before it does not tell. So the report of it, if it was recorded before the
//! read's load, has left MORE there; and if later, it moves the tick.
//!
//! *A waiter sleeps although the bit is set.* The driver sets the bit, then locks the list and takes
//! everybody out. A waiter locks the list, looks at the word, and registers before it unlocks. If the
//! driver's turn with the lock comes after the waiter's, it finds the waiter and wakes it. If it comes
//! before, the lock makes the bit visible to the waiter's look. (A look before the lock is a short cut
//! when it says "ready", and worth nothing when it says "not ready".)
//!
//! A direction whose bit was set already is left alone: whoever waits there registered while the bit was clear, so
//! the `record` that has set it since comes to take him out. (Sockets are reported as writable whenever something else
//! happens to them.)
//!
//! `reset` may clear an event that nobody saw. Its caller then asks the system to report the present state
//! once more, which brings the event back if there is still something to be had.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use core::task::{Context, Poll, Waker};

use super::waiters::{Ticket, Waiters};
use crate::sync::{AtomicUsize, Mutex, Ordering};

const READ: usize = 0b001;
const WRITE: usize = 0b010;
const CLOSED: usize = 0b100;
const MORE: usize = 0b1000;
const TICK: usize = 0b1_0000;

/// What an operation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Something to read, a connection to accept, the end of the stream.
    Read,
    /// Room to write, a connection that has come about.
    Write,
}

/// A set of directions, and whether a short read tells all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready(usize);

impl Ready {
    /// No direction.
    pub const NONE: Self = Self(0);
    /// Both directions.
    pub const BOTH: Self = Self(READ | WRITE);

    /// A read that brings less than it had room for may leave something.
    pub const MORE: Self = Self(MORE);

    /// The directions of an event.
    pub const fn new(readable: bool, writable: bool) -> Self {
        let read = if readable { READ } else { 0 };
        let write = if writable { WRITE } else { 0 };
        Self(read | write)
    }

    /// Whether all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This set and `other` together.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set less `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl From<Direction> for Ready {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Read => Self(READ),
            Direction::Write => Self(WRITE),
        }
    }
}

/// The word as an operation saw it before its system call.
#[derive(Debug, Clone, Copy)]
pub struct Seen(usize);

impl Seen {
    /// Whether the runtime has ended.
    pub fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    fn is_over(self, direction: Direction) -> bool {
        self.0 & (Ready::from(direction).0 | CLOSED) != 0
    }
}

/// The readiness word of a source and its waiters. The protocol is at the top of this file.
#[derive(Debug)]
pub struct Readiness {
    word: AtomicUsize,
    readers: Mutex<Waiters>,
    writers: Mutex<Waiters>,
}

impl Readiness {
    /// Ready in the directions of `at_first` until an operation finds otherwise.
    pub fn new(at_first: Ready) -> Self {
        Self {
            word: AtomicUsize::new(at_first.0),
            readers: Mutex::new(Waiters::default()),
            writers: Mutex::new(Waiters::default()),
        }
    }

    fn waiters(&self, direction: Direction) -> &Mutex<Waiters> {
        match direction {
            Direction::Read => &self.readers,
            Direction::Write => &self.writers,
        }
    }

    fn look(&self) -> Seen {
        // Acquire: pairs with the Release in `publish`. What caused the event happened before the system call
        // that follows this look.
        Seen(self.word.load(Ordering::Acquire))
    }

    /// Ready: try the operation, then `clear` with what was seen if it would block; unless that
    /// [is closed](Seen::is_closed). Pending: the task will be woken. Without a ticket the waiter is a
    /// passer-by (see [`waiters`](super::waiters)).
    pub fn poll(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        ticket: Option<&mut Ticket>,
    ) -> Poll<Seen> {
        let seen = self.look();
        if seen.is_over(direction) {
            return Poll::Ready(seen);
        }
        // Cloned here, because it is user code and does not run under the lock.
        let waker = cx.waker().clone();
        let displaced = {
            let mut waiters = self.waiters(direction).lock();
            // The look that counts: the driver sets the bit before it locks the list.
            let seen = self.look();
            if seen.is_over(direction) {
                return Poll::Ready(seen);
            }
            match ticket {
                Some(ticket) => waiters.seat(waker, ticket),
                None => waiters.pass(waker),
            }
        };
        displaced.settle();
        Poll::Pending
    }

    /// Whether a read would be tried.
    pub fn is_readable(&self) -> bool {
        // Relaxed: a hint.
        self.word.load(Ordering::Relaxed) & READ != 0
    }

    /// An operation that began after `seen` was looked at would block. Changes nothing if an event was
    /// recorded since.
    pub fn clear(&self, direction: Direction, seen: Seen) {
        self.take_back(
            seen,
            match direction {
                Direction::Read => READ | MORE,
                Direction::Write => WRITE,
            },
        );
    }

    /// A read from a stream that began after `seen` was looked at brought less than it had room for. Changes nothing if
    /// an event was recorded since, or if that does not mean that all was read.
    pub fn drained(&self, seen: Seen) {
        if seen.0 & MORE == 0 {
            self.take_back(seen, READ);
        }
    }

    fn take_back(&self, seen: Seen, bits: usize) {
        // Relaxed, both: all that matters here is this one word's own order of changes. The success does not
        // hide a `record` from a later look: it continues that Release's sequence.
        let _ = self
            .word
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
                (word / TICK == seen.0 / TICK).then_some(word & !bits)
            });
    }

    /// Forgets what is known of `direction`. The caller must then ask the system to report its present state
    /// once more.
    pub fn reset(&self, direction: Direction) {
        // Relaxed: an event that answers the question asked after this is recorded after it, too, because the
        // question passes through the system's poller.
        self.word
            .fetch_and(!Ready::from(direction).0, Ordering::Relaxed);
    }

    /// There was an event. The wakers of those who waited for it are added to `ready`.
    pub fn record(&self, event: Ready, ready: &mut impl Extend<Waker>) {
        let before = self.publish(event.0);
        let news = event.without(before);
        if news.contains(Direction::Read.into()) {
            self.readers.lock().take(ready);
        }
        if news.contains(Direction::Write.into()) {
            self.writers.lock().take(ready);
        }
    }

    /// The runtime has ended: whoever waits, or comes later, is told so.
    pub fn close(&self, ready: &mut Vec<Waker>) {
        let _any = self.publish(CLOSED);
        self.readers.lock().take(ready);
        self.writers.lock().take(ready);
    }

    /// Sets `bits`, and gives the directions that were ready before.
    fn publish(&self, bits: usize) -> Ready {
        // Release: pairs with the Acquire in `look`. Relaxed on the load: nothing is read through it.
        let before = self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
                Some(word.wrapping_add(TICK) | bits)
            });
        Ready(before.unwrap_or_default() & (READ | WRITE))
    }

    /// A future that waits no longer takes its waker out.
    pub fn leave(&self, direction: Direction, ticket: &mut Ticket) {
        if ticket.is_blank() {
            return;
        }
        let waker = self.waiters(direction).lock().leave(ticket);
        // User code, so not under the lock.
        drop(waker);
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    fn look(readiness: &Readiness, direction: Direction) -> Poll<Seen> {
        let mut cx = Context::from_waker(Waker::noop());
        readiness.poll(direction, &mut cx, None)
    }

    fn seen(readiness: &Readiness) -> Seen {
        match look(readiness, Direction::Read) {
            Poll::Ready(seen) => seen,
            Poll::Pending => panic!("not ready"),
        }
    }

    #[test]
    fn the_first_operation_goes_straight_to_the_system() {
        let readiness = Readiness::new(Ready::BOTH);
        assert!(look(&readiness, Direction::Read).is_ready());
        assert!(look(&readiness, Direction::Write).is_ready());
    }

    #[test]
    fn an_event_during_an_operation_is_not_cleared() {
        let readiness = Readiness::new(Ready::BOTH);
        let before = seen(&readiness);
        readiness.record(Direction::Read.into(), &mut Vec::new());
        readiness.clear(Direction::Read, before);
        assert!(look(&readiness, Direction::Read).is_ready());
        readiness.clear(Direction::Read, seen(&readiness));
        assert!(look(&readiness, Direction::Read).is_pending());
    }

    #[test]
    fn a_short_read_tells_all_unless_there_is_more() {
        let readiness = Readiness::new(Ready::BOTH);
        readiness.drained(seen(&readiness));
        assert!(look(&readiness, Direction::Read).is_pending());
        let end = Ready::from(Direction::Read).with(Ready::MORE);
        readiness.record(end, &mut Vec::new());
        for _ in 0..2 {
            readiness.drained(seen(&readiness));
            assert!(look(&readiness, Direction::Read).is_ready());
        }
        // What there was more of has been read.
        readiness.clear(Direction::Read, seen(&readiness));
        readiness.record(Direction::Read.into(), &mut Vec::new());
        readiness.drained(seen(&readiness));
        assert!(look(&readiness, Direction::Read).is_pending());
    }

    #[test]
    fn an_event_wakes_its_own_direction_only() {
        let readiness = Readiness::new(Ready::BOTH);
        let before = seen(&readiness);
        readiness.clear(Direction::Read, before);
        readiness.clear(Direction::Write, before);
        assert!(look(&readiness, Direction::Read).is_pending());
        assert!(look(&readiness, Direction::Write).is_pending());
        let mut ready = Vec::new();
        readiness.record(Direction::Write.into(), &mut ready);
        assert_eq!(ready.len(), 1);
        assert!(look(&readiness, Direction::Read).is_pending());
        assert!(look(&readiness, Direction::Write).is_ready());
    }

    #[test]
    fn closing_wakes_everybody_and_stays() {
        let readiness = Readiness::new(Ready::BOTH);
        let before = seen(&readiness);
        readiness.clear(Direction::Read, before);
        assert!(look(&readiness, Direction::Read).is_pending());
        let mut ready = Vec::new();
        readiness.close(&mut ready);
        assert_eq!(ready.len(), 1);
        readiness.reset(Direction::Read);
        readiness.clear(Direction::Read, seen(&readiness));
        assert!(seen(&readiness).is_closed());
    }

    #[test]
    fn the_tick_wraps_without_touching_the_bits() {
        let readiness = Readiness::new(Ready::BOTH);
        // Relaxed: one thread.
        readiness.word.store(!(TICK - 1), Ordering::Relaxed);
        assert!(look(&readiness, Direction::Read).is_pending());
        readiness.record(Direction::Read.into(), &mut Vec::new());
        assert_eq!(seen(&readiness).0, READ);
    }
}
