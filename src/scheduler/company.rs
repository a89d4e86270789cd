//! How many workers are company enough.
//!
//! If something else wants the processors too, such as a proxy or a load generator on the same machine, or if there are more workers than processors, then
//! an engine has fewer processors than workers. They go to sleep again and again, wait for a processor for as long as they have one, and each that is called takes
//! it away from another, while what it took from a queue waits with it. So where the monitor finds more workers at work than they have processors together, it
//! tries what so many do as they have processors. **As long as those have a processor each all the time, and use it, they are enough**; if not, more get more of the
//! processors, or nobody needs any. And once in a second all are let loose, to see whether there is more to be had by now.

use std::time::Duration;

use super::sharing::Limit;
pub(super) use books::Books;

mod books;

/// So much of a processor is not worth a worker.
const A_LITTLE: f64 = 0.15;
/// Workers that go to sleep less often in one account compute, and gain by each other whatever they wait for.
const MANY_SLEEPS: u64 = 4;
/// What waits in a queue is shared if it takes its worker so long.
const LONG: Duration = Duration::from_millis(2);
/// Accounts that pass after one that showed workers which were not in each other's way, though they might have been: to see that takes system calls.
const BETWEEN_LOOKS: u32 = 20;
/// Accounts that a trial takes: the system's scheduler needs a while to give each thread a processor for itself.
const TRIAL: u32 = 10;
/// So many accounts more than others may show that the few have less than they want.
const FORBEARANCE: u32 = 6;
/// Accounts of the few between two of all.
const BETWEEN_REUNIONS: u32 = 100;
/// Accounts between two trials, if the first one was in vain; then twice as many, up to the last figure.
const BETWEEN_TRIALS: (u32, u32) = (16, 256);

/// What all workers together did for a while.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    lasted: Duration,
    /// Workers that did anything.
    workers: u32,
    polls: u64,
    sleeps: u64,
    /// On a processor.
    ran: Duration,
    /// For one, if that was asked ([`Judge::wants_waits`]).
    waited: Duration,
}

impl Account {
    /// So many workers are enough for what they have of the processors together. None: there are no more at work, or not much to do, or they compute.
    fn enough(&self) -> Option<u32> {
        let processors = self.ran.as_secs_f64() / self.lasted.as_secs_f64().max(1e-9);
        let enough = ((processors - A_LITTLE).ceil() as u32).max(1);
        (self.workers > enough && self.sleeps >= MANY_SLEEPS && !self.is_quiet()).then_some(enough)
    }

    /// The same, if they are in each other's way: it is not only that threads which are woken take a while to begin.
    fn crowd(&self) -> Option<u32> {
        let wait = self.waited * 4 >= self.lasted && self.waited * 3 >= self.ran;
        self.enough().filter(|_| wait)
    }

    /// So many have a processor each, and use it.
    fn contents(&self, company: u32) -> bool {
        self.ran * 10 >= self.lasted * 9 * company
    }

    /// They still have most of what they could use.
    fn still_contents(&self, company: u32) -> bool {
        self.ran * 4 >= self.lasted * 3 * company
    }

    /// There is more than so many processors.
    fn exceeds(&self, company: u32) -> bool {
        self.ran > self.lasted.mul_f64(f64::from(company) + A_LITTLE)
    }

    /// There is not much to do.
    fn is_quiet(&self) -> bool {
        self.ran * 2 <= self.lasted
    }

    /// So many polls are long.
    fn long(&self) -> u32 {
        let polls = u128::from(self.polls) * LONG.as_nanos() / self.ran.as_nanos().max(1);
        u32::try_from(polls).unwrap_or(u32::MAX).max(2)
    }
}

/// Decides by the accounts, one after the other.
#[derive(Debug)]
struct Judge {
    mode: Mode,
    /// Accounts until the next trial, if the one that is made, or the next one, is in vain.
    patience: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// All share. The next accounts pass, so many of them.
    All { passing: u32 },
    /// All share. They may be in each other's way.
    Suspicion,
    /// It is tried what so many do, for so many accounts more.
    Trial { company: u32, left: u32 },
    /// They are enough, for so many accounts more.
    Few {
        company: u32,
        left: u32,
        failures: u32,
    },
    /// It is tried what all do, after few were enough.
    Reunion,
}

impl Judge {
    fn new() -> Self {
        Self {
            mode: Mode::All { passing: 0 },
            patience: BETWEEN_TRIALS.0,
        }
    }

    /// Whether the account under way is to be judged.
    fn wants_account(&self) -> bool {
        !matches!(self.mode, Mode::All { passing: 1.. })
    }

    /// Whether that is to say how long the workers waited for a processor.
    fn wants_waits(&self) -> bool {
        matches!(self.mode, Mode::Suspicion | Mode::Reunion)
    }

    fn pass(&mut self) {
        if let Mode::All { passing } = &mut self.mode {
            *passing = passing.saturating_sub(1);
        }
    }

    /// The limit that follows.
    fn judge(&mut self, account: &Account) -> Option<Limit> {
        self.mode = match self.mode {
            Mode::All { .. } if account.enough().is_some() => Mode::Suspicion,
            Mode::All { .. } => Mode::All { passing: 0 },
            Mode::Suspicion | Mode::Reunion => match account.crowd() {
                None => Mode::All {
                    passing: BETWEEN_LOOKS,
                },
                Some(company) if self.mode == Mode::Reunion => Self::few(company),
                Some(company) => Mode::Trial {
                    company,
                    left: TRIAL - 1,
                },
            },
            // Others were called all the same, and found a processor.
            Mode::Trial { company, .. } | Mode::Few { company, .. } if account.exceeds(company) => {
                Mode::All { passing: 0 }
            }
            Mode::Trial { company, .. } if account.contents(company) => {
                self.patience = BETWEEN_TRIALS.0;
                Self::few(company)
            }
            Mode::Trial { left: 0, .. } => self.give_up(account),
            Mode::Trial { company, left } => Mode::Trial {
                company,
                left: left - 1,
            },
            Mode::Few { left: 0, .. } => Mode::Reunion,
            Mode::Few {
                company,
                left,
                failures,
            } => {
                let failures = if account.still_contents(company) {
                    failures.saturating_sub(1)
                } else {
                    failures + 1
                };
                if failures > FORBEARANCE {
                    self.give_up(account)
                } else {
                    let left = left - 1;
                    Mode::Few {
                        company,
                        left,
                        failures,
                    }
                }
            }
        };
        match self.mode {
            Mode::Trial { company, .. } | Mode::Few { company, .. } => Some(Limit {
                company,
                long: account.long(),
            }),
            Mode::All { .. } | Mode::Suspicion | Mode::Reunion => None,
        }
    }

    fn few(company: u32) -> Mode {
        Mode::Few {
            company,
            left: BETWEEN_REUNIONS,
            failures: 0,
        }
    }

    fn give_up(&mut self, account: &Account) -> Mode {
        // That there was nothing to do does not say how it would have been.
        if account.is_quiet() {
            return Mode::All { passing: 0 };
        }
        let passing = self.patience;
        self.patience = (2 * passing).min(BETWEEN_TRIALS.1);
        Mode::All { passing }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    /// Of 20 ms, in which the workers ran and waited for so many.
    fn account(ran: u64, waited: u64) -> Account {
        Account {
            lasted: Duration::from_millis(20),
            workers: 2,
            polls: 4_000,
            sleeps: 100,
            ran: Duration::from_millis(ran),
            waited: Duration::from_millis(waited),
        }
    }

    const CROWDED: (u64, u64) = (20, 15);
    const CONTENT: (u64, u64) = (19, 0);
    const QUIET: (u64, u64) = (3, 0);
    /// One that others leave three fifths of a processor to.
    const WAITING: (u64, u64) = (12, 8);
    /// Two workers with a processor each.
    const PARALLEL: (u64, u64) = (39, 1);

    /// The limits that follow from these accounts, those that pass left out.
    fn limits(judge: &mut Judge, accounts: impl IntoIterator<Item = (u64, u64)>) -> Vec<bool> {
        let judged = accounts.into_iter().map(|(ran, waited)| {
            while !judge.wants_account() {
                judge.pass();
            }
            judge.judge(&account(ran, waited)).is_some()
        });
        judged.collect()
    }

    /// How many accounts pass before the next one is judged.
    fn passing(judge: &mut Judge) -> u32 {
        let mut passing = 0;
        while !judge.wants_account() {
            judge.pass();
            passing += 1;
        }
        passing
    }

    /// Until a trial of one alone is under way.
    fn crowd(judge: &mut Judge) {
        assert_eq!(limits(judge, [CROWDED, CROWDED]), [false, true]);
    }

    #[test]
    fn workers_that_have_what_they_want_share() {
        for account in [QUIET, CONTENT, PARALLEL, (30, 4), (20, 4)] {
            let mut judge = Judge::new();
            let limited = limits(&mut judge, [account; 20]);
            assert!(!limited.contains(&true), "{account:?}");
        }
    }

    #[test]
    fn how_long_they_wait_is_asked_where_they_could_be_in_each_others_way() {
        let mut judge = Judge::new();
        for account in [QUIET, PARALLEL] {
            limits(&mut judge, [account]);
            assert_eq!(passing(&mut judge), 0);
            assert!(!judge.wants_waits());
        }
        limits(&mut judge, [(20, 0)]);
        assert!(judge.wants_waits());
        limits(&mut judge, [(20, 4)]);
        assert!(!judge.wants_waits());
        assert_eq!(passing(&mut judge), BETWEEN_LOOKS);
    }

    #[test]
    fn workers_that_seldom_sleep_share() {
        let mut judge = Judge::new();
        let (ran, waited) = CROWDED;
        for _ in 0..20 {
            let account = Account {
                sleeps: MANY_SLEEPS - 1,
                ..account(ran, waited)
            };
            assert_eq!(judge.judge(&account), None);
            passing(&mut judge);
        }
    }

    #[test]
    fn as_many_are_enough_as_they_have_processors() {
        let of = |workers, ran| {
            let account = Account {
                workers,
                ..account(ran, ran)
            };
            account.crowd()
        };
        // Of 20 ms, in which two processors have 40.
        assert_eq!(of(2, 20), Some(1));
        assert_eq!(of(2, 22), Some(1));
        assert_eq!(of(2, 26), None);
        assert_eq!(of(4, 26), Some(2));
        assert_eq!(of(16, 40), Some(2));
        assert_eq!(of(16, 100), Some(5));
        assert_eq!(of(1, 20), None);
        // Those that are woken take a while to begin, also where there are processors for all.
        assert_eq!(account(20, 6).crowd(), None);
        assert_eq!(of(2, 2), None);
    }

    #[test]
    fn one_that_has_a_processor_for_itself_stays_alone_but_for_a_reunion_now_and_then() {
        let mut judge = Judge::new();
        crowd(&mut judge);
        // The scheduler takes its time.
        assert_eq!(limits(&mut judge, [WAITING, WAITING, CONTENT]), [true; 3]);
        for _ in 0..3 {
            let alone = limits(&mut judge, [CONTENT; BETWEEN_REUNIONS as usize]);
            assert!(alone.iter().all(|limited| *limited));
            assert_eq!(limits(&mut judge, [CONTENT, CROWDED]), [false, true]);
        }
    }

    #[test]
    fn all_stay_together_after_a_reunion_in_which_each_has_a_processor() {
        let mut judge = Judge::new();
        crowd(&mut judge);
        limits(&mut judge, [CONTENT]);
        limits(&mut judge, [CONTENT; BETWEEN_REUNIONS as usize]);
        assert_eq!(limits(&mut judge, [CONTENT, PARALLEL]), [false, false]);
        assert_eq!(passing(&mut judge), BETWEEN_LOOKS);
    }

    #[test]
    fn all_share_again_at_once_where_others_found_a_processor() {
        for before in [0, 1, 10] {
            let mut judge = Judge::new();
            crowd(&mut judge);
            limits(&mut judge, std::iter::repeat_n(CONTENT, before));
            assert_eq!(limits(&mut judge, [PARALLEL]), [false], "{before}");
        }
    }

    #[test]
    fn trials_in_vain_become_rare() {
        let mut judge = Judge::new();
        let mut waits = Vec::new();
        for _ in 0..6 {
            crowd(&mut judge);
            let limited = limits(&mut judge, [WAITING; TRIAL as usize]);
            assert_eq!(
                limited.iter().filter(|limited| **limited).count(),
                TRIAL as usize - 1
            );
            waits.push(passing(&mut judge));
        }
        assert_eq!(waits, [16, 32, 64, 128, 256, 256]);
        // Until one succeeds.
        crowd(&mut judge);
        limits(&mut judge, [CONTENT]);
        let failing = limits(&mut judge, [WAITING; FORBEARANCE as usize + 1]);
        assert_eq!(
            failing.iter().position(|limited| !limited),
            Some(FORBEARANCE as usize)
        );
        assert_eq!(passing(&mut judge), BETWEEN_TRIALS.0);
    }

    #[test]
    fn a_moment_does_not_end_it_and_quiet_is_no_failure() {
        let mut judge = Judge::new();
        crowd(&mut judge);
        limits(&mut judge, [CONTENT]);
        let limited = limits(&mut judge, [WAITING, CONTENT, WAITING, WAITING, CONTENT]);
        assert_eq!(limited, [true; 5]);
        let limited = limits(&mut judge, [QUIET; FORBEARANCE as usize]);
        assert_eq!(limited.last(), Some(&false));
        assert_eq!(passing(&mut judge), 0);
        assert_eq!(judge.patience, BETWEEN_TRIALS.0);
    }

    #[test]
    fn a_queue_is_shared_that_takes_two_milliseconds() {
        let of = |polls, ran| {
            let account = Account {
                polls,
                ..account(ran, 0)
            };
            account.long()
        };
        assert_eq!(of(4_000, 20), 400);
        assert_eq!(of(4_000, 2), 4_000);
        assert_eq!(of(20, 20), 2);
        assert_eq!(of(1, 20), 2);
        // However little was done, it is something.
        assert!(of(0, 0) >= 2 && of(u64::MAX, 0) >= 2);
    }
}
