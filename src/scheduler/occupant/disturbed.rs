//! When a worker keeps out of the driver's seat for a while, since it is woken there for nothing.
//!
//! Who waits in the poller is woken for every event, also for what others are about to read, or have read already, as where both ends of a connection
//! are in this runtime ([`loopback`](crate::reactor::loopback)). To wake it takes whoever causes the event some microseconds, and the one that wakes up as well.
//!
//! So a worker that was woken in the seat for events of nobody many times within a short time, while others are awake, sleeps *beside* the seat for a fifth of a millisecond at a time, or until the next deadline.
//! It can be called there, after those who merely sleep, as in the seat. The seat is free, so others take it if they go to sleep; until then they look at the poller more often. If none of
//! them has while this one napped, it looks itself.

use std::time::{Duration, Instant};

use super::Occupant;

/// So often in a row, ...
const OFTEN: u8 = 16;
/// ... each within so long after the one before.
const SOON: Duration = Duration::from_millis(16);
/// How long a nap is, at most. Each takes some 25 µs of a processor that has nothing else to do.
const NAP: Duration = Duration::from_micros(200);
/// After so many it sits down once, and sees whether it is disturbed again.
const NAPS: u8 = 16;

/// What an occupant remembers of that.
#[derive(Debug, Default)]
pub(super) struct Disturbed {
    times: u8,
    last: Option<Instant>,
    naps: u8,
    /// It has napped, so that others may sleep who would sit in the seat.
    owes: bool,
}

impl Disturbed {
    fn is_lately(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now - last < SOON)
    }

    /// A wait was over for events of nobody.
    fn again(&mut self, now: Instant) {
        self.times = if self.is_lately(now) {
            OFTEN.min(self.times + 1)
        } else {
            1
        };
        self.last = Some(now);
    }

    /// A wait has brought something.
    fn no_longer(&mut self) {
        self.times = 0;
    }

    fn is_too_often(&self, now: Instant) -> bool {
        self.times >= OFTEN && self.is_lately(now)
    }

    /// Whether to nap beside the seat before it sits down.
    fn naps(&mut self, now: Instant) -> bool {
        let naps = self.naps < NAPS && self.is_too_often(now);
        self.naps = if naps { self.naps + 1 } else { 0 };
        self.owes |= naps;
        naps
    }
}

impl Occupant<'_> {
    /// Naps beside the seat, if that is free and it is too often disturbed there. `Some`: it has, and whether somebody has looked meanwhile.
    pub(super) fn naps_beside_the_seat(&mut self) -> Option<bool> {
        let (driver, now) = (&self.engine.driver, Instant::now());
        // This one is asleep.
        let has_others_awake = self.engine.idle.are_awake(1, self.engine.regular());
        if !has_others_awake || !driver.is_unattended() || !self.disturbed.naps(now) {
            return None;
        }
        let until = now + NAP;
        let timers = &driver.timers;
        let deadline = timers.instant(timers.minimum());
        let until = deadline.map_or(until, |deadline| until.min(deadline));
        let looks = driver.looks();
        driver.leave_to_looks(|| self.parker.nap_beside_seat(until));
        Some(driver.looks() != looks)
    }

    /// Whether it is too often disturbed in the seat, as far as is known. Its sleeps say nothing about how many workers are enough: a look between two of them may take
    /// something away from who was about to run it.
    pub(super) fn is_disturbed(&self, now: Instant) -> bool {
        self.disturbed.is_too_often(now)
    }

    /// It is no longer asleep, nor a searcher: if it has napped, and the seat is free, somebody who sleeps may have to sit down there. If one is on its way to something else, nobody is
    /// called, and the seat waits for the looks of those who are awake, and for the monitor.
    pub(super) fn hands_the_seat_over(&mut self) {
        if self.disturbed.owes
            && self.engine.driver.is_unattended()
            && !self.engine.leaves_driving()
        {
            self.disturbed.owes = false;
            self.engine.notify();
        }
    }

    /// A wait in the seat is over. What a look has found after a nap is not counted: it may be what others were about to read.
    pub(super) fn has_sat(&mut self, has_seen_events: bool) {
        if !self.woken.is_empty() {
            self.disturbed.no_longer();
        } else if has_seen_events {
            self.disturbed.again(Instant::now());
        }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_micros(100);

    fn disturbed(times: u8, every: Duration) -> (Disturbed, Instant) {
        let (mut disturbed, mut now) = (Disturbed::default(), Instant::now());
        for _ in 0..times {
            assert!(!disturbed.naps(now));
            now += every;
            disturbed.again(now);
        }
        (disturbed, now)
    }

    #[test]
    fn who_is_disturbed_often_naps_and_sits_down_once_in_a_while() {
        let (mut disturbed, mut now) = disturbed(OFTEN, STEP);
        for _ in 0..3 {
            for _ in 0..NAPS {
                assert!(disturbed.naps(now));
                now += NAP + STEP;
            }
            assert!(!disturbed.naps(now), "it sits down");
            now += STEP;
            disturbed.again(now);
        }
    }

    #[test]
    fn it_does_not_nap_for_what_was_long_ago_or_seldom_or_useful() {
        let (mut late, now) = disturbed(OFTEN, STEP);
        assert!(!late.naps(now + SOON));
        late.again(now + SOON);
        assert!(!late.naps(now + SOON), "it begins anew");
        let (mut seldom, now) = disturbed(4 * OFTEN, SOON);
        assert!(!seldom.naps(now));
        let (mut useful, now) = disturbed(OFTEN, STEP);
        useful.no_longer();
        assert!(!useful.naps(now));
    }
}
