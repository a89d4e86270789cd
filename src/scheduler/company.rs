//! How many workers are enough.
//!
//! If something else wants the processors too, such as a proxy or a load generator on the same machine, or if there are more workers than processors, an
//! engine has fewer processors than workers. Its threads then wait for a processor about as long as they have one. Each that is called takes it away from
//! another, and what it took from a queue waits with it. So where the monitor finds more workers at work than they have processors together, it
//! tries what so many do as they have processors. **As long as each of those has a processor and uses it, they are enough.** If not, more of them get more of the
//! processors, or there is not so much to do. If there is nothing to do for a while, they are tried first when there is again. Once in a second or two all may work, to see whether there are more processors to be had by now.
//!
//! What follows from a limit is in [`super::sharing`].

use std::time::Duration;

use super::sharing::Limit;
pub(super) use books::Books;

mod books;
#[cfg(all(test, not(heist_loom)))]
mod tests;

/// So much of a processor is not worth another worker.
const A_LITTLE: f64 = 0.15;
/// Workers that go to sleep less often in one account compute, and gain by each other whatever they wait for.
const MANY_SLEEPS: u64 = 4;
/// What waits in a queue is shared if it takes its worker so long.
const LONG: Duration = Duration::from_millis(2);
/// If that is fewer polls, each is worth a call.
const SHORT_POLLS: u32 = 16;
/// Accounts that pass at most before it is asked again how long the threads wait, which takes a file for each. At first one.
const BETWEEN_LOOKS: u32 = 20;
/// Accounts that a trial takes: the system's scheduler needs a while to give each thread a processor for itself.
const TRIAL: u32 = 10;
/// So many accounts more than others may show that the few have less than they want.
const FORBEARANCE: u32 = 6;
/// Accounts of the few between two of all.
const BETWEEN_REUNIONS: u32 = 100;
/// Accounts between two trials, if the first one was in vain, or somebody found the limit too low; then twice as many, up to the last figure.
const BETWEEN_TRIALS: (u32, u32) = (16, 256);

/// What all workers together did for a while.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    lasted: Duration,
    /// Workers that did anything.
    workers: u32,
    polls: u64,
    /// But for those in vain (`Stats::parks_in_vain`).
    sleeps: u64,
    /// On a processor.
    ran: Duration,
    /// For one, if that was asked ([`Judge::wants_waits`]).
    waited: Duration,
}

impl Account {
    /// So many workers are enough for what they have of the processors together. None: no more are at work, there is not much to do, or they compute.
    fn enough(&self) -> Option<u32> {
        let processors = self.ran.as_secs_f64() / self.lasted.as_secs_f64().max(1e-9);
        let enough = ((processors - A_LITTLE).ceil() as u32).max(1);
        (self.workers > enough && self.sleeps >= MANY_SLEEPS && !self.is_quiet()).then_some(enough)
    }

    /// The same, if they wait for longer than threads that are woken take to begin.
    fn crowd(&self) -> Option<u32> {
        let wait = self.waited * 4 >= self.lasted && self.waited * 3 >= self.ran;
        self.enough().filter(|_| wait)
    }

    /// Each of so many has a processor, and uses it.
    fn suffices(&self, company: u32) -> bool {
        self.ran * 10 >= self.lasted * 9 * company
    }

    /// They have most of that.
    fn still_suffices(&self, company: u32) -> bool {
        self.ran * 4 >= self.lasted * 3 * company
    }

    /// They have clearly more than so many processors.
    fn exceeds(&self, company: u32) -> bool {
        self.ran
            > self
                .lasted
                .mul_f64(f64::from(company) * 1.1 + 2.0 * A_LITTLE)
    }

    /// There is not much to do.
    fn is_quiet(&self) -> bool {
        self.ran * 2 <= self.lasted
    }

    /// The limit for so many, if polls are short.
    fn limit(&self, company: u32) -> Option<Limit> {
        let polls = u128::from(self.polls) * LONG.as_nanos() / self.ran.as_nanos().max(1);
        let long = u32::try_from(polls).unwrap_or(u32::MAX);
        (long >= SHORT_POLLS).then_some(Limit { company, long })
    }
}

/// Decides by the accounts, one after the other.
#[derive(Debug)]
struct Judge {
    mode: Mode,
    /// Accounts until the next look, if the one that is made, or the next one, finds no crowd.
    calm: u32,
    /// So many were at work when they last were a crowd.
    crowd: u32,
    /// Fewer were too few for such a crowd.
    least: u32,
    /// Few were enough, until there was not much to do. So the next that are more than enough are tried without a look.
    were_enough: bool,
    /// Accounts until the next trial, if the one that is made, or the next one, is in vain.
    patience: u32,
    /// The same, if somebody finds the limit too low before the next reunion.
    reluctance: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// All share. The next accounts pass, so many of them.
    All { passing: u32 },
    /// All share. It is asked how long they wait.
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
            calm: 1,
            crowd: 0,
            least: 1,
            were_enough: false,
            patience: BETWEEN_TRIALS.0,
            reluctance: BETWEEN_TRIALS.0,
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
            Mode::All { .. } => self.suspects(account),
            Mode::Suspicion | Mode::Reunion => self.look(account),
            // Others were called all the same, and found a processor.
            Mode::Few { company, .. } if account.exceeds(company) => Mode::All { passing: 0 },
            Mode::Trial { company, .. } if account.exceeds(company) => self.give_up(account),
            Mode::Trial { company, .. } if account.suffices(company) => {
                self.patience = BETWEEN_TRIALS.0;
                Self::few(company)
            }
            Mode::Trial { left: 0, .. } => self.give_up(account),
            Mode::Trial { company, left } => Mode::Trial {
                company,
                left: left - 1,
            },
            Mode::Few { left: 0, .. } => {
                self.reluctance = BETWEEN_TRIALS.0;
                Mode::Reunion
            }
            Mode::Few {
                company,
                left,
                failures,
            } => {
                let failures = match account.still_suffices(company) {
                    true => failures.saturating_sub(1),
                    false => failures + 1,
                };
                let left = left - 1;
                match failures > FORBEARANCE {
                    true => self.give_up(account),
                    false => Mode::Few {
                        company,
                        left,
                        failures,
                    },
                }
            }
        };
        match self.mode {
            Mode::Trial { company, .. } | Mode::Few { company, .. } => account.limit(company),
            Mode::All { .. } | Mode::Suspicion | Mode::Reunion => None,
        }
    }

    /// Whether they may be a crowd.
    fn suspects(&mut self, account: &Account) -> Mode {
        let Some(enough) = account.enough() else {
            return Mode::All { passing: 0 };
        };
        if std::mem::take(&mut self.were_enough) {
            return self.tries(enough);
        }
        Mode::Suspicion
    }

    fn tries(&self, enough: u32) -> Mode {
        Mode::Trial {
            company: enough.max(self.least),
            left: TRIAL - 1,
        }
    }

    /// What follows from how long all have waited.
    fn look(&mut self, account: &Account) -> Mode {
        let Some(enough) = account.crowd() else {
            self.least = 1;
            return self.calm_down();
        };
        (self.calm, self.crowd) = (1, account.workers);
        if self.mode == Mode::Reunion {
            return Self::few(enough.max(self.least));
        }
        self.tries(enough)
    }

    fn few(company: u32) -> Mode {
        Mode::Few {
            company,
            left: BETWEEN_REUNIONS,
            failures: 0,
        }
    }

    /// There is no crowd. It is asked again later, and the later the more often that is so, as a crowd may take a while to gather.
    fn calm_down(&mut self) -> Mode {
        if self.mode == Mode::Reunion {
            self.calm = BETWEEN_LOOKS;
        }
        let passing = self.calm;
        self.calm = BETWEEN_LOOKS.min(2 * passing);
        Mode::All { passing }
    }

    fn give_up(&mut self, account: &Account) -> Mode {
        // That there was nothing to do does not say how it would have been.
        if account.is_quiet() {
            self.were_enough = matches!(self.mode, Mode::Few { .. });
            return Mode::All { passing: 0 };
        }
        let passing = self.patience;
        self.patience = Self::double(passing);
        Mode::All { passing }
    }

    /// Somebody found the limit too low: all share for a while, and the longer the more often that happens. Where a crowd of more than two was to be one, two are tried
    /// next: in a crowd all have less of the processors together than a few would have.
    fn desist(&mut self) {
        let is_one = matches!(
            self.mode,
            Mode::Trial { company: 1, .. } | Mode::Few { company: 1, .. }
        );
        if is_one && self.crowd > 2 {
            self.least = 2;
            self.mode = Mode::Suspicion;
            return;
        }
        let passing = self.reluctance;
        self.reluctance = Self::double(passing);
        self.mode = Mode::All { passing };
    }

    fn double(passing: u32) -> u32 {
        (2 * passing).min(BETWEEN_TRIALS.1)
    }
}
