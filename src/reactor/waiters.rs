//! Who waits for one direction of one source. Plain data:
//! [`Readiness`](super::readiness::Readiness) keeps one of these per direction, each behind a lock.
//!
//! There are two kinds of waiters.
//!
//! - A *ticket holder* is a future of this crate. It remembers where its waker sits and takes it out again
//!   when it is dropped.
//! - A *passer-by* comes through a `poll_…` function, which has nowhere to remember anything: all that is
//!   known of it is its waker. It is recognised by [`Waker::will_wake`], so that polling again and again
//!   from one task keeps one entry. One that lost interest cannot say so, and its waker stays until the
//!   next event. To bound that on a source that stays silent, a list that has become long is called out
//!   now and then: everyone in it is woken, and who still waits comes back.
//!
//! Wakers are user code: they are cloned, woken and dropped by the caller, outside the lock. So every
//! method here that displaces a waker hands it back.

use core::task::Waker;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use slab::Slab;

/// A list of passers-by shorter than this is never called out.
const LONG: usize = 32;

/// The least time between two callings-out of one list. It keeps more than [`LONG`] tasks that do wait from
/// calling each other out for ever.
const CALL_INTERVAL: Duration = Duration::from_secs(1);

/// Where a ticket holder's waker sits, if it sits anywhere.
#[derive(Debug, Default)]
#[allow(
    unreachable_pub,
    reason = "the loom models reach it through heist::model"
)]
pub struct Ticket(Option<Seat>);

impl Ticket {
    /// Whether no waker was ever registered under this ticket.
    pub(crate) fn is_blank(&self) -> bool {
        self.0.is_none()
    }
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    /// The [`Waiters::round`] in which the waker was seated: a seat of an earlier round is somebody else's.
    round: usize,
    slot: usize,
}

/// What a registration displaced, for the caller to deal with once the lock is released.
#[must_use]
#[derive(Debug, Default)]
pub(crate) struct Displaced {
    /// A waker that is not needed any more.
    spare: Option<Waker>,
    /// Passers-by that are called out.
    called: Vec<Waker>,
}

impl Displaced {
    fn spare(waker: Waker) -> Self {
        Self {
            spare: Some(waker),
            called: Vec::new(),
        }
    }

    /// Wakes and drops what was displaced. To be called without any lock held.
    pub(crate) fn settle(self) {
        drop(self.spare);
        wake_all(self.called);
    }
}

/// Wakes everyone; a waker that panics does not keep the others from being woken.
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// Wakers, of which there is mostly one: that takes no memory of the heap.
#[derive(Debug, Default)]
pub(crate) struct Few {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Extend<Waker> for Few {
    fn extend<I: IntoIterator<Item = Waker>>(&mut self, wakers: I) {
        let mut wakers = wakers.into_iter();
        if self.first.is_none() {
            self.first = wakers.next();
        }
        self.others.extend(wakers);
    }
}

impl IntoIterator for Few {
    type Item = Waker;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Waker>, std::vec::IntoIter<Waker>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

/// The waiters of one direction.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    holders: Slab<Waker>,
    /// Counts how often `holders` was emptied, which makes all its seats void.
    round: usize,
    passers: Vec<Waker>,
    called_at: Option<Instant>,
}

impl Waiters {
    /// Registers a ticket holder, in place of the waker that it registered before.
    pub(crate) fn seat(&mut self, waker: Waker, ticket: &mut Ticket) -> Displaced {
        if let Some(seated) = self.seated(ticket) {
            return Displaced::spare(core::mem::replace(seated, waker));
        }
        let slot = self.holders.insert(waker);
        ticket.0 = Some(Seat {
            round: self.round,
            slot,
        });
        Displaced::default()
    }

    fn seated(&mut self, ticket: &Ticket) -> Option<&mut Waker> {
        let seat = ticket.0.filter(|seat| seat.round == self.round)?;
        self.holders.get_mut(seat.slot)
    }

    /// Takes a ticket holder's waker out, if no event has done so already.
    pub(crate) fn leave(&mut self, ticket: &mut Ticket) -> Option<Waker> {
        let seat = ticket.0.take().filter(|seat| seat.round == self.round)?;
        self.holders.try_remove(seat.slot)
    }

    /// Registers a passer-by, unless its task is registered already.
    pub(crate) fn pass(&mut self, waker: Waker) -> Displaced {
        if self.passers.iter().any(|known| known.will_wake(&waker)) {
            return Displaced::spare(waker);
        }
        let called = self.call_out();
        self.passers.push(waker);
        Displaced {
            spare: None,
            called,
        }
    }

    /// Empties a list of passers-by that is long and was not called out lately.
    fn call_out(&mut self) -> Vec<Waker> {
        if self.passers.len() < LONG {
            return Vec::new();
        }
        let now = Instant::now();
        if self
            .called_at
            .is_some_and(|at| now.duration_since(at) < CALL_INTERVAL)
        {
            return Vec::new();
        }
        self.called_at = Some(now);
        core::mem::take(&mut self.passers)
    }

    /// Takes everybody out, to be woken.
    pub(crate) fn take(&mut self, ready: &mut impl Extend<Waker>) {
        if !self.holders.is_empty() {
            self.round = self.round.wrapping_add(1);
            ready.extend(self.holders.drain());
        }
        ready.extend(self.passers.drain(..));
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use crate::sync::{AtomicUsize, Ordering};
    use std::sync::Arc;
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            // Relaxed: one thread.
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn a_task_that_polls_again_keeps_one_entry() {
        let (_, waker) = waker();
        let mut waiters = Waiters::default();
        let mut ticket = Ticket::default();
        for _ in 0..100 {
            waiters.pass(waker.clone()).settle();
            waiters.seat(waker.clone(), &mut ticket).settle();
        }
        let mut ready = Vec::new();
        waiters.take(&mut ready);
        assert_eq!(ready.len(), 2);
    }

    #[test]
    fn a_ticket_holder_that_leaves_takes_its_waker_along() {
        let (count, waker) = waker();
        let mut waiters = Waiters::default();
        let mut ticket = Ticket::default();
        waiters.seat(waker, &mut ticket).settle();
        drop(waiters.leave(&mut ticket));
        assert_eq!(Arc::strong_count(&count), 1);
        assert!(ticket.is_blank());
    }

    #[test]
    fn a_ticket_of_an_earlier_round_removes_nobody() {
        let (_, first) = waker();
        let (_, second) = waker();
        let mut waiters = Waiters::default();
        let (mut old, mut new) = (Ticket::default(), Ticket::default());
        waiters.seat(first, &mut old).settle();
        waiters.take(&mut Vec::new());
        waiters.seat(second, &mut new).settle();
        assert!(waiters.leave(&mut old).is_none());
        assert!(waiters.leave(&mut new).is_some());
    }

    #[test]
    fn passers_by_that_lost_interest_are_called_out() {
        let mut waiters = Waiters::default();
        let gone: Vec<_> = (0..LONG)
            .map(|_| {
                let (count, waker) = waker();
                waiters.pass(waker).settle();
                count
            })
            .collect();
        let (last, waker) = waker();
        waiters.pass(waker).settle();
        for count in &gone {
            // Relaxed: one thread.
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
            assert_eq!(Arc::strong_count(count), 1);
        }
        assert_eq!(Arc::strong_count(&last), 2);
    }

    #[test]
    fn many_passers_by_that_do_wait_are_called_out_once() {
        let mut waiters = Waiters::default();
        let tasks: Vec<_> = (0..10 * LONG).map(|_| waker()).collect();
        for _ in 0..10 {
            for (_, waker) in &tasks {
                waiters.pass(waker.clone()).settle();
            }
        }
        // Relaxed: one thread.
        let wakes = tasks.iter().map(|(c, _)| c.0.load(Ordering::Relaxed));
        assert!(wakes.sum::<usize>() <= 2 * tasks.len());
    }

    #[test]
    fn few_or_many_are_all_woken() {
        for many in 0..4 {
            let (counts, wakers): (Vec<_>, Vec<_>) = (0..many).map(|_| waker()).unzip();
            let mut few = Few::default();
            wakers.into_iter().for_each(|waker| few.extend([waker]));
            wake_all(few);
            // Relaxed: one thread.
            assert!(
                counts
                    .iter()
                    .all(|count| count.0.load(Ordering::Relaxed) == 1)
            );
        }
    }

    #[test]
    fn a_waker_that_panics_does_not_keep_the_others_asleep() {
        struct Panics;
        impl Wake for Panics {
            fn wake(self: Arc<Self>) {
                panic!("a waker that panics");
            }
        }
        let (count, waker) = waker();
        wake_all(vec![Waker::from(Arc::new(Panics)), waker]);
        // Relaxed: one thread.
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
