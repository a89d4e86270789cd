//! The lines of a local queue, and whose turn it is.
//!
//! A local queue is two lines: tasks that became runnable, and tasks that were runnable all the time and only let others go first. In
//! one line, each task that is woken would wait for a round of those that yield. The second line is two, one of them for *ranges*, entries that stand for many
//! tasks that nobody has begun. So thieves find these before single tasks that have begun here.
//!
//! Those that yield go in rounds. A round begins with all that wait in `woken`; then come those that stand in `ranges` already, and in `yielded`, and between
//! two of them a few of those that were woken since. So whoever yields has let everything go first that waited here before, as in one line, and
//! neither line starves the other. Thieves take from the front, and may so let a latecomer into the round under way.

use crossbeam_deque as cb;
use crossbeam_deque::Steal;

use super::Entry;

/// See the module's page.
pub(super) struct Lines {
    woken: cb::Worker<Entry>,
    ranges: cb::Worker<Entry>,
    yielded: cb::Worker<Entry>,
    /// Somebody may stand in `ranges` or `yielded`.
    has_rounds: bool,
    /// So many in `ranges` belong to this round, ...
    round_of_ranges: usize,
    /// ... and so many in `yielded`. Thieves may have taken some of them.
    round: usize,
    /// So many of `woken` go before the first of the round.
    ahead: usize,
    /// The turn of one of a round is over, or under way: `ahead` is to be counted anew.
    is_next: bool,
    /// What was taken last belonged to a round.
    took_yielded: bool,
}

/// So many that were woken go between two that yield, at most.
pub(super) const BETWEEN: usize = 16;

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            woken: cb::Worker::new_fifo(),
            ranges: cb::Worker::new_fifo(),
            yielded: cb::Worker::new_fifo(),
            has_rounds: false,
            round_of_ranges: 0,
            round: 0,
            ahead: 0,
            is_next: false,
            took_yielded: false,
        }
    }

    /// The ends that everybody else may take from: of `woken`, `ranges` and `yielded`.
    pub(super) fn stealers(&self) -> [cb::Stealer<Entry>; 3] {
        [&self.woken, &self.ranges, &self.yielded].map(cb::Worker::stealer)
    }

    #[inline]
    pub(super) fn push_woken(&self, task: Entry) {
        self.woken.push(task);
    }

    /// Behind those that stand with the one that was taken last.
    #[inline]
    pub(super) fn push_behind_taken(&mut self, task: Entry) {
        if self.took_yielded {
            self.push_yielded(task, 0);
        } else {
            self.woken.push(task);
        }
    }

    /// Whom `steal` gives, who brings others into `woken`.
    pub(super) fn take_woken(
        &mut self,
        steal: impl FnOnce(&cb::Worker<Entry>) -> Steal<Entry>,
    ) -> Steal<Entry> {
        self.took_yielded = false;
        steal(&self.woken)
    }

    /// The same, for `yielded`.
    pub(super) fn take_yielded(
        &mut self,
        steal: impl FnOnce(&cb::Worker<Entry>) -> Steal<Entry>,
    ) -> Steal<Entry> {
        let stolen = steal(&self.yielded);
        if stolen.is_success() {
            self.has_rounds = true;
            self.is_next = true;
            self.took_yielded = true;
        }
        stolen
    }

    /// The same, for a range, with which no others come.
    pub(super) fn take_range(&mut self, steal: impl FnOnce() -> Steal<Entry>) -> Steal<Entry> {
        let stolen = steal();
        self.took_yielded = stolen.is_success();
        stolen
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.woken.is_empty()
            && (!self.has_rounds || self.yielded.is_empty() && self.ranges.is_empty())
    }

    /// Whether anything stands here besides one range.
    #[inline]
    pub(super) fn has_beside_a_range(&self) -> bool {
        !self.woken.is_empty() || !self.yielded.is_empty() || self.ranges.len() > 1
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        let in_rounds = if self.has_rounds {
            self.ranges.len() + self.yielded.len()
        } else {
            0
        };
        self.woken.len() + in_rounds
    }

    /// Whether others wait too. `elsewhere`: so many go first that may still come into `woken`.
    #[inline]
    pub(super) fn push_yielded(&mut self, task: Entry, elsewhere: usize) -> bool {
        let before = self.yielded.len();
        if before > 0 || !self.ranges.is_empty() {
            // One that comes now does not belong to the round under way.
            self.round = self.round.min(before);
            self.yielded.push(task);
            return true;
        }
        self.begins_round(elsewhere);
        self.round = 1;
        self.yielded.push(task);
        self.ahead > elsewhere
    }

    /// What stands for many tasks.
    pub(super) fn push_range(&mut self, range: Entry) {
        if self.ranges.is_empty() && self.yielded.is_empty() {
            self.begins_round(0);
            self.round_of_ranges = 1;
        }
        self.ranges.push(range);
    }

    /// A round of one. Everybody goes first who waits already, be it elsewhere.
    #[inline]
    fn begins_round(&mut self, elsewhere: usize) {
        self.has_rounds = true;
        (self.round_of_ranges, self.round) = (0, 0);
        self.ahead = self.woken.len() + elsewhere;
        self.is_next = false;
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<Entry> {
        self.took_yielded = false;
        if !self.has_rounds {
            return self.woken.pop();
        }
        if self.is_next {
            self.count_ahead();
        }
        if self.ahead > 0 {
            self.ahead -= 1;
            if let Some(task) = self.woken.pop() {
                return Some(task);
            }
        }
        if self.round_of_ranges == 0
            && let Some(task) = self.pop_yielded()
        {
            return Some(task);
        }
        self.pop_elsewhere()
    }

    #[inline(always)]
    fn pop_yielded(&mut self) -> Option<Entry> {
        let task = self.yielded.pop()?;
        self.round = self.round.saturating_sub(1);
        self.is_next = true;
        self.took_yielded = true;
        Some(task)
    }

    fn pop_range(&mut self) -> Option<Entry> {
        let range = self.ranges.pop()?;
        self.round_of_ranges = self.round_of_ranges.saturating_sub(1);
        self.is_next = true;
        self.took_yielded = true;
        Some(range)
    }

    /// Where a range is next, or nobody stands in `yielded`.
    #[inline(never)]
    fn pop_elsewhere(&mut self) -> Option<Entry> {
        if self.round_of_ranges > 0 {
            if let Some(range) = self.pop_range() {
                return Some(range);
            }
            self.round_of_ranges = 0;
            if let Some(task) = self.pop_yielded() {
                return Some(task);
            }
        }
        // What was left of the round, thieves have taken, if anything was.
        (self.round_of_ranges, self.round) = (0, 0);
        self.has_rounds = !self.ranges.is_empty();
        self.is_next = true;
        self.woken.pop().or_else(|| self.pop_range())
    }

    /// As if this were pushed, and then one popped.
    #[inline]
    pub(super) fn exchange(&mut self, task: Entry) -> Option<Entry> {
        if self.is_empty() {
            self.took_yielded = false;
            return Some(task);
        }
        self.push_woken(task);
        self.pop()
    }

    #[inline]
    fn count_ahead(&mut self) {
        self.is_next = false;
        self.ahead = self.woken.len();
        if self.round + self.round_of_ranges == 0 {
            self.round = self.yielded.len();
            self.round_of_ranges = self.ranges.len();
        } else {
            self.ahead = self.ahead.min(BETWEEN);
        }
    }
}
