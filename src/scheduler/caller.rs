//! The caller of `run` or `block_on`: a worker while it can be, otherwise a guest.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use super::context::{self, Place, Scope};
use super::engine::Engine;
use super::monitor;
use super::occupant::{Occupant, Turn};
use super::parker::Parker;
use super::root::Root;
use crate::sync::Ordering;
use crate::util::budget;
use crate::util::contain::{contain, discard};

struct Caller<'e> {
    scope: &'e Scope,
    engine: &'e Arc<Engine>,
    parker: &'static Parker,
    /// None: a guest.
    seat: Option<Occupant<'e>>,
    /// A guest that was found to block a worker: it takes none but one that no other thread is to be had for.
    barred: bool,
}

/// Polls `future` to its end, next to the engine's tasks. The result is a panic's payload if the future panicked.
pub(crate) fn block_on<F: Future>(
    scope: &Scope,
    future: F,
    location: &'static Location<'static>,
) -> thread::Result<F::Output> {
    let engine = scope.engine();
    let parker = Parker::acquire();
    let config = &engine.config;
    config.greet();

    let mut caller = Caller {
        scope,
        engine,
        parker,
        seat: None,
        barred: false,
    };
    caller.take_seat();
    let root = Root::new(engine, parker, location);
    context::set_root(Some(root.cell()));
    let mut future = ManuallyDrop::new(future);
    let mut result = None;
    caller.drive(&root, &mut |waker| {
        // SAFETY: neither moved nor used again before it is dropped in place below.
        let pinned = unsafe { Pin::new_unchecked(&mut *future) };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            pinned.poll(&mut Context::from_waker(waker))
        }));
        let ended = match polled {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        // In the turn of its last poll, so that the monitor sees for how long it takes.
        // SAFETY: dropped once, and not used again: `drive` polls no more.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe {
            ManuallyDrop::drop(&mut future);
        }));
        result = Some(match (ended, dropped) {
            (Ok(output), Err(payload)) => {
                contain(|| drop(output));
                Err(payload)
            }
            (ended, dropped) => {
                dropped.err().into_iter().for_each(discard);
                ended
            }
        });
        true
    });
    context::set_root(None);
    drop(root);
    caller.give_up_seat();
    config.say_farewell();
    Parker::release(parker);
    result.unwrap_or_else(|| unreachable!("`drive` returns when the root is done"))
}

impl Caller<'_> {
    fn drive(&mut self, root: &Root, poll: &mut dyn FnMut(&std::task::Waker) -> bool) {
        loop {
            if root.is_woken() && !self.lets_pass() && self.poll_root(root, poll) {
                return;
            }
            let Some(seat) = &mut self.seat else {
                self.wait_as_guest(root);
                continue;
            };
            match seat.turn() {
                Turn::Ran => {}
                Turn::Dry => {
                    if !root.is_woken() && !seat.sleep(&|| root.is_woken()) {
                        self.lose_seat();
                    }
                }
                Turn::Unwelcome => {
                    self.barred = true;
                    self.give_up_seat();
                }
                Turn::Lost => {
                    self.lose_seat();
                    self.take_seat();
                }
            }
        }
    }

    /// Whether a task that is queued goes before the root, which was woken.
    fn lets_pass(&self) -> bool {
        let Some(worker) = self.seat.as_ref().map(|seat| seat.worker) else {
            return false;
        };
        let waits = worker.root_waits.get();
        if waits == 0 || !worker.has_work() {
            worker.root_waits.set(0);
            return false;
        }
        worker.root_waits.set(waits - 1);
        true
    }

    fn poll_root(&mut self, root: &Root, poll: &mut dyn FnMut(&std::task::Waker) -> bool) -> bool {
        budget::refill();
        if let Some(seat) = &mut self.seat {
            seat.end_search();
            // Relaxed: a hint for the monitor.
            seat.worker.in_root.store(true, Ordering::Relaxed);
            seat.worker.turns.add(1);
        }
        self.note_root();
        let mark = context::mark();
        let done = root.poll(poll);
        context::resume(&mark);
        if let Some(seat) = &self.seat {
            if seat.is_seated() {
                seat.worker.turns.add(1);
                // Relaxed: as above.
                seat.worker.in_root.store(false, Ordering::Relaxed);
            } else {
                self.lose_seat();
                if !done {
                    self.take_seat();
                }
            }
        }
        done
    }

    /// For the monitor's report: no task is being polled.
    fn note_root(&self) {
        if let Some(seat) = &self.seat
            && self.engine.config.debug
        {
            seat.worker.note_task(None);
        }
    }

    /// Takes a vacant worker, or one whose pool thread sleeps.
    fn take_seat(&mut self) {
        // Arrival comes before the claim: either a closer sees us present, or we see that it closed.
        if !self.runs_tasks() || !self.engine.arrive() {
            return;
        }
        let claimed = if self.barred {
            self.engine.claim_refused()
        } else {
            self.engine.claim_seat()
        };
        let Some(index) = claimed else {
            return self.engine.depart();
        };
        self.seat = Some(Occupant::sit(self.engine, index, self.parker, false));
    }

    /// Leaves the worker in order.
    fn give_up_seat(&mut self) {
        if let Some(mut seat) = self.seat.take() {
            if self.scope.is_alone() {
                // The end of a `run`, with nobody who could ask for numbers: one look at the clock less.
                seat.worker.stats.forget();
            }
            seat.leave();
            self.engine.depart();
        }
    }

    /// The worker is gone already.
    fn lose_seat(&mut self) {
        if self.seat.take().is_some() {
            self.engine.depart();
        }
    }

    fn runs_tasks(&self) -> bool {
        self.engine.config.caller_runs_tasks
    }

    /// A guest polls nothing but its root.
    fn wait_as_guest(&mut self, root: &Root) {
        if self.runs_tasks() {
            self.engine.guests.add(self.parker, self.barred);
            // Whoever leaves a worker after this sees the guest; who left before is seen here.
            self.take_seat();
        }
        if self.seat.is_none() && !root.is_woken() {
            self.parker.park(None);
        }
        self.parker.take_kick();
        if self.runs_tasks() {
            self.engine.guests.remove(self.parker);
            if self.seat.is_none() {
                self.take_seat();
            }
        }
    }
}

impl Engine {
    /// Takes a worker that a caller can have: a vacant one first, then one whose pool thread sleeps, then one for which a thread
    /// was refused.
    fn claim_seat(&self) -> Option<usize> {
        let is_regular = |index: usize| index < self.regular();
        let vacant = |index: usize| is_regular(index) && self.workers[index].is_vacant();
        let from_pool = |index: usize| is_regular(index) && self.workers[index].is_by_pool();
        let asleep = self
            .idle
            .claim_any(vacant)
            .or_else(|| self.idle.claim_any(from_pool));
        let Some(index) = asleep else {
            return self.claim_refused();
        };
        if vacant(index) || from_pool(index) {
            return Some(index);
        }
        // A caller sat down there in between, and sleeps: an ordinary wake for it.
        self.idle.start_searching();
        self.rouse(index);
        self.claim_refused()
    }

    /// Takes a worker for which a thread was refused.
    fn claim_refused(&self) -> Option<usize> {
        let regular = &self.workers[..self.regular()];
        regular.iter().position(|worker| worker.take_refused())
    }

    /// A worker was left, and there was a fence after that: a guest may have it.
    pub(crate) fn offer_to_guest(&self) {
        if let Some(parker) = self.guests.first() {
            parker.kick(|| self.driver.interrupt());
        }
    }
}

/// Runs `f` where it may block: the worker of this thread, if it has one, goes to another thread first.
pub(crate) fn block_in_place<T>(f: impl FnOnce() -> T) -> T {
    struct Restore {
        mark: context::Mark,
        place: Place,
        budget: u8,
    }
    impl Drop for Restore {
        fn drop(&mut self) {
            context::resume(&self.mark);
            context::set_place(self.place);
            budget::restore(self.budget);
        }
    }

    if !context::is_running() {
        return f();
    }
    // Only from inside a poll: a waker that is called between two polls finds the occupant in the middle of its turn.
    if let Some(engine) = context::seated_at()
        && let Some(worker) = context::worker_of(engine)
        && worker.is_in_poll()
    {
        engine.leave(worker, false);
        monitor::arm(engine);
    }
    let mark = context::mark();
    context::cover_guards();
    let _restore = Restore {
        mark,
        place: context::set_place(Place::Blocking),
        budget: budget::suspend(),
    };
    f()
}
