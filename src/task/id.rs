//! Task ids, handed out in blocks.

use std::fmt;
use std::num::NonZeroU64;

use crate::sync::{Counter, Ordering};

/// The name of a task: unique in the process, and never used again.
///
/// Ids grow, but not strictly in the order of spawning: each worker takes them from a block of its own.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let first = heist::spawn(async { heist::task::id() });
///     let id = first.id();
///     assert_eq!(first.await.unwrap(), Some(id));
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(NonZeroU64);

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many ids a worker takes at a time.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: Counter = Counter::new(1);

/// Ids taken from the process-wide counter and not yet used.
#[derive(Debug, Default)]
pub(crate) struct IdBlock {
    next: u64,
    end: u64,
}

impl IdBlock {
    #[inline]
    pub(crate) fn next(&mut self) -> TaskId {
        self.run_of(1)
    }

    /// The first of `count` ids in a row.
    #[inline]
    pub(crate) fn run_of(&mut self, count: u64) -> TaskId {
        if self.end - self.next < count {
            let take = count.max(BLOCK);
            // Relaxed: only uniqueness matters.
            self.next = NEXT_BLOCK.fetch_add(take, Ordering::Relaxed);
            self.end = self.next + take;
        }
        let id = self.next;
        self.next += count;
        // The counter begins at 1 and would take centuries to wrap.
        TaskId(NonZeroU64::new(id).expect("task ids used up"))
    }
}

impl TaskId {
    pub(crate) fn get(self) -> u64 {
        self.0.get()
    }

    /// The id `n` places after this one, in a run taken by [`IdBlock::run_of`].
    pub(crate) fn offset(self, n: u32) -> TaskId {
        TaskId(self.0.saturating_add(u64::from(n)))
    }

    /// How many places after `first` this one is, in such a run.
    pub(crate) fn places_after(self, first: TaskId) -> u32 {
        (self.get() - first.get()) as u32
    }
}
