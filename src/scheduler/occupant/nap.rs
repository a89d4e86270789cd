//! Short sleeps of a worker that was called in vain again and again.
//!
//! To call a worker takes both sides longer than many a task. Whoever has only small things to share, such as the tasks of a `gather` of three that are
//! ready at once, is through with them before the one that was called is there. That one finds nothing, goes to sleep, and is called for the next.
//!
//! So a worker that was called in vain many times in a row, while others are awake, does not go to sleep at once. It *naps*: for so long it stays what it is, a searcher, so
//! that nobody calls it; then it searches again. What it would have been called for waits for the end of the nap, at most. What comes from outside,
//! or takes as long as a call, is worth one, and ends this.
//!
//! A searcher looks at all queues before it falls asleep, whatever it does until then, so nothing else has to know of naps: they have an end.

use std::time::{Duration, Instant};

use super::Occupant;
use crate::driver::Handover;

/// Who finds less to do was called in vain: a call takes both sides some five microseconds, and whoever called goes on meanwhile.
const WORTH: Duration = Duration::from_micros(10);
/// After so many turns it is known what was found: that the spell goes on may be due to others, such as the joiner of what was found.
const MOST: u64 = 96;
/// So often in a row.
const OFTEN: u8 = 16;
/// How long a nap is, at most. Each takes some 25 µs of a processor that has nothing else to do.
const NAP: Duration = Duration::from_micros(200);
/// So many naps in a row after which there was nothing to do.
const EMPTY: u8 = 16;

/// What has come of the last call, or nap.
#[derive(Debug, Default)]
enum Call {
    /// That is known.
    #[default]
    Judged,
    /// Nothing has been found so far.
    Open,
    /// Tasks of another worker's queue were found.
    Found(Find),
}

#[derive(Debug)]
struct Find {
    at: Instant,
    /// The number of the turn before that of the first one.
    turn: u64,
    tasks: usize,
    /// After how many turns it is looked next what came of it.
    next_look: u64,
}

impl Find {
    fn new(tasks: usize, turn: u64) -> Self {
        Self {
            at: Instant::now(),
            turn,
            tasks,
            next_look: 1,
        }
    }

    /// What they take together, if so many turns have taken so much time. What a turn brings about, by waking others or by going on, counts as well.
    fn work(&self, turns: u64, time: Duration) -> Duration {
        let each = time / u32::try_from(turns).unwrap_or(u32::MAX).max(1);
        time.max(each * u32::try_from(self.tasks).unwrap_or(u32::MAX))
    }

    /// Whether they were worth a call, by what came of them up to turn number `turn`. None: that is not known yet.
    fn verdict(&mut self, turn: u64, is_over: bool) -> Option<bool> {
        let turns = turn.wrapping_sub(self.turn) / 2;
        if !is_over && turns < self.next_look {
            return None;
        }
        self.next_look = 2 * turns;
        if self.work(turns, self.at.elapsed()) >= WORTH {
            Some(true)
        } else {
            (is_over || turns >= MOST).then_some(false)
        }
    }
}

/// What an occupant remembers of its calls and naps.
#[derive(Debug, Default)]
pub(super) struct Naps {
    call: Call,
    /// So many calls in a row were in vain.
    in_vain: u8,
    empty: u8,
    /// The turn in which it began the last one.
    turn: u64,
}

impl Naps {
    /// The occupant was called, or goes to search once more.
    fn gets_up(&mut self) {
        self.call = Call::Open;
    }

    /// It takes so many tasks from another worker's queue, after its turn number `turn`.
    fn finds(&mut self, tasks: usize, turn: u64) {
        if matches!(self.call, Call::Open) {
            self.call = Call::Found(Find::new(tasks, turn));
        }
    }

    /// Something has come from outside.
    fn is_wanted(&mut self) {
        self.call = Call::Judged;
        self.in_vain = 0;
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
    fn has_run(&mut self, turn: u64, is_over: bool) {
        if let Call::Found(find) = &mut self.call
            && let Some(verdict) = find.verdict(turn, is_over)
        {
            self.judge(verdict);
        }
    }

    #[cold]
    fn judge(&mut self, was_worth_it: bool) {
        self.call = Call::Judged;
        self.in_vain = if was_worth_it {
            0
        } else {
            OFTEN.min(self.in_vain + 1)
        };
    }

    /// It has nothing to do since its turn number `turn`. Whether it naps.
    fn is_due(&mut self, turn: u64) -> bool {
        if matches!(self.call, Call::Open) {
            self.judge(false);
        }
        let found_nothing = std::mem::replace(&mut self.turn, turn) == turn;
        self.empty = if found_nothing { self.empty + 1 } else { 0 };
        let is_due = self.in_vain >= OFTEN && self.empty < EMPTY;
        if !is_due {
            self.empty = 0;
        }
        is_due
    }
}

impl Occupant<'_> {
    /// It was called, or goes to search once more.
    pub(super) fn gets_up(&mut self) {
        self.naps.get_or_insert_default().gets_up();
    }

    /// It takes something from another worker's queue, in part into its own.
    pub(super) fn finds(&mut self) {
        if let Some(naps) = &mut self.naps {
            // SAFETY: this thread occupies the worker.
            let tasks = unsafe { self.worker.local.len() } + 1;
            naps.finds(tasks, self.worker.turns.get());
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
            naps.has_run(self.worker.turns.get(), is_over);
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
        let is_due = self.naps.as_mut().is_some_and(|naps| naps.is_due(turn));
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
        self.nap(Instant::now() + NAP);
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
        let asleep = self.engine.idle.asleep_among(regular);
        let this = usize::from(self.worker.index < regular);
        asleep + this < regular
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    /// Called so often, and found nothing.
    fn called_in_vain(times: u8) -> Naps {
        let mut naps = Naps::default();
        for turn in 1..=times {
            naps.gets_up();
            assert_eq!(naps.is_due(turn.into()), turn >= OFTEN);
        }
        naps
    }

    #[test]
    fn who_is_called_in_vain_often_naps() {
        let mut naps = called_in_vain(OFTEN - 1);
        assert!(!naps.are_likely());
        assert!(!naps.is_due(100), "nobody has called");
        naps.gets_up();
        assert!(naps.is_due(102) && naps.are_likely());
    }

    #[test]
    fn after_some_naps_with_nothing_to_do_it_sleeps_and_naps_again_when_called() {
        let mut naps = called_in_vain(OFTEN);
        for _ in 1..EMPTY {
            naps.gets_up();
            assert!(naps.is_due(OFTEN.into()));
        }
        assert!(!naps.is_due(OFTEN.into()));
        naps.gets_up();
        assert!(naps.is_due(OFTEN.into()));
        for turn in 200..300 {
            naps.gets_up();
            assert!(naps.is_due(turn), "it has run something each time");
        }
    }

    #[test]
    fn what_comes_from_outside_or_takes_as_long_as_a_call_is_worth_one() {
        let mut naps = called_in_vain(OFTEN);
        naps.gets_up();
        naps.is_wanted();
        assert!(!naps.are_likely());
        let mut naps = called_in_vain(OFTEN);
        naps.gets_up();
        naps.finds(1, 20);
        std::thread::sleep(WORTH);
        naps.has_run(22, false);
        assert!(!naps.are_likely());
    }

    #[test]
    fn what_is_left_of_a_find_is_counted_by_what_was_run() {
        let find = Find::new(8, 20);
        assert_eq!(find.work(2, WORTH / 2), 2 * WORTH);
        assert_eq!(find.work(8, WORTH), WORTH);
        // One entry of a queue with many elements, or a task that yields.
        assert_eq!(Find::new(1, 20).work(50, WORTH), WORTH);
    }

    #[test]
    fn a_find_of_short_turns_is_judged_when_it_is_over_or_goes_on_for_long() {
        // Turns that take no time to speak of.
        let in_no_time = |turns: u64, is_over| {
            let mut find = Find::new(1, 20);
            find.at += Duration::from_secs(3600);
            find.verdict(20 + 2 * turns, is_over)
        };
        assert_eq!(in_no_time(1, false), None);
        assert_eq!(in_no_time(1, true), Some(false));
        assert_eq!(in_no_time(MOST - 1, false), None);
        assert_eq!(in_no_time(MOST, false), Some(false));
        // It is not looked at each turn.
        let mut find = Find::new(1, 20);
        find.at += Duration::from_secs(3600);
        assert_eq!(find.verdict(26, false), None);
        find.at -= Duration::from_secs(7200);
        assert_eq!(find.verdict(30, false), None);
        assert_eq!(find.verdict(32, false), Some(true));
    }

    #[test]
    fn a_call_is_judged_once() {
        let mut naps = called_in_vain(OFTEN);
        naps.gets_up();
        naps.judge(false);
        naps.finds(1_000_000, 40);
        std::thread::sleep(WORTH);
        naps.has_run(42, true);
        assert!(naps.are_likely());
    }
}
