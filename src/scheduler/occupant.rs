//! A thread's stay at a worker: one turn after the other, and sleep in between.

mod disturbed;
mod nap;
mod pace;
mod sleep;

use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::cache;
use super::context::{self, Place, Scope};
use super::engine::Engine;
use super::monitor;
use super::parker::Parker;
use super::worker::{CLOSE, Worker, YIELD_SEAT};
use crate::driver::Handover;
use crate::queue::Stolen;
use crate::sync::Ordering;
use crate::task::{self, Header};
use crate::timer::Own;
use crate::util::budget;
use crate::util::contain::contain;
use disturbed::Disturbed;
use nap::Naps;
pub(super) use pace::DRIVER_EVERY;
use pace::Pace;

/// So many times in a row the next slot goes before the queue.
const MAX_STREAK: u8 = 3;

/// Under a limit, polls that take so long are not left to one worker.
const LONG_POLL: Duration = Duration::from_micros(250);

/// The thread that sits at a worker.
pub(crate) struct Occupant<'e> {
    engine: &'e Engine,
    pub(crate) worker: &'e Worker,
    parker: &'static Parker,
    /// Counted among the searchers.
    searching: bool,
    pace: Pace,
    /// How often the next slot went before the queue since the queue had a turn.
    streak: u8,
    /// The last sleep was over at once.
    brief: bool,
    /// Under a limit: when, and at which turn, it was last looked how long polls take.
    timed: Option<(Instant, u64)>,
    /// And they took long.
    had_long_polls: bool,
    /// None: it has not been called so far.
    naps: Option<Box<Naps>>,
    disturbed: Disturbed,
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
    let is_dismissed = parker.take_dismissal();
    let engine = scope.leave();
    if is_dismissed {
        cache::hand_back(engine);
    } else {
        engine.depart();
    }
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
        if worker.attention() & YIELD_SEAT != 0 {
            worker.calm(YIELD_SEAT);
        }
        // Relaxed: a hint for the monitor.
        worker.in_root.store(false, Ordering::Relaxed);
        worker.root_waits.set(0);
        engine.idle.put_to_use(index);
        let evicted = worker.seat(parker, by_pool);
        if let Some(evicted) = evicted {
            evicted.unpark(|| engine.driver.interrupt());
        }
        // Relaxed: read by the monitor, at its leisure.
        worker
            .thread
            .store(monitor::this_thread(), Ordering::Relaxed);
        worker.stats.wakes();
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
            pace: Pace::new(),
            streak: 0,
            brief: false,
            timed: None,
            had_long_polls: false,
            naps: None,
            disturbed: Disturbed::default(),
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
        if self.run(task) {
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

    /// Whether the worker is still this thread's afterwards.
    fn run(&mut self, task: NonNull<Header>) -> bool {
        if self.worker.is_from_queue.get() {
            budget::refill();
        }
        if self.engine.config.debug {
            // SAFETY: the entry in hand is covered by the runtime's reference.
            self.worker.note_task(Some(&unsafe { task.as_ref() }.meta));
        }
        context::set_task(Some(task));
        let begun = self.worker.turns.get().wrapping_add(1);
        self.worker.turns.set(begun);
        let mark = context::mark();
        // SAFETY: the entry taken from a queue is the right to this turn.
        unsafe { task::run(task) };
        context::set_task(None);
        let is_seated = self.is_seated();
        context::resume(&mark);
        if is_seated {
            let turns = self.worker.turns.get();
            if turns != begun {
                // The turn of a batch's ticket makes many polls.
                let more = turns.wrapping_sub(begun) / 2;
                self.pace.skip(u32::try_from(more).unwrap_or(u32::MAX));
            }
            self.worker.turns.set(turns.wrapping_add(1));
        }
        is_seated
    }

    fn find(&mut self) -> Option<NonNull<Header>> {
        if self.pace.step() {
            self.has_run(false);
            if self.engine.sharing.times_polls() {
                self.mind_long_polls();
            }
            let due = self.pace.due();
            if due.driver {
                self.look();
                if self.engine.driver.is_left_to_looks() {
                    self.pace.look_soon();
                }
            }
            if due.injector
                && !self.engine.injector.is_empty()
                && let Some(task) = self.next_of_injector()
            {
                return Some(task);
            }
        }
        self.next_of_own().or_else(|| self.search())
    }

    /// A limit is for short polls. Whoever has long ones lifts it until the monitor's next tick, and calls others for what waits behind them. A thread that was without a
    /// processor for a while has one look that says so, not two.
    #[cold]
    fn mind_long_polls(&mut self) {
        let (now, turn) = (Instant::now(), self.worker.turns.get());
        // One from long ago was under another limit.
        let before = self.timed.replace((now, turn));
        let before = before.filter(|(since, _)| now - *since < 2 * monitor::TICK);
        let are_long = before.is_some_and(|(since, first)| {
            let polls = u32::try_from(turn.wrapping_sub(first) / 2).unwrap_or(u32::MAX);
            now - since >= LONG_POLL.saturating_mul(polls.max(1))
        });
        if std::mem::replace(&mut self.had_long_polls, are_long) && are_long {
            self.engine.sharing.limit_to(None);
            if self.engine.has_work() || self.engine.driver.is_unattended() {
                self.engine.notify();
            }
        }
    }

    /// A task of the injector, which goes before those of this worker.
    #[inline(never)]
    fn next_of_injector(&mut self) -> Option<NonNull<Header>> {
        let (Stolen::One(task), came) = self.take_injected() else {
            return None;
        };
        if came > 0 {
            // Others came along, which one that goes to sleep may have seen neither there nor here.
            // SAFETY: this thread occupies the worker.
            unsafe { self.engine.notify_of(self.worker) };
        }
        // What the next slot owes to the queue it still owes.
        self.worker.is_from_queue.set(true);
        Some(task)
    }

    /// A task of the injector, and how many others came with it, which stand behind those of the own queue. The next look is put off by these:
    /// each look disturbs those who push, and they are to get no more than half of a worker.
    fn take_injected(&mut self) -> (Stolen, usize) {
        // SAFETY: this thread occupies the worker.
        let before = unsafe { self.worker.local.len() };
        // SAFETY: as above.
        let stolen = unsafe { self.engine.injector.steal_batch_and_pop(&self.worker.local) };
        // SAFETY: as above.
        let came = unsafe { self.worker.local.len() }.saturating_sub(before);
        self.pace.came(came);
        (stolen, came)
    }

    #[inline]
    fn next_of_own(&mut self) -> Option<NonNull<Header>> {
        let worker = self.worker;
        let next = worker.next.take();
        if next.is_some() && self.streak < MAX_STREAK && budget::has_budget() {
            self.streak += 1;
            worker.is_from_queue.set(false);
            return next;
        }
        self.streak = 0;
        worker.is_from_queue.set(true);
        match next {
            // SAFETY: this thread occupies the worker.
            Some(task) => unsafe { worker.local.exchange(task) },
            // SAFETY: as above.
            None => unsafe { worker.local.pop() },
        }
    }

    /// A quick look at the poller and the timers. Whether somebody was woken.
    #[inline(never)]
    fn look(&mut self) -> bool {
        // SAFETY: this thread occupies the worker.
        let own = unsafe { Own::shard(self.worker.index) };
        let handover = self.engine.driver.look(own, &mut self.woken);
        let any = !self.woken.is_empty();
        self.wake_all();
        if handover == Handover::Wanted {
            self.engine.notify();
        }
        any
    }

    fn wake_all(&mut self) {
        for waker in self.woken.drain(..) {
            context::call(|| contain(|| waker.wake()));
        }
    }

    fn search(&mut self) -> Option<NonNull<Header>> {
        if !self.searching {
            self.searching = true;
            self.engine.idle.start_searching();
            self.has_run(true);
        }
        let all = self.engine.workers.len();
        let mut contended = false;
        loop {
            let mut again = false;
            match self.take_injected().0 {
                Stolen::One(task) => {
                    self.is_wanted();
                    return Some(task);
                }
                Stolen::Retry => again = true,
                Stolen::Nothing => {}
            }
            let start = self.rng.usize(..all);
            for victim in self.engine.idle.in_use(start) {
                let victim = &self.engine.workers[victim];
                match self.steal_from(victim, contended) {
                    Stolen::One(task) => {
                        self.worker.stats.steals.add(1);
                        self.finds(victim);
                        return Some(task);
                    }
                    Stolen::Retry => again = true,
                    Stolen::Nothing => {}
                }
            }
            // A lost race is no empty queue. Who naps meanwhile looks again after that.
            if !again || self.is_likely_to_nap() {
                return None;
            }
            contended = true;
            std::hint::spin_loop();
        }
    }

    /// A batch, or after a lost race one task: the copying of a batch loses again and again to an owner who pops.
    fn steal_from(&self, victim: &Worker, contended: bool) -> Stolen {
        if victim.index == self.worker.index || !self.engine.is_shared(victim, Some(self.worker)) {
            Stolen::Nothing
        } else if contended {
            victim.stealer.steal()
        } else {
            // SAFETY: this thread occupies the worker.
            unsafe { victim.stealer.steal_batch_and_pop(&self.worker.local) }
        }
    }
}
