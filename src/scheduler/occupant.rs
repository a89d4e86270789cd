//! A thread's stay at a worker: one turn after the other, and sleep in between.

mod sleep;

use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

use super::context::{self, Place, Scope};
use super::engine::Engine;
use super::monitor;
use super::parker::Parker;
use super::worker::{CLOSE, Worker, YIELD_SEAT};
use crate::driver::Handover;
use crate::queue::Stolen;
use crate::sync::Ordering;
use crate::task::{self, Header};
use crate::util::budget;
use crate::util::contain::contain;

/// Every so many polls a busy worker looks at the poller and the timers. A prime, so that it falls into step with nothing.
const LOOK_EVERY: u32 = 61;
/// And every so many at the injector, which is no system call.
const INJECTOR_EVERY: u32 = 3;
/// So many times in a row the next slot goes before the queue.
const MAX_STREAK: u64 = 3;

/// The thread that sits at a worker.
pub(crate) struct Occupant<'e> {
    engine: &'e Engine,
    pub(crate) worker: &'e Worker,
    parker: &'static Parker,
    /// Counted among the searchers.
    searching: bool,
    /// Polls from the last look at the poller and the timers up to the next one at the injector.
    since_look: u32,
    /// Polls until that.
    until_injector: u32,
    rng: fastrand::Rng,
    woken: Vec<Waker>,
}

/// What a turn did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Ran,
    /// Nothing to run anywhere.
    Dry,
    /// The monitor found this thread stuck in a task, and asks it to give the worker up.
    Unwelcome,
    /// The worker is no longer this thread's.
    Lost,
}

/// A pool thread's stay, from a request to the thread's way back to the pool.
pub(super) fn serve(engine: Arc<Engine>, index: usize, parker: &'static Parker) {
    let scope = Scope::enter(engine, Place::Running);
    scope.engine().config.greet();
    {
        let engine: &Engine = scope.engine();
        let mut occupant = Occupant::sit(engine, index, parker, true);
        occupant.searching = true;
        loop {
            let stays = match occupant.turn() {
                Turn::Ran => true,
                Turn::Dry => occupant.sleep(&|| false),
                Turn::Unwelcome => unreachable!("asked of callers only"),
                Turn::Lost => false,
            };
            if !stays {
                break;
            }
        }
    }
    scope.engine().config.say_farewell();
    scope.leave().depart();
}

impl<'e> Occupant<'e> {
    /// Sits down at a worker that the caller owns. Another occupant, asleep there, is sent away.
    pub(crate) fn sit(
        engine: &'e Engine,
        index: usize,
        parker: &'static Parker,
        by_pool: bool,
    ) -> Self {
        let worker: &Worker = &engine.workers[index];
        // What was asked of the last occupant is not asked of this one.
        worker.calm(YIELD_SEAT);
        // Relaxed: a hint for the monitor.
        worker.in_root.store(false, Ordering::Relaxed);
        worker.streak.set(0);
        worker.root_waits.set(0);
        let evicted = worker.seat(parker, by_pool);
        if let Some(evicted) = evicted {
            evicted.unpark(|| engine.driver.interrupt());
        }
        // Relaxed: read by the monitor, at its leisure.
        worker
            .thread
            .store(monitor::this_thread(), Ordering::Relaxed);
        worker.stats.woke_at(engine.now());
        context::set_worker(Some(worker));
        // A caller alone with its root has nobody to hold up: its first push arms.
        if by_pool || evicted.is_some() || engine.driver.has_duties() {
            monitor::arm(engine);
        }
        Self {
            engine,
            worker,
            parker,
            searching: false,
            since_look: INJECTOR_EVERY,
            until_injector: INJECTOR_EVERY,
            rng: fastrand::Rng::with_seed(index as u64 + 1),
            woken: Vec::new(),
        }
    }

    /// Whether the worker is still this thread's: a poll may have given it away.
    pub(crate) fn is_seated(&self) -> bool {
        self.worker.is_seated(self.parker)
    }

    /// Runs one task, if there is one.
    pub(crate) fn turn(&mut self) -> Turn {
        if self.worker.attention() != 0
            && let Some(end) = self.heed()
        {
            return end;
        }
        let Some(task) = self.find() else {
            return Turn::Dry;
        };
        self.end_search();
        self.run(task);
        if self.is_seated() {
            Turn::Ran
        } else {
            Turn::Lost
        }
    }

    /// What is asked of the occupant, if it is still meant for this one.
    #[cold]
    fn heed(&mut self) -> Option<Turn> {
        if self.worker.attention() & CLOSE != 0 {
            self.step_out();
            return Some(Turn::Lost);
        }
        self.worker.calm(YIELD_SEAT);
        (!self.worker.is_by_pool()).then_some(Turn::Unwelcome)
    }

    fn run(&mut self, task: NonNull<Header>) {
        if self.worker.streak.get() == 0 {
            budget::refill();
        }
        if self.engine.config.debug {
            // SAFETY: the entry in hand is covered by the runtime's reference.
            self.worker.note_task(Some(&unsafe { task.as_ref() }.meta));
        }
        context::set_task(Some(task));
        self.worker.turns.add(1);
        let mark = context::mark();
        let begun = self.worker.turns.get();
        // SAFETY: the entry taken from a queue is the right to this turn.
        unsafe { task::run(task) };
        context::set_task(None);
        context::resume(&mark, self.is_seated());
        if self.is_seated() {
            // The turn of a batch's ticket makes many polls.
            let more = self.worker.turns.get().wrapping_sub(begun) / 2;
            let more = u32::try_from(more).unwrap_or(LOOK_EVERY).min(LOOK_EVERY);
            if more > 0 {
                self.since_look += more;
                self.until_injector = self.until_injector.saturating_sub(more);
            }
            self.worker.turns.add(1);
        }
    }

    fn find(&mut self) -> Option<NonNull<Header>> {
        self.until_injector = self.until_injector.saturating_sub(1);
        if self.until_injector == 0
            && let Some(task) = self.look_around()
        {
            return Some(task);
        }
        self.next_of_own().or_else(|| self.search())
    }

    /// Looks at what others bring, before the own queue.
    #[inline(never)]
    fn look_around(&mut self) -> Option<NonNull<Header>> {
        if self.since_look >= LOOK_EVERY {
            self.since_look = 0;
            self.look();
        }
        self.look_again_after(INJECTOR_EVERY);
        if self.engine.injector.is_empty() {
            return None;
        }
        let Stolen::One(task) = self.take_injected() else {
            return None;
        };
        self.worker.streak.set(0);
        Some(task)
    }

    fn look_again_after(&mut self, polls: u32) {
        self.until_injector = polls;
        self.since_look += polls;
    }

    /// A task of the injector. Others come with it, behind those of the own queue: until they had their turns nobody looks there
    /// again, as the look disturbs who pushes.
    fn take_injected(&mut self) -> Stolen {
        // SAFETY: this thread occupies the worker.
        let before = unsafe { self.worker.local.len() };
        // SAFETY: as above.
        let stolen = unsafe { self.engine.injector.steal_batch_and_pop(&self.worker.local) };
        // SAFETY: as above.
        let came = unsafe { self.worker.local.len() }.saturating_sub(before);
        if came > 0 {
            self.look_again_after(INJECTOR_EVERY + u32::try_from(came).unwrap_or(0));
        }
        stolen
    }

    #[inline]
    fn next_of_own(&mut self) -> Option<NonNull<Header>> {
        let streak = &self.worker.streak;
        if let Some(task) = self.worker.next.take() {
            if streak.get() < MAX_STREAK && budget::has_budget() {
                streak.add(1);
                return Some(task);
            }
            // SAFETY: this thread occupies the worker.
            unsafe { self.worker.local.push(task) };
        }
        streak.set(0);
        // SAFETY: as above.
        unsafe { self.worker.local.pop() }
    }

    /// A quick look at the poller and the timers.
    fn look(&mut self) {
        let handover = self.engine.driver.look(&mut self.woken);
        self.wake_all();
        if handover == Handover::Wanted {
            self.engine.notify();
        }
    }

    fn wake_all(&mut self) {
        for waker in self.woken.drain(..) {
            contain(|| waker.wake());
        }
    }

    fn search(&mut self) -> Option<NonNull<Header>> {
        if !self.searching {
            self.searching = true;
            self.engine.idle.start_searching();
        }
        let others = self.engine.workers.len();
        let mut contended = false;
        loop {
            let mut again = false;
            match self.take_injected() {
                Stolen::One(task) => return Some(task),
                Stolen::Retry => again = true,
                Stolen::Nothing => {}
            }
            let start = self.rng.usize(..others);
            for victim in (start..others).chain(0..start) {
                match self.steal_from(&self.engine.workers[victim], contended) {
                    Stolen::One(task) => {
                        self.worker.stats.steals.add(1);
                        return Some(task);
                    }
                    Stolen::Retry => again = true,
                    Stolen::Nothing => {}
                }
            }
            if !again {
                return None;
            }
            contended = true;
            std::hint::spin_loop();
        }
    }

    /// A batch, or after a lost race one task: the copying of a batch loses again and again to an owner who pops.
    fn steal_from(&self, victim: &Worker, contended: bool) -> Stolen {
        if victim.index == self.worker.index || !victim.has_work() {
            Stolen::Nothing
        } else if contended {
            victim.stealer.steal()
        } else {
            // SAFETY: this thread occupies the worker.
            unsafe { victim.stealer.steal_batch_and_pop(&self.worker.local) }
        }
    }
}
