//! How a runtime ends: every future is dropped, every thread leaves, and what others still hold does no harm.
//!
//! 1. *Close*: the flag is set, foreign spawns are refused (under their locks); sleeping workers are taken out of service, their occupants sent away, of whom
//!    those with nothing in hand need not be waited for;
//!    occupants that are awake see the flag at their next boundary and leave.
//! 2. *Cancel*: walk the pages; an idle task is claimed and its future dropped; a scheduled or running one is marked, and dropped where its turn comes up.
//! 3. *Wait* until nobody is present, then cancel what is left, until a walk finds no living task. What a foreign thread pushes meanwhile it drains itself:
//!    push; fence; closed? against close; fence; drain.
//! 4. *Retire* the pages: see `task::pages`.

use std::ptr::NonNull;
use std::time::Instant;

use super::cache;
use super::context;
use super::engine::Engine;
use super::parker::Parker;
use super::schedule::cancel_queued;
use super::worker::{self, Worker};
use crate::queue::Stolen;
use crate::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering, fence, fence_behind_rmw};
use crate::task::Header;
use crate::task::current::Aside;
use crate::task::state::Claim;
use crate::util::contain::contain;
use crate::util::report::warning;

/// The closed flag, the count of threads at work, and the word between them.
#[derive(Debug)]
pub(crate) struct Closing {
    closed: AtomicBool,
    /// Threads that occupy a worker (or are on their way to one), or run blocking calls.
    present: AtomicUsize,
    /// Counts what the closer waits for: departures, and tasks cancelled by others.
    events: Mutex<u64>,
    changed: Condvar,
}

thread_local! {
    /// The engine whose tasks this thread is cancelling, further up on its stack.
    static DRAINING: std::cell::Cell<*const Engine> = const { std::cell::Cell::new(std::ptr::null()) };
}

impl Closing {
    pub(crate) fn new() -> Self {
        Self {
            closed: AtomicBool::new(false),
            present: AtomicUsize::new(0),
            events: Mutex::new(0),
            changed: Condvar::new(),
        }
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the Release in `close`. Where a protocol needs more, there is a fence.
        self.closed.load(Ordering::Acquire)
    }

    /// Whoever is about to work for the engine says so first. False: it is closed, and there is nothing to do.
    #[must_use]
    pub(crate) fn arrive(&self) -> bool {
        // Relaxed: ordered by the fence.
        self.present.fetch_add(1, Ordering::Relaxed);
        // Pairs with the fence in `close`: either the closer sees us present, or we see the flag.
        fence_behind_rmw();
        if self.is_closed() {
            self.depart();
            return false;
        }
        true
    }

    /// The last that a departing thread does with the engine, but for giving back its Arc.
    pub(crate) fn depart(&self) {
        // Release: pairs with the Acquire in `is_deserted`: what this thread did comes before the end.
        self.present.fetch_sub(1, Ordering::Release);
        // Pairs with the fence in `close`: either we see the flag, or the closer sees us gone.
        fence_behind_rmw();
        if self.is_closed() {
            self.signal();
        }
    }

    pub(crate) fn is_deserted(&self) -> bool {
        // Acquire: pairs with the Release in `depart`.
        self.present.load(Ordering::Acquire) == 0
    }

    pub(super) fn signal(&self) {
        *self.events.lock() += 1;
        self.changed.notify_all();
    }

    fn events(&self) -> u64 {
        *self.events.lock()
    }

    /// Waits for another event than the first `seen`. False: the time is over.
    fn wait_past(&self, seen: u64, deadline: Option<Instant>) -> bool {
        let mut events = self.events.lock();
        while *events == seen {
            events = match deadline {
                None => self.changed.wait(events),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(events, left)
                }
            };
        }
        true
    }

    /// Only for an engine that nobody else can reach.
    pub(crate) fn reopen(&self) {
        // Relaxed: the engine goes to its next user through a lock.
        self.closed.store(false, Ordering::Relaxed);
    }
}

impl Engine {
    /// Steps 1 and 2. False: it was closed already.
    pub(crate) fn close(&self) -> bool {
        // Release: pairs with the Acquire in `is_closed`.
        let say = || self.closing.closed.store(true, Ordering::Release);
        if !self.foreign.close(say) {
            return false;
        }
        // Pairs with the fences of pushers (`Idle::wants_call`), sleepers (`Idle::sleep`) and `depart`.
        fence(Ordering::SeqCst);
        for seat in &self.workers {
            seat.draw_attention(worker::CLOSE);
            if self.idle.claim(seat.index)
                && let Some(evicted) = seat.vacate()
            {
                self.send_away(evicted);
            } else if let Some(awake) = seat.parker() {
                // It may nap.
                awake.kick(|| self.driver.interrupt());
            }
        }
        let mut woken = Vec::new();
        if let Some(reactor) = self.driver.existing_reactor() {
            reactor.close(&mut woken);
        }
        self.timers().drain(&mut woken);
        for waker in woken {
            context::call(|| contain(|| waker.wake()));
        }
        self.cancel_queued_blocking();
        self.drain_injector();
        self.cancel_idle();
        true
    }

    /// Of a closed engine. Whoever only rests need not come to say that it has gone, which may take the system longer than a whole run; but hooks
    /// run before the end, and closing the descriptors of an engine that is not kept is not left to a thread that has not even woken up.
    fn send_away(&self, evicted: &'static Parker) {
        let interrupt = || self.driver.interrupt();
        let is_kept = cache::is_for(&self.config);
        if !is_kept && (self.config.has_hooks() || self.driver.existing_reactor().is_some()) {
            evicted.unpark(interrupt);
        } else if evicted.dismiss(interrupt) {
            self.closing.depart();
        }
    }

    /// Takes a sleeping worker out of service, and sends its occupant away.
    pub(super) fn decommission(&self, worker: &Worker) {
        if self.idle.claim(worker.index)
            && let Some(evicted) = worker.vacate()
        {
            evicted.unpark(|| self.driver.interrupt());
        }
    }

    /// Step 3. False: the time was over before everybody had left.
    pub(crate) fn wait_until_deserted(&self, deadline: Option<Instant>) -> bool {
        loop {
            let seen = self.closing.events();
            if self.closing.is_deserted() {
                return true;
            }
            if !self.closing.wait_past(seen, deadline) {
                return false;
            }
        }
    }

    /// The end of step 3, and step 4. For the one closer, after everybody has left.
    pub(crate) fn finish_closing(&self) {
        loop {
            let seen = self.closing.events();
            self.cancel_queued_blocking();
            self.drain_injector();
            for worker in &self.workers {
                // SAFETY: nobody occupies a worker any more, and nobody can: the closer owns them all.
                while let Some(task) = unsafe { worker.drain() } {
                    cancel(task);
                }
            }
            if self.cancel_idle() == 0 {
                break;
            }
            // A foreign thread is between waking a task and pushing it, or drops one: it will say so.
            self.closing.wait_past(seen, None);
        }
        self.store.close();
        self.retire();
        // Release: pairs with the Acquire in `is_closed`: whoever was not waited for, and is the last to know the engine, comes after all this. So
        // say the Arcs, but with a fence, which ThreadSanitizer does not understand.
        self.closing.closed.store(true, Ordering::Release);
    }

    /// Cancels the tasks that wait for something. Returns how many are in a queue or being polled.
    fn cancel_idle(&self) -> usize {
        let mut tasks = Vec::new();
        self.page_sets().for_each(|set| set.living(&mut tasks));
        let mut busy = 0;
        let before = DRAINING.replace(self);
        for task in tasks {
            let header = task.header();
            if !header.vtable.walkable {
                continue;
            }
            match header.state.claim_idle() {
                Claim::Claimed => {
                    if self.config.debug {
                        warning!("{header:?} was cancelled because its runtime ended");
                    }
                    let _aside = Aside::for_task(task.as_ptr());
                    // SAFETY: claimed just now, and the walk's reference outlasts the call.
                    unsafe { (header.vtable.cancel)(task.as_ptr()) };
                    // The hub of a batch is not complete while one of its elements or ranges is busy.
                    busy += usize::from(!header.state.is_complete());
                }
                Claim::Busy => busy += 1,
                Claim::Complete => {}
            }
        }
        if !std::ptr::eq(before, self) {
            DRAINING.set(before);
            self.drain_injector();
        }
        busy
    }

    /// Cancels what is in the injector of a closed engine.
    pub(crate) fn drain_injector(&self) {
        let before = DRAINING.replace(self);
        if std::ptr::eq(before, self) {
            return; // The one further up goes on.
        }
        let mut found = false;
        loop {
            match self.steal_any() {
                Stolen::One(task) => {
                    found = true;
                    cancel(task);
                }
                Stolen::Retry => {}
                Stolen::Nothing => break,
            }
        }
        DRAINING.set(before);
        if found {
            self.closing.signal();
        }
    }

    fn steal_any(&self) -> Stolen {
        let mut result = self.injector.steal();
        for worker in &self.workers {
            if !matches!(result, Stolen::Nothing) {
                break;
            }
            result = worker.stealer.steal();
        }
        result
    }

    fn cancel_queued_blocking(&self) {
        while let Some(task) = self.blocking.take_queued() {
            cancel(task);
        }
    }
}

/// Cancels a task that was taken from a queue, perhaps in the middle of another one's poll.
pub(super) fn cancel(task: NonNull<Header>) {
    let _aside = Aside::for_task(task);
    cancel_queued(task);
}
