//! The two lines of a local queue, and whose turn it is.
//!
//! A local queue is two lines: tasks that became runnable, and tasks that were runnable all the time and only let others go first. In
//! one line, each task that is woken would wait for a round of those that yield.
//!
//! Those that yield go in rounds. A round begins with all that wait in `woken`; then come those that stand in `yielded` already, and between
//! two of them a few of those that were woken since. So whoever yields has let everything go first that waited here before, as in one line, and
//! neither line starves the other. Thieves take from the front, and may so let a latecomer into the round under way.

use crossbeam_deque as cb;
use crossbeam_deque::Steal;

use super::Entry;

/// See the module's page.
pub(super) struct Lines {
    woken: cb::Worker<Entry>,
    yielded: cb::Worker<Entry>,
    /// Somebody may stand in `yielded`.
    has_yielded: bool,
    /// So many in `yielded` belong to this round. Thieves may have taken some of them.
    round: usize,
    /// So many of `woken` go before the first of `yielded`.
    ahead: usize,
    /// The turn of one that had yielded is over, or under way: `ahead` is to be counted anew.
    is_next: bool,
    /// The task that was taken last had yielded.
    took_yielded: bool,
}

/// So many that were woken go between two that yield, at most.
pub(super) const BETWEEN: usize = 16;

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            woken: cb::Worker::new_fifo(),
            yielded: cb::Worker::new_fifo(),
            has_yielded: false,
            round: 0,
            ahead: 0,
            is_next: false,
            took_yielded: false,
        }
    }

    /// The ends of both that everybody else may take from: `woken`, and `yielded`.
    pub(super) fn stealers(&self) -> (cb::Stealer<Entry>, cb::Stealer<Entry>) {
        (self.woken.stealer(), self.yielded.stealer())
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
            self.has_yielded = true;
            self.is_next = true;
            self.took_yielded = true;
        }
        stolen
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        let yielded = if self.has_yielded {
            self.yielded.len()
        } else {
            0
        };
        self.woken.len() + yielded
    }

    /// Whether others wait too. `elsewhere`: so many go first that may still come into `woken`.
    #[inline]
    pub(super) fn push_yielded(&mut self, task: Entry, elsewhere: usize) -> bool {
        let before = self.yielded.len();
        if before == 0 {
            // A round for itself.
            self.has_yielded = true;
            self.round = 1;
            self.ahead = self.woken.len() + elsewhere;
            self.is_next = false;
        } else {
            // One that comes now does not belong to the round under way.
            self.round = self.round.min(before);
        }
        self.yielded.push(task);
        before > 0 || self.ahead > elsewhere
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Entry> {
        self.took_yielded = false;
        if !self.has_yielded {
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
        match self.yielded.pop() {
            Some(task) => {
                self.round = self.round.saturating_sub(1);
                self.is_next = true;
                self.took_yielded = true;
                Some(task)
            }
            None => {
                self.has_yielded = false;
                self.woken.pop()
            }
        }
    }

    /// As if this were pushed, and then one popped.
    #[inline]
    pub(super) fn exchange(&mut self, task: Entry) -> Option<Entry> {
        if self.len() == 0 {
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
        if self.round == 0 {
            self.round = self.yielded.len();
        } else {
            self.ahead = self.ahead.min(BETWEEN);
        }
    }
}
