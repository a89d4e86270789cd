//! What the workers of an engine do, and how long their threads run and wait for a processor, from one account to the next.

use std::time::{Duration, Instant};

use super::{Account, Judge};
use crate::scheduler::engine::Engine;
use crate::scheduler::sharing::Limit;
use crate::scheduler::worker::Worker;
use crate::sync::Ordering;
use crate::util::clock;

/// The monitor's, of one engine.
#[derive(Debug)]
pub(in crate::scheduler) struct Books {
    /// When the account under way was begun.
    since: Instant,
    workers: Box<[Balance]>,
    judge: Judge,
    /// What it decided last.
    limit: Option<Limit>,
}

/// Of a worker, up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Balance {
    polls: u64,
    sleeps: u64,
    /// 0: nobody.
    thread: u32,
    /// For how long that has been on a processor, and has waited for one, in nanoseconds.
    ran: u64,
    waited: u64,
}

impl Books {
    pub(in crate::scheduler) fn new(workers: usize) -> Self {
        Self {
            since: Instant::now(),
            workers: vec![Balance::default(); workers].into(),
            judge: Judge::new(),
            limit: None,
        }
    }

    /// To be called at each tick of the monitor: sets the engine's limit. `gets_on`: nothing holds up a worker that counts as one that is awake.
    pub(in crate::scheduler) fn tick(&mut self, engine: &Engine, gets_on: bool) {
        if engine.regular() == 1 {
            return;
        }
        if engine.sharing.is_suspended() {
            self.limit = None;
            self.judge.desist();
            self.begin(engine);
        } else {
            self.turn_the_page(engine);
        }
        engine.sharing.limit_to(self.limit.filter(|_| gets_on));
    }

    /// The next account begins here. To be called when the monitor begins to tick, too: what was before is no part of one.
    pub(in crate::scheduler) fn begin(&mut self, engine: &Engine) {
        if engine.regular() > 1 {
            let _passed = self.close(engine, self.judge.wants_waits());
        }
    }

    /// Whether a limit was set at the last tick.
    pub(in crate::scheduler) fn has_limit(&self) -> bool {
        self.limit.is_some()
    }

    fn turn_the_page(&mut self, engine: &Engine) {
        let with_waits = self.judge.wants_waits();
        if self.judge.wants_account() {
            let account = self.close(engine, with_waits);
            self.limit = self.judge.judge(&account);
            if with_waits || !self.judge.wants_waits() {
                return;
            }
        } else {
            self.judge.pass();
            if !self.judge.wants_account() {
                return;
            }
        }
        self.begin(engine);
    }

    fn close(&mut self, engine: &Engine, with_waits: bool) -> Account {
        let now = Instant::now();
        let mut account = Account {
            lasted: now - self.since,
            ..Account::default()
        };
        self.since = now;
        for (worker, before) in engine.workers.iter().zip(&mut self.workers) {
            let now = Balance::of(worker, with_waits);
            account.polls += since(before.polls, now.polls);
            account.sleeps += since(before.sleeps, now.sleeps);
            if now.thread == before.thread {
                let ran = now.ran.saturating_sub(before.ran);
                account.workers += u32::from(ran > 0);
                account.ran += Duration::from_nanos(ran);
                // No longer than the account, also if the one before could not be read.
                let waited = Duration::from_nanos(now.waited.saturating_sub(before.waited));
                account.waited += waited.min(account.lasted);
            }
            *before = now;
        }
        account
    }
}

/// What was added to a count, which begins anew with each run.
fn since(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

impl Balance {
    fn of(worker: &Worker, with_waits: bool) -> Self {
        let polls = worker.turns.get() / 2;
        // Who is called in vain, or disturbed in the driver's seat, sleeps often, beside one that computes, and is in nobody's way.
        let sleeps = worker
            .stats
            .parks
            .get()
            .saturating_sub(worker.stats.parks_in_vain.get());
        // Relaxed: written when the occupant sat down.
        let thread = worker.thread.load(Ordering::Relaxed);
        // The thread that was at a vacant worker may be elsewhere; 0 is that of one that just sits down.
        if worker.is_vacant() || thread == 0 {
            return Self {
                polls,
                sleeps,
                ..Self::default()
            };
        }
        let waited = with_waits.then(|| clock::waits_of_thread(thread)).flatten();
        Self {
            polls,
            sleeps,
            thread,
            ran: clock::of_thread(thread).unwrap_or(0),
            waited: waited.unwrap_or(0),
        }
    }
}
