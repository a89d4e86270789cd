//! A run of elements that nobody has begun, and who may come for them.
//!
//! Two words. `span` is what is left: the elements from `lo` up to `hi`, packed, so that taking one from below and
//! splitting half off above exclude one another. `holds` says what exists of the range outside of itself:
//!
//! | bit | meaning |
//! |---|---|
//! | `ENTRY` | there is an entry for the range: in one queue, or in the hand of whoever popped it there |
//! | `TURN` | one thread, the *runner*, is in a turn: it claims elements one by one |
//!
//! There is never more than one entry and never more than one runner. Who pops the entry becomes the runner, or, if there
//! is one, a *helper*, who splits the rest. Either puts the entry back into a queue before it begins to poll, if
//! something is left beyond what it takes itself. So while an element blocks the runner's thread, others find the rest.
//!
//! **Elements that are left have an entry, or a runner who looks again.** `ENTRY` is cleared in two places while that may be. The helper does it after it
//! saw the range empty, which it stays: `lo` only grows and `hi` only falls. The runner does it (before its first claim) after it saw at
//! most one element left, which it then claims; should its turn end before, `leave` finds the element, and makes the entry again
//! in the same step in which it clears `TURN`. That step and `arrive` write the same word: a popper comes either
//! before it, finds `TURN`, and takes its part as a helper, or after it, and is the runner.
//!
//! Whoever clears the last bit frees the range. A look at `span` may be out of date: then it shows more than is left, and what
//! follows is an entry too many for a moment, never one too few.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use crate::sync::{AtomicU32, AtomicU64, Ordering};

const ENTRY: u32 = 1 << 0;
const TURN: u32 = 1 << 1;

/// See the module's page.
#[derive(Debug)]
pub struct Range {
    span: AtomicU64,
    holds: AtomicU32,
}

/// Who the popper of an entry is. Either way it has the entry in hand.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It has the turn.
    Runner,
    /// Somebody else has the turn: split.
    Helper,
}

/// What the runner has to do after its turn.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Leave {
    /// Elements are left and there was no entry: push it.
    Push,
    /// Nothing: the range belongs to whoever has the entry, and may be gone.
    Done,
    /// Nothing is left of the range: free it.
    Free,
}

impl Range {
    /// The elements from `lo` up to `hi`, with an entry that is the caller's to push.
    pub fn new(lo: u32, hi: u32) -> Self {
        Self {
            span: AtomicU64::new(pack(lo, hi)),
            holds: AtomicU32::new(ENTRY),
        }
    }

    /// The same, with the entry in the hand of the caller, who also has the turn.
    pub fn in_turn(lo: u32, hi: u32) -> Self {
        Self {
            span: AtomicU64::new(pack(lo, hi)),
            holds: AtomicU32::new(ENTRY | TURN),
        }
    }

    /// The entry was popped: asks for the turn.
    #[inline]
    pub fn arrive(&self) -> Arrival {
        // Acquire: pairs with the Release in `leave`: the runner finds the shelf as the last one left it. (The entry may have been pushed
        // before that turn ended.) Being a read-modify-write it carries on what others released here, to who frees.
        if self.holds.fetch_or(TURN, Ordering::Acquire) & TURN == 0 {
            Arrival::Runner
        } else {
            Arrival::Helper
        }
    }

    /// Takes the first element that is left. For the runner.
    #[inline]
    pub fn claim(&self) -> Option<u32> {
        // Relaxed: the futures were there before the first entry was pushed; this only decides who gets which.
        // On an empty range it moves `lo` past `hi`, once per turn, which reads as empty just so.
        let before = self.span.fetch_add(1, Ordering::Relaxed);
        let (lo, hi) = unpack(before);
        (lo < hi).then_some(lo)
    }

    /// Takes the upper half, and the middle one too. For a helper.
    pub fn split(&self) -> Option<(u32, u32)> {
        // Relaxed (all): as in `claim`.
        let mut now = self.span.load(Ordering::Relaxed);
        loop {
            let (lo, hi) = unpack(now);
            if lo >= hi {
                return None;
            }
            let middle = lo + (hi - lo) / 2;
            match self.span.compare_exchange_weak(
                now,
                pack(lo, middle),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((middle, hi)),
                Err(seen) => now = seen,
            }
        }
    }

    /// Takes everything. For the closer, who has the entry in hand.
    pub fn take_rest(&self) -> std::ops::Range<u32> {
        // Relaxed: as in `claim`.
        let (lo, hi) = unpack(self.span.swap(0, Ordering::Relaxed));
        lo..hi
    }

    /// How many elements are left, or more.
    #[inline]
    pub fn len(&self) -> u32 {
        // Relaxed: see the end of the module's page.
        let (lo, hi) = unpack(self.span.load(Ordering::Relaxed));
        hi.saturating_sub(lo)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives up the entry in hand instead of pushing it. True: that was the last of the range, and the caller frees it.
    pub fn drop_entry(&self) -> bool {
        // AcqRel: who frees comes after all that the others did with the range.
        // It is there, so that this is one instruction, and no loop.
        let before = self.holds.fetch_sub(ENTRY, Ordering::AcqRel);
        debug_assert!(before & ENTRY != 0, "no entry in hand");
        before == ENTRY
    }

    /// The runner's turn ends.
    #[inline]
    pub fn leave(&self) -> Leave {
        if self.is_empty() {
            // AcqRel: as in `drop_entry`.
            let before = self.holds.fetch_sub(TURN, Ordering::AcqRel);
            debug_assert!(before & TURN != 0, "no turn to leave");
            return if before == TURN {
                Leave::Free
            } else {
                Leave::Done
            };
        }
        // One step from TURN, with or without ENTRY, to ENTRY alone. AcqRel: as above.
        if self.holds.swap(ENTRY, Ordering::AcqRel) & ENTRY == 0 {
            Leave::Push
        } else {
            Leave::Done
        }
    }
}

fn pack(lo: u32, hi: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}

#[inline]
fn unpack(span: u64) -> (u32, u32) {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower half is what is wanted"
    )]
    (span as u32, (span >> 32) as u32)
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_runner_and_helpers_share_the_elements_out() {
        let range = Range::new(0, 10);
        assert_eq!(range.arrive(), Arrival::Runner);
        assert_eq!(range.claim(), Some(0));
        assert_eq!(range.arrive(), Arrival::Helper);
        assert_eq!(range.split(), Some((5, 10)));
        assert_eq!(range.len(), 4);
        assert_eq!(range.split(), Some((3, 5)));
        assert_eq!(range.split(), Some((2, 3)));
        assert_eq!(range.claim(), Some(1));
        assert_eq!(range.claim(), None);
        assert_eq!(range.split(), None);
        assert!(range.is_empty());
        assert!(!range.drop_entry());
        assert_eq!(range.leave(), Leave::Free);
    }

    #[test]
    fn a_turn_that_leaves_elements_leaves_an_entry() {
        let range = Range::in_turn(0, 2);
        assert_eq!(range.claim(), Some(0));
        assert_eq!(range.leave(), Leave::Done);
        assert_eq!(range.arrive(), Arrival::Runner);
        assert!(!range.drop_entry());
        assert_eq!(range.leave(), Leave::Push);
        assert_eq!(range.arrive(), Arrival::Runner);
        assert_eq!(range.take_rest(), 1..2);
        assert_eq!(range.leave(), Leave::Done);
        assert!(range.drop_entry());
    }
}
