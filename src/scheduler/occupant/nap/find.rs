//! What was found by a call, and whether it was worth one.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

/// Who finds less to do was called in vain: a call takes both sides some five microseconds, and whoever called goes on meanwhile.
const WORTH: Duration = Duration::from_micros(10);
/// What is got from another worker takes up to half of that. So longer turns are worth it.
const LONG: Duration = Duration::from_micros(1);
/// After so many turns it is known what was found, if the victim has nothing to do meanwhile: that the spell goes on is due to others, such as the
/// joiner of what was found.
const MOST: u64 = 1024;

/// What a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Worth,
    InDoubt,
    InVain,
}

/// Turns, and how long they took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Work {
    pub(super) turns: u64,
    pub(super) time: Duration,
}

impl Work {
    /// What a call was that got so much. None: it was for less than itself.
    fn verdict(self) -> Option<Verdict> {
        let each = LONG.saturating_mul(u32::try_from(self.turns).unwrap_or(u32::MAX));
        let verdict = if self.time >= each {
            Verdict::Worth
        } else {
            Verdict::InDoubt
        };
        (self.time >= WORTH).then_some(verdict)
    }

    /// Turns in a nanosecond.
    pub(super) fn rate(self) -> f64 {
        self.turns as f64 / self.time.as_nanos().max(1) as f64
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.turns += other.turns;
        self.time += other.time;
    }
}

/// Who had what was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Victim {
    pub(super) worker: usize,
    /// The number of its turn then.
    pub(super) turn: u64,
}

/// Tasks that were got from another worker's queue.
#[derive(Debug)]
pub(super) struct Find {
    /// What was found before.
    before: Work,
    at: Instant,
    /// The number of the turn before that of the first one.
    turn: u64,
    tasks: u64,
    victim: Victim,
    /// The number of its turn when it was looked last.
    seen: u64,
    /// After how many turns it is looked next what came of it.
    next_look: u64,
}

impl Find {
    /// So many tasks, after turn number `turn` of who got them. `before`: what was found by the same call.
    pub(super) fn new(before: Work, tasks: usize, turn: u64, victim: Victim) -> Self {
        Self {
            before,
            at: Instant::now(),
            turn,
            tasks: tasks as u64,
            victim,
            seen: victim.turn,
            next_look: 1,
        }
    }

    /// What was taken off the victim, if so many turns have taken so much time. `together`: and it was as busy meanwhile; then what
    /// a turn brings about, by waking others or by going on, counts as well.
    fn work(&self, turns: u64, time: Duration, together: bool) -> Work {
        let turns = turns.max(1);
        let count = if together {
            turns.max(self.tasks)
        } else {
            self.tasks
        };
        Work {
            turns: count,
            time: time.mul_f64(count as f64 / turns as f64),
        }
    }

    /// Whether the victim, now in turn number `turn`, has had a quarter of so many turns or more, or was in one at two looks in a row. Else it has most likely
    /// nothing to do, as what it would be doing is done here.
    fn is_together(&mut self, turns: u64, turn: u64) -> bool {
        let seen = std::mem::replace(&mut self.seen, turn);
        let is_in_poll = |turn: u64| turn % 2 == 1;
        is_in_poll(seen) && is_in_poll(turn) || 2 * turn.wrapping_sub(self.victim.turn) >= turns
    }

    /// What has come of it up to turn number `turn`. `turn_of`: the number of another worker's turn.
    pub(super) fn look(
        &mut self,
        turn: u64,
        is_over: bool,
        turn_of: impl FnOnce(usize) -> u64,
    ) -> Outcome {
        let turns = turn.wrapping_sub(self.turn) / 2;
        if !is_over && turns < self.next_look {
            return Outcome::Unknown;
        }
        self.next_look = 2 * turns;
        let together = self.is_together(turns, turn_of(self.victim.worker));
        let mut work = self.work(turns, self.at.elapsed(), together);
        work += self.before;
        match work.verdict() {
            Some(verdict) => Outcome::Judged(verdict),
            None if is_over => Outcome::Over(work),
            None if together || turns < MOST => Outcome::Unknown,
            None => Outcome::Judged(Verdict::InVain),
        }
    }
}

/// What has come of a find.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    Unknown,
    /// So much so far. There may be more to be found.
    Over(Work),
    Judged(Verdict),
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    const VICTIM: Victim = Victim {
        worker: 3,
        turn: 70,
    };

    /// So many tasks, so long ago, after turn number 20.
    fn find(tasks: usize, ago: Duration) -> Find {
        let mut find = Find::new(Work::default(), tasks, 20, VICTIM);
        find.began_ago(ago);
        find
    }

    impl Find {
        /// To speak of.
        pub(in super::super) fn takes_no_time(&mut self) {
            self.at += Duration::from_secs(3600);
        }

        pub(in super::super) fn began_ago(&mut self, ago: Duration) {
            self.at -= ago;
        }
    }

    fn short() -> Find {
        let mut find = find(1, Duration::ZERO);
        find.takes_no_time();
        find
    }

    fn turn_of_victim(turn: u64) -> impl FnOnce(usize) -> u64 {
        move |worker| {
            assert_eq!(worker, VICTIM.worker);
            turn
        }
    }

    #[test]
    fn what_takes_as_long_as_a_call_is_worth_one_if_its_turns_are_long() {
        let verdict = |turns, time| Work { turns, time }.verdict();
        assert_eq!(verdict(1, WORTH), Some(Verdict::Worth));
        assert_eq!(verdict(10, WORTH), Some(Verdict::Worth));
        assert_eq!(verdict(11, WORTH), Some(Verdict::InDoubt));
        assert_eq!(verdict(2_000_000_000_000, WORTH), Some(Verdict::InDoubt));
        assert_eq!(verdict(1, WORTH - Duration::from_nanos(1)), None);
    }

    #[test]
    fn what_is_left_of_a_find_is_counted_by_what_was_run() {
        let work = |tasks, turns, together| find(tasks, WORTH).work(turns, WORTH, together);
        let expected = |turns, times| Work {
            turns,
            time: WORTH * times,
        };
        for together in [false, true] {
            assert_eq!(work(8, 2, together), expected(8, 4));
            assert_eq!(work(8, 8, together), expected(8, 1));
        }
        // One entry of a queue with many elements, or a task that goes on.
        assert_eq!(work(1, 50, true), expected(50, 1));
        let alone = work(1, 50, false);
        assert_eq!((alone.turns, alone.time), (1, WORTH / 50));
    }

    #[test]
    fn the_victim_works_too_if_it_has_turns_or_long_ones() {
        let together = |turns, turn| find(1, WORTH).is_together(turns, turn);
        assert!(together(100, 70 + 50));
        assert!(!together(100, 70 + 48));
        assert!(!together(100, 70), "between two turns");
        let mut find = find(1, WORTH);
        assert!(!find.is_together(100, 71), "it has just begun one");
        assert!(find.is_together(200, 71));
        assert!(find.is_together(200, 73));
        assert!(!find.is_together(200, 74));
        assert!(!find.is_together(200, 75));
    }

    #[test]
    fn what_a_find_came_to_is_told_when_it_is_over() {
        let mut one = short();
        let none = Work {
            turns: 1,
            time: Duration::ZERO,
        };
        assert_eq!(one.look(22, true, turn_of_victim(70)), Outcome::Over(none));
        let mut next = short();
        next.before = Work {
            turns: 2,
            time: WORTH,
        };
        let verdict = Outcome::Judged(Verdict::Worth);
        assert_eq!(next.look(22, true, turn_of_victim(70)), verdict);
    }

    #[test]
    fn it_is_not_looked_at_each_turn() {
        let mut find = short();
        assert_eq!(find.look(26, false, turn_of_victim(76)), Outcome::Unknown);
        find.at -= Duration::from_secs(7200);
        assert_eq!(
            find.look(30, false, |_| panic!("not looked")),
            Outcome::Unknown
        );
        let verdict = Outcome::Judged(Verdict::Worth);
        assert_eq!(find.look(32, false, turn_of_victim(82)), verdict);
    }

    #[test]
    fn what_goes_on_while_the_victim_has_nothing_to_do_is_not_what_was_found() {
        let after = |turns: u64, victim| {
            let mut find = short();
            find.look(20 + 2 * turns, false, turn_of_victim(victim))
        };
        assert_eq!(after(MOST - 1, 70), Outcome::Unknown);
        assert_eq!(after(MOST, 70), Outcome::Judged(Verdict::InVain));
        assert_eq!(after(MOST, 70 + 2 * MOST), Outcome::Unknown);
        let mut long = find(1, Duration::from_micros(100));
        let outcome = long.look(20 + 2 * MOST, false, turn_of_victim(70));
        assert_eq!(outcome, Outcome::Judged(Verdict::InVain));
    }
}
