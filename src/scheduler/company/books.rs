//! What the workers of an engine do, and how long their threads wait for a processor, from one account to the next.

use std::time::{Duration, Instant};

use super::{Account, Judge};
use crate::scheduler::engine::Engine;
use crate::scheduler::sharing::Limit;
use crate::scheduler::worker::Worker;
use crate::sync::Ordering;

/// Ticks of the monitor that an account is about.
const TICKS: u32 = 2;

/// The monitor's, of one engine.
#[derive(Debug)]
pub(in crate::scheduler) struct Books {
    ticks: u32,
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
    /// 0: vacant.
    thread: u32,
    times: Times,
}

/// Of a thread, up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    ran: Duration,
    waited: Duration,
}

impl Books {
    pub(in crate::scheduler) fn new(workers: usize) -> Self {
        Self {
            ticks: 0,
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
        self.ticks += 1;
        if self.ticks == TICKS {
            self.ticks = 0;
            self.turn_the_page(engine);
        }
        engine.sharing.limit_to(self.limit.filter(|_| gets_on));
    }

    fn turn_the_page(&mut self, engine: &Engine) {
        if self.judge.wants_account() {
            let account = self.close(engine);
            self.limit = self.judge.judge(&account);
        } else {
            self.judge.pass();
            if self.judge.wants_account() {
                // It begins here.
                let _passed = self.close(engine);
            }
        }
    }

    fn close(&mut self, engine: &Engine) -> Account {
        let now = Instant::now();
        let mut account = Account {
            lasted: now - self.since,
            ..Account::default()
        };
        self.since = now;
        for (worker, before) in engine.workers.iter().zip(&mut self.workers) {
            let is_asleep = engine.idle.is_asleep(worker.index);
            let now = Balance::of(worker, is_asleep, before);
            account.polls += since(before.polls, now.polls);
            account.sleeps += since(before.sleeps, now.sleeps);
            if now.thread == before.thread && now.thread != 0 {
                let ran = now.times.ran.saturating_sub(before.times.ran);
                account.workers += u32::from(!ran.is_zero());
                account.ran += ran;
                account.waited += now.times.waited.saturating_sub(before.times.waited);
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
    fn of(worker: &Worker, is_asleep: bool, before: &Self) -> Self {
        // Where a thread was it may be elsewhere by now. Relaxed: written when the occupant sat down.
        let occupied = !worker.is_vacant();
        let thread = occupied.then(|| worker.thread.load(Ordering::Relaxed));
        let now = Self {
            polls: worker.turns.get() / 2,
            sleeps: worker.stats.parks.get(),
            thread: thread.unwrap_or(0),
            times: before.times,
        };
        if now == *before && is_asleep {
            return now;
        }
        let times = thread.and_then(Times::of).unwrap_or_default();
        Self { times, ..now }
    }
}

impl Times {
    /// From the kernel's account of the thread. None: it keeps none.
    #[cfg(target_os = "linux")]
    fn of(thread: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
        let mut numbers = text.split_ascii_whitespace();
        let mut time = || Some(Duration::from_nanos(numbers.next()?.parse().ok()?));
        Some(Self {
            ran: time()?,
            waited: time()?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_thread: u32) -> Option<Self> {
        None
    }
}

#[cfg(all(test, target_os = "linux", not(heist_loom)))]
mod tests {
    use std::thread;

    use super::*;
    use crate::scheduler::monitor::this_thread;

    #[test]
    fn times_are_those_of_the_thread_and_its_wait_for_a_processor() {
        // Kernels without the account have no such file, and none of this.
        let Some(before) = Times::of(this_thread()) else {
            assert!(!std::path::Path::new("/proc/self/schedstat").exists());
            return;
        };
        let begin = Instant::now();
        let mut spins = 0_u64;
        while begin.elapsed() < Duration::from_millis(30) {
            spins += 1;
        }
        let lasted = begin.elapsed();
        let after = Times::of(this_thread()).unwrap();
        let (ran, waited) = (after.ran - before.ran, after.waited - before.waited);
        assert!(spins > 0 && ran + waited <= lasted + Duration::from_millis(10));
        // The system updates it at its ticks.
        assert!(
            ran + waited + Duration::from_millis(10) >= lasted,
            "{ran:?} {waited:?}"
        );
        // Who sleeps neither runs nor waits.
        let sleeper = thread::spawn(|| {
            let before = Times::of(this_thread()).unwrap();
            thread::park_timeout(Duration::from_millis(30));
            Times::of(this_thread()).unwrap().ran - before.ran
        });
        assert!(sleeper.join().unwrap() < Duration::from_millis(20));
        assert!(Times::of(0).is_none());
    }
}
