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

/// Workers that go to sleep less often in one account compute, and gain by each other whatever they wait for.
const MANY_SLEEPS: u64 = 8;
/// What waits in a queue is shared if it takes its worker so long.
const LONG: Duration = Duration::from_millis(2);
/// Accounts that pass between two looks at workers that are not in each other's way.
const BETWEEN_LOOKS: u32 = 2;
/// Accounts that a trial takes: the system's scheduler needs a while to give each thread a processor for itself.
const TRIAL: u32 = 5;
/// So many accounts more than others may show that the few have less than they want.
const FORBEARANCE: u32 = 3;
/// Accounts of the few between two of all.
const BETWEEN_REUNIONS: u32 = 50;
/// Accounts between two trials, if the first one was in vain; then twice as many, up to the last figure.
const BETWEEN_TRIALS: (u32, u32) = (8, 128);

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
    /// For one.
    waited: Duration,
}

impl Account {
    /// So many workers are enough for what the workers have of the processors, if that is fewer than are at work, and they are in each other's way.
    fn enough(&self) -> Option<u32> {
        // A little more than so many is no more.
        let processors =
            (self.ran.as_secs_f64() / self.lasted.as_secs_f64().max(1e-9) - 0.15).ceil();
        let enough = (processors as u32).max(1);
        let is_crowded =
            self.workers > enough && self.sleeps >= MANY_SLEEPS && self.waited * 4 >= self.lasted;
        is_crowded.then_some(enough)
    }

    /// So many have a processor each, and use it.
    fn contents(&self, company: u32) -> bool {
        self.ran * 10 >= self.lasted * 9 * company && self.waited * 10 <= self.lasted * company
    }

    /// There is not much to do.
    fn is_quiet(&self) -> bool {
        self.ran * 2 <= self.lasted && self.waited * 10 <= self.lasted
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

    fn pass(&mut self) {
        if let Mode::All { passing } = &mut self.mode {
            *passing = passing.saturating_sub(1);
        }
    }

    /// The limit that follows.
    fn judge(&mut self, account: &Account) -> Option<Limit> {
        self.mode = match self.mode {
            Mode::All { .. } => match account.enough() {
                Some(company) => Mode::Trial {
                    company,
                    left: TRIAL - 1,
                },
                None => Mode::All {
                    passing: BETWEEN_LOOKS,
                },
            },
            Mode::Reunion => match account.enough() {
                Some(company) => Self::few(company),
                None => Mode::All {
                    passing: BETWEEN_LOOKS,
                },
            },
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
                let failures = if account.contents(company) {
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
            Mode::All { .. } | Mode::Reunion => None,
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
    /// One that others leave half of a processor to.
    const WAITING: (u64, u64) = (10, 10);
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

    #[test]
    fn workers_that_have_what_they_want_share() {
        for account in [QUIET, CONTENT, PARALLEL, (30, 15), WAITING] {
            let mut judge = Judge::new();
            let limited = limits(&mut judge, [account; 20]);
            // One that waits for a processor half of the time may do better alone, but does not.
            let expected = account == WAITING;
            assert_eq!(limited.contains(&true), expected, "{account:?}");
        }
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
    fn one_that_has_a_processor_for_itself_stays_alone_but_for_a_reunion_now_and_then() {
        let mut judge = Judge::new();
        // The scheduler takes its time.
        let trial = limits(&mut judge, [CROWDED, WAITING, WAITING, CONTENT]);
        assert_eq!(trial, [true; 4]);
        for _ in 0..3 {
            let alone = limits(&mut judge, [CONTENT; BETWEEN_REUNIONS as usize]);
            assert!(alone.iter().all(|limited| *limited));
            assert_eq!(limits(&mut judge, [CONTENT, CROWDED]), [false, true]);
        }
    }

    #[test]
    fn all_stay_together_after_a_reunion_in_which_each_has_a_processor() {
        let mut judge = Judge::new();
        limits(&mut judge, [CROWDED, CONTENT]);
        limits(&mut judge, [CONTENT; BETWEEN_REUNIONS as usize]);
        assert_eq!(limits(&mut judge, [CONTENT, PARALLEL]), [false, false]);
        assert_eq!(passing(&mut judge), BETWEEN_LOOKS);
    }

    #[test]
    fn trials_in_vain_become_rare() {
        let mut judge = Judge::new();
        let mut waits = Vec::new();
        for _ in 0..6 {
            let trial = [CROWDED, WAITING, WAITING, WAITING, WAITING, WAITING];
            let limited = limits(&mut judge, trial);
            assert_eq!(limited, [true, true, true, true, true, false]);
            waits.push(passing(&mut judge));
        }
        assert_eq!(waits, [8, 16, 32, 64, 128, 128]);
        // Until one succeeds.
        limits(&mut judge, [CROWDED, CONTENT]);
        assert_eq!(limits(&mut judge, [WAITING; 4]), [true, true, true, false]);
        assert_eq!(passing(&mut judge), BETWEEN_TRIALS.0);
    }

    #[test]
    fn a_moment_does_not_end_it_and_quiet_is_no_failure() {
        let mut judge = Judge::new();
        limits(&mut judge, [CROWDED, CONTENT]);
        let limited = limits(&mut judge, [WAITING, CONTENT, WAITING, WAITING, CONTENT]);
        assert_eq!(limited, [true; 5]);
        let limited = limits(&mut judge, [QUIET; 3]);
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
