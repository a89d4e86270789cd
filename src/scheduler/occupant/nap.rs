//! Short sleeps of a worker that was called in vain again and again.
//!
//! To call a worker takes both sides longer than many a task. Whoever has only small things to share, such as the tasks of a `gather` of three that are
//! ready at once, is through with them before the one that was called is there. That one finds nothing, goes to sleep, and is called for the next.
//!
//! So a worker that was called in vain many times in a row, while others are awake, does not go to sleep at once. It *naps*: for so long it stays what it is, a searcher, so
//! that nobody calls it; then it searches again. What it would have been called for waits for the end of the nap, at most. What comes from outside,
//! or takes as long as a call in turns that are not short, is worth one, and ends this.
//!
//! Of many short tasks it cannot be told what they would have taken where they were: a task that is stolen takes several times as long, the more the farther
//! two processors are from one another. So it is tried. *Calls for such are in doubt* until a nap shows how many turns there are without them.
//!
//! A searcher looks at all queues before it falls asleep, whatever it does until then, so nothing else has to know of naps: they have an end.

use std::time::{Duration, Instant};

use super::Occupant;
use crate::driver::Handover;
use crate::scheduler::engine::Engine;
use crate::scheduler::worker::Worker;
use find::{Find, Outcome, Verdict, Victim, Work};

mod find;
#[cfg(all(test, not(heist_loom)))]
mod tests;

/// So often in a row.
const OFTEN: u8 = 16;
/// How long a nap is, at most. Each takes some 25 µs of a processor that has nothing else to do.
const NAP: Duration = Duration::from_micros(200);
/// So many naps in a row after which there was nothing to do.
const EMPTY: u8 = 16;
/// So many calls in doubt are taken for worth it, if it is found that they are, ...
const TRUSTED: u16 = 256;
/// ... and so many naps are had, if it is found that they are not, before it is tried again.
const MOST_NAPS: u16 = 512;
/// By so much more turns in the same time.
const LEAST_GAIN: f64 = 1.05;
/// A row in doubt that takes longer is none: there is not so much to do that turns could be compared.
const LONGEST_ROW: Duration = Duration::from_millis(50);

/// What has come of the last call, or nap.
#[derive(Debug, Default)]
enum Call {
    /// That is known.
    #[default]
    Judged,
    /// What was found so far is over.
    Open(Work),
    /// Tasks of another worker's queue were found.
    Found(Find),
}

/// How many turns all workers had at some time.
#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    turns: u64,
}

impl Reading {
    fn of(engine: &Engine) -> Self {
        let turns = engine.workers.iter().map(|worker| worker.turns.get() / 2);
        Self {
            at: Instant::now(),
            turns: turns.fold(0, u64::wrapping_add),
        }
    }

    fn until(self, later: Self) -> Work {
        Work {
            turns: later.turns.wrapping_sub(self.turns),
            time: later.at - self.at,
        }
    }
}

/// What an occupant remembers of its calls and naps.
#[derive(Debug, Default)]
pub(super) struct Naps {
    call: Call,
    /// So many calls in a row were in vain, or in doubt.
    in_vain: u8,
    /// So many of them were in doubt, or of those since the first nap.
    in_doubt: u8,
    /// So many that are in doubt are taken for worth it.
    trusted: u16,
    /// When it had nothing to do after the first calls of the row.
    first: Option<Reading>,
    /// What all workers did between that and the first nap, if most calls of the row were in doubt.
    called: Option<Work>,
    /// What they did during naps since then.
    napping: Work,
    /// How many naps those were.
    naps: u16,
    empty: u8,
    /// The turn in which it began the last one.
    turn: u64,
}

impl Naps {
    /// The occupant was called, or goes to search once more.
    fn gets_up(&mut self) {
        self.call = Call::Open(Work::default());
    }

    /// It takes so many tasks from another worker's queue, after its turn number `turn`.
    fn finds(&mut self, tasks: usize, turn: u64, victim: Victim) {
        if let Call::Open(before) = self.call {
            self.call = Call::Found(Find::new(before, tasks, turn, victim));
        }
    }

    /// Something has come from outside.
    fn is_wanted(&mut self) {
        self.judge(Verdict::Worth);
    }

    /// Whether the last call was.
    fn was_in_vain(&self) -> bool {
        self.in_vain > 0
    }

    /// Whether it will nap if it finds nothing.
    fn are_likely(&self) -> bool {
        self.in_vain >= OFTEN
    }

    /// It has run one or more of the tasks that it found, up to its turn number `turn`; `is_over`: and nothing is left of them.
    #[inline]
    fn has_run(&mut self, turn: u64, is_over: bool, turn_of: impl FnOnce(usize) -> u64) {
        if let Call::Found(find) = &mut self.call {
            match find.look(turn, is_over, turn_of) {
                Outcome::Unknown => {}
                Outcome::Over(work) => self.call = Call::Open(work),
                Outcome::Judged(verdict) => self.judge(verdict),
            }
        }
    }

    #[cold]
    fn judge(&mut self, verdict: Verdict) {
        self.call = Call::Judged;
        let is_trusted = verdict == Verdict::InDoubt && self.trusted > 0;
        if is_trusted {
            self.trusted -= 1;
        }
        if is_trusted || verdict == Verdict::Worth {
            self.begins_row();
            return;
        }
        self.in_vain = OFTEN.min(self.in_vain + 1);
        if verdict == Verdict::InDoubt {
            self.in_doubt = OFTEN.min(self.in_doubt + 1);
        } else if self.naps > 0 {
            self.in_doubt = self.in_doubt.saturating_sub(1);
        }
        if self.naps > 0 && self.called.is_none() && self.is_mostly_in_doubt() {
            // Before they were in vain.
            self.begins_row();
        }
    }

    fn is_mostly_in_doubt(&self) -> bool {
        2 * self.in_doubt >= OFTEN
    }

    /// Whether the row takes very long.
    fn is_long(&self, now: Instant) -> bool {
        self.first.is_some_and(|first| now - first.at > LONGEST_ROW)
    }

    fn begins_row(&mut self) {
        (self.in_vain, self.in_doubt, self.naps) = (0, 0, 0);
        self.first = None;
    }

    /// It has nothing to do since its turn number `turn`. Whether it naps.
    fn is_due(&mut self, turn: u64, reading: impl Fn() -> Reading) -> bool {
        if matches!(self.call, Call::Open(_)) {
            self.judge(Verdict::InVain);
        }
        // Most rows are short.
        if self.in_vain > 1 && self.first.is_none() {
            self.first = Some(reading());
        }
        let is_first_nap = self.in_vain >= OFTEN && self.naps == 0;
        if is_first_nap && self.is_mostly_in_doubt() && self.is_long(reading().at) {
            self.begins_row();
        }
        let found_nothing = std::mem::replace(&mut self.turn, turn) == turn;
        self.empty = if found_nothing { self.empty + 1 } else { 0 };
        let is_due = self.in_vain >= OFTEN && self.empty < EMPTY;
        if !is_due {
            self.empty = 0;
        }
        is_due
    }

    /// A nap is over. If nothing came from outside meanwhile, it tells what all workers do without calls.
    fn has_napped(&mut self, begin: Reading, end: Reading) {
        if !self.are_likely() {
            return;
        }
        if self.naps == 0 {
            let first = self.first.filter(|_| self.is_mostly_in_doubt());
            self.called = first.map(|first| first.until(begin));
            self.napping = Work::default();
            self.in_doubt = 0;
        }
        self.naps += 1;
        self.napping += begin.until(end);
        // A short one says little.
        let gains = |called: Work| {
            self.napping.time >= NAP && called.rate() > LEAST_GAIN * self.napping.rate()
        };
        if self.called.is_some_and(gains) {
            self.trusted = TRUSTED;
            self.begins_row();
        } else if self.naps == MOST_NAPS {
            self.begins_row();
        }
    }
}

impl Occupant<'_> {
    /// It was called, or goes to search once more.
    pub(super) fn gets_up(&mut self) {
        self.naps.get_or_insert_default().gets_up();
    }

    /// It takes something from the queue of `victim`, in part into its own.
    pub(super) fn finds(&mut self, victim: &Worker) {
        if let Some(naps) = &mut self.naps
            && matches!(naps.call, Call::Open(_))
        {
            // SAFETY: this thread occupies the worker.
            let tasks = unsafe { self.worker.local.len() } + 1;
            let turn = self.worker.turns.get();
            let victim = Victim {
                worker: victim.index,
                turn: victim.turns.get(),
            };
            naps.finds(tasks, turn, victim);
        }
    }

    /// Something has come from outside.
    pub(super) fn is_wanted(&mut self) {
        if let Some(naps) = &mut self.naps {
            naps.is_wanted();
        }
    }

    /// It has had turns. `is_over`: and searches again.
    #[inline]
    pub(super) fn has_run(&mut self, is_over: bool) {
        if let Some(naps) = &mut self.naps {
            let workers = &self.engine.workers;
            let turn_of = |other: usize| workers[other].turns.get();
            naps.has_run(self.worker.turns.get(), is_over, turn_of);
        }
    }

    pub(super) fn was_called_in_vain(&self) -> bool {
        self.naps.as_ref().is_some_and(|naps| naps.was_in_vain())
    }

    pub(super) fn is_likely_to_nap(&self) -> bool {
        self.naps.as_ref().is_some_and(|naps| naps.are_likely())
    }

    /// Naps instead of going to sleep, if that is due. True: it has, and is to search again.
    pub(super) fn naps(&mut self, recalled: &dyn Fn() -> bool) -> bool {
        // Under a limit nobody calls anyway.
        if !self.searching || self.engine.sharing.is_limited() {
            return false;
        }
        let turn = self.worker.turns.get();
        let engine = self.engine;
        let is_due = |naps: &mut Box<Naps>| naps.is_due(turn, || Reading::of(engine));
        let is_due = self.naps.as_mut().is_some_and(is_due);
        if !is_due || !self.has_others_awake() {
            return false;
        }
        self.parker.take_kick();
        // After that: a kick that was taken was for one of these.
        if recalled() || self.worker.attention() != 0 {
            return true;
        }
        self.worker.stats.falls_asleep();
        self.gets_up();
        let begin = Reading::of(self.engine);
        self.nap(begin.at + NAP);
        if let Some(naps) = &mut self.naps {
            naps.has_napped(begin, Reading::of(self.engine));
        }
        self.worker.stats.wakes();
        true
    }

    /// In the driver's seat, if it is free and there is anything to drive.
    fn nap(&mut self, until: Instant) {
        let driver = &self.engine.driver;
        let handover = if driver.has_duties() {
            driver.sleep(self.parker, Some(until), &mut self.woken)
        } else {
            None
        };
        match handover {
            None => self.parker.nap(until),
            Some(Handover::NotNeeded) => {}
            Some(Handover::Wanted) => {
                // Nobody is called while this is a searcher.
                self.end_search();
                self.engine.notify();
            }
        }
        if !self.woken.is_empty() {
            self.is_wanted();
        }
        self.wake_all();
    }

    fn has_others_awake(&self) -> bool {
        let regular = self.engine.regular();
        let this = usize::from(self.worker.index < regular);
        self.engine.idle.are_awake(1 + this, regular)
    }
}
