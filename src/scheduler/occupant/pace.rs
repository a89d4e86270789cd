//! When a busy worker looks elsewhere than at its own queue.

/// Every so many polls it looks at the poller and the timers. A prime, so that it falls into step with nothing.
pub(in crate::scheduler) const DRIVER_EVERY: u32 = 61;
/// Where nobody sits in the driver's seat who would have, every so many. A look takes a few hundred nanoseconds.
const SOON: u32 = 16;
/// And every so many at the injector, which is no system call.
const INJECTOR_EVERY: u32 = 3;

/// Counts polls.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many polls from now each of these is due before. Never zero between two polls.
    driver: u32,
    injector: u32,
}

/// Where to look.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) driver: bool,
    pub(super) injector: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            driver: DRIVER_EVERY,
            injector: INJECTOR_EVERY,
        }
    }

    /// One more poll is about to begin. Whether something is due before it: then [`Pace::due`] says what.
    #[inline]
    pub(super) fn step(&mut self) -> bool {
        self.driver -= 1;
        self.injector -= 1;
        self.driver == 0 || self.injector == 0
    }

    /// So many polls were made beyond the one that was counted.
    #[cold]
    pub(super) fn skip(&mut self, polls: u32) {
        self.driver = self.driver.saturating_sub(polls).max(1);
        self.injector = self.injector.saturating_sub(polls).max(1);
    }

    /// What is due, and counts anew for that.
    #[inline]
    pub(super) fn due(&mut self) -> Due {
        let due = Due {
            driver: self.driver == 0,
            injector: self.injector == 0,
        };
        if due.driver {
            self.driver = DRIVER_EVERY;
        }
        if due.injector {
            self.injector = INJECTOR_EVERY;
        }
        due
    }

    /// The next look at the poller is due before the others are.
    #[cold]
    pub(super) fn look_soon(&mut self) {
        self.driver = self.driver.min(SOON);
    }

    /// The injector gave so many besides the one that is polled next. Nobody looks there again until as many of these and of those of the
    /// own queue had their turns.
    pub(super) fn came(&mut self, from_injector: usize) {
        let came = u32::try_from(from_injector).unwrap_or(0);
        self.injector = INJECTOR_EVERY + 2 * came;
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    /// The numbers of the polls, up to `polls`, before which each of the two was looked at.
    fn looks(pace: &mut Pace, polls: u32, came: impl Fn(u32) -> usize) -> (Vec<u32>, Vec<u32>) {
        let (mut driver, mut injector) = (Vec::new(), Vec::new());
        for poll in 1..=polls {
            if !pace.step() {
                continue;
            }
            let due = pace.due();
            if due.driver {
                driver.push(poll);
            }
            if due.injector {
                injector.push(poll);
                pace.came(came(poll));
            }
        }
        (driver, injector)
    }

    #[test]
    fn each_has_its_own_measure() {
        let (driver, injector) = looks(&mut Pace::new(), 200, |_| 0);
        assert_eq!(driver, [61, 122, 183]);
        assert_eq!(injector, (3..=200).step_by(3).collect::<Vec<_>>());
    }

    #[test]
    fn a_look_that_is_due_soon_comes_before_its_time_once() {
        let mut pace = Pace::new();
        pace.look_soon();
        let (driver, _) = looks(&mut pace, 100, |_| 0);
        assert_eq!(driver, [16, 77]);
    }

    #[test]
    fn what_came_from_the_injector_puts_off_the_next_look_there_and_none_at_the_driver() {
        let (driver, injector) =
            looks(&mut Pace::new(), 200, |poll| if poll < 10 { 32 } else { 0 });
        assert_eq!(driver, [61, 122, 183]);
        assert_eq!(injector[..3], [3, 70, 73]);
    }

    #[test]
    fn polls_that_were_skipped_count_for_both() {
        let mut pace = Pace::new();
        assert!(!pace.step());
        pace.skip(58);
        assert!(pace.step(), "the injector is long due");
        let only_injector = Due {
            driver: false,
            injector: true,
        };
        assert_eq!(pace.due(), only_injector);
        assert!(pace.step(), "the 61st");
        assert!(pace.due().driver);
        pace.skip(1_000);
        assert!(pace.step());
        let both = Due {
            driver: true,
            injector: true,
        };
        assert_eq!(pace.due(), both);
    }
}
