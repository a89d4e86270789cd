//! What keeps the two counts in their places. Nothing of it happens to a program that does not count by the hundred million.
//!
//! Wakes have 30 bits. From a quarter of what these hold on, whoever adds one and has a reference, or makes one, takes an eighth away, as that many
//! more say no more. So a turn may answer less than an eighth, or wakes would seem answered that came after it began: one that finds more
//! takes them away first. Whoever gives its reference up with its wake takes none away, but it had to be made, which takes some away too (or else
//! it was a spare one, which is made with two others): there are half as many references as wakes at most, so the count ends at three quarters, and
//! what threads add at the same moment.

use super::{REF, State, Taken, Turn, WAKE, WAKES};
use crate::sync::Ordering;

/// In the word: wakes are a quarter or more of what they may be.
pub(super) const MANY: u64 = (REF >> 1) | (REF >> 2);
/// In the word: they are an eighth or more.
pub(super) const TO_BE_ANSWERED: u64 = MANY | EIGHTH;
const EIGHTH: u64 = REF >> 3;

/// In the word: so many references that the process aborts. Only a leak in a loop gets there.
pub(super) const MAX_REFS: u64 = 1 << 63;

/// Spare references were made up for.
#[inline]
pub(super) fn check_made_up(before: u64, taken: Taken) {
    if taken.0 != 0 && before & MAX_REFS != 0 {
        std::process::abort();
    }
}

/// With one more, where one more says something.
pub(super) fn with_wake(word: u64) -> u64 {
    if word & MANY == 0 { word + WAKE } else { word }
}

impl State {
    /// Takes some away. The caller has a reference.
    #[cold]
    pub(super) fn relieve(&self) {
        // Relaxed: the exchange decides.
        let mut now = self.0.load(Ordering::Relaxed);
        while now & MANY != 0 {
            // Relaxed: what the wakes have published stays so, as this continues what their Release began.
            match self.0.compare_exchange_weak(
                now,
                now - EIGHTH,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(seen) => now = seen,
            }
        }
    }

    /// Begins a turn by taking all wakes but one away, which the turn then answers.
    #[cold]
    pub(super) fn start_anew(&self) -> Turn {
        // Relaxed: the exchange decides.
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let next = (now & !WAKES) | WAKE;
            // Acquire: as in `start`, for all that are taken away.
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Turn(next),
                Err(seen) => now = seen,
            }
        }
    }

    /// The caller has just made a reference.
    #[cold]
    pub(super) fn retained_many(&self, before: u64) {
        if before & MAX_REFS != 0 {
            std::process::abort();
        }
        self.relieve();
    }
}
