//! What debug output says of a state word.

use std::fmt;

use super::{CANCELLED, COMPLETE, JOIN_INTEREST, JOIN_WAKER, REF, State, WAKE, WAKES};
use crate::sync::Ordering;

impl State {
    /// A look for debug output.
    pub fn snapshot(&self) -> Snapshot {
        // Relaxed: a report.
        Snapshot(self.0.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.snapshot(), f)
    }
}

/// A state word as it was at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot(pub(super) u64);

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (COMPLETE, "COMPLETE "),
            (CANCELLED, "CANCELLED "),
            (JOIN_INTEREST, "JOIN_INTEREST "),
            (JOIN_WAKER, "JOIN_WAKER "),
        ];
        for (bit, name) in names {
            if self.0 & bit != 0 {
                f.write_str(name)?;
            }
        }
        write!(f, "wakes {} refs {}", (self.0 & WAKES) / WAKE, self.0 / REF)
    }
}
