//! The local queues and the injector.

use std::ptr::NonNull;

use crossbeam_deque as cb;
use crossbeam_deque::Steal;

use super::Entry;
use crate::sync::UnsafeCell;
use crate::task::Header;

/// The end of a local queue that its worker's occupant holds.
pub(crate) struct Local(UnsafeCell<Lines>);

// SAFETY: the methods that reach the lines through `&self` are unsafe, and demand that one thread at a time calls them.
unsafe impl Sync for Local {}

/// A local queue is two lines: tasks that became runnable, and tasks that were runnable all the time and only let others go first. In
/// one line, each task that is woken would wait for a round of those that yield.
///
/// Those that yield go in rounds. A round begins with all that wait in `woken`; then come those that stand in `yielded` already, and between
/// two of them a few of those that were woken since. So whoever yields has let everything go first that waited here before, as in one line, and
/// neither line starves the other. Thieves take from the front, and may so let a latecomer into the round under way.
struct Lines {
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
const BETWEEN: usize = 16;

impl Lines {
    #[inline]
    fn len(&self) -> usize {
        let yielded = if self.has_yielded {
            self.yielded.len()
        } else {
            0
        };
        self.woken.len() + yielded
    }

    /// Whether others wait too. `elsewhere`: so many go first that may still come into `woken`.
    #[inline]
    fn push_yielded(&mut self, task: Entry, elsewhere: usize) -> bool {
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
    fn pop(&mut self) -> Option<Entry> {
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

/// The end that everybody else may take from.
#[derive(Debug)]
pub(crate) struct Stealer {
    woken: cb::Stealer<Entry>,
    yielded: cb::Stealer<Entry>,
}

/// What a round of stealing gave.
#[derive(Debug)]
pub(crate) enum Stolen {
    One(NonNull<Header>),
    Nothing,
    /// Somebody was faster, so there may be more: no reason to sleep.
    Retry,
}

impl From<Steal<Entry>> for Stolen {
    fn from(steal: Steal<Entry>) -> Self {
        match steal {
            Steal::Success(entry) => Stolen::One(entry.0),
            Steal::Empty => Stolen::Nothing,
            Steal::Retry => Stolen::Retry,
        }
    }
}

impl Local {
    pub(crate) fn new() -> (Self, Stealer) {
        let lines = Lines {
            woken: cb::Worker::new_fifo(),
            yielded: cb::Worker::new_fifo(),
            has_yielded: false,
            round: 0,
            ahead: 0,
            is_next: false,
            took_yielded: false,
        };
        let stealer = Stealer {
            woken: lines.woken.stealer(),
            yielded: lines.yielded.stealer(),
        };
        (Self(UnsafeCell::new(lines)), stealer)
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place. `f` doesn't come back to this queue.
    #[inline]
    unsafe fn with<R>(&self, f: impl FnOnce(&mut Lines) -> R) -> R {
        // SAFETY: one thread at a time, as the caller promises, and one reference at a time.
        self.0.with_mut(|lines| f(unsafe { &mut *lines }))
    }

    /// Queues a task that was woken or spawned.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn push(&self, task: NonNull<Header>) {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.woken.push(Entry(task))) }
    }

    /// Queues a task that lets others go first: `in_slot` says that there is one in the next slot. Whether others wait too, besides that.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn push_yielded(&self, task: NonNull<Header>, in_slot: bool) -> bool {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.push_yielded(Entry(task), usize::from(in_slot))) }
    }

    /// Queues a task behind those that stand with the one that was taken last.
    ///
    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn push_behind_taken(&self, task: NonNull<Header>) {
        let push = |lines: &mut Lines| {
            if lines.took_yielded {
                lines.push_yielded(Entry(task), 0);
            } else {
                lines.woken.push(Entry(task));
            }
        };
        // SAFETY: as the caller promises.
        unsafe { self.with(push) }
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn pop(&self) -> Option<NonNull<Header>> {
        // SAFETY: as the caller promises.
        unsafe { self.with(Lines::pop) }.map(|entry| entry.0)
    }

    /// # Safety
    /// The caller owns the worker: it is the occupant, or has its place.
    #[inline]
    pub(crate) unsafe fn len(&self) -> usize {
        // SAFETY: as the caller promises.
        unsafe { self.with(|lines| lines.len()) }
    }
}

impl Stealer {
    pub(crate) fn is_empty(&self) -> bool {
        self.woken.is_empty() && self.yielded.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.woken.len() + self.yielded.len()
    }

    pub(crate) fn steal(&self) -> Stolen {
        match self.woken.steal() {
            Steal::Empty => self.yielded.steal(),
            stolen => stolen,
        }
        .into()
    }

    /// Takes one, and up to half of the rest of its line into the same line of `into`.
    ///
    /// # Safety
    /// The caller owns the worker of `into`.
    pub(crate) unsafe fn steal_batch_and_pop(&self, into: &Local) -> Stolen {
        let steal = |into: &mut Lines| {
            into.took_yielded = false;
            let stolen = self.woken.steal_batch_and_pop(&into.woken);
            if !stolen.is_empty() {
                return stolen;
            }
            let stolen = self.yielded.steal_batch_and_pop(&into.yielded);
            if stolen.is_success() {
                into.has_yielded = true;
                into.is_next = true;
                into.took_yielded = true;
            }
            stolen
        };
        // SAFETY: as the caller promises.
        unsafe { into.with(steal) }.into()
    }
}

/// The queue of everybody who sits at no worker.
#[derive(Debug)]
pub(crate) struct Injector(cb::Injector<Entry>);

impl Injector {
    pub(crate) fn new() -> Self {
        Self(cb::Injector::new())
    }

    pub(crate) fn push(&self, task: NonNull<Header>) {
        self.0.push(Entry(task));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn steal(&self) -> Stolen {
        self.0.steal().into()
    }

    /// Takes one, and a batch of more into `into`.
    ///
    /// # Safety
    /// The caller owns the worker of `into`.
    pub(crate) unsafe fn steal_batch_and_pop(&self, into: &Local) -> Stolen {
        let steal = |into: &mut Lines| {
            into.took_yielded = false;
            self.0.steal_batch_and_pop(&into.woken)
        };
        // SAFETY: as the caller promises.
        unsafe { into.with(steal) }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    /// Nobody follows the pointers of these.
    fn entry(number: usize) -> NonNull<Header> {
        NonNull::new(ptr::without_provenance_mut(number * align_of::<Header>())).unwrap()
    }

    /// Takes out everything, by number.
    fn drain(local: &Local) -> Vec<usize> {
        // SAFETY: the queue is this thread's.
        std::iter::from_fn(|| unsafe { local.pop() })
            .map(|task| task.addr().get() / align_of::<Header>())
            .collect()
    }

    fn pop(local: &Local) -> usize {
        // SAFETY: the queue is this thread's.
        let task = unsafe { local.pop() }.unwrap();
        task.addr().get() / align_of::<Header>()
    }

    fn push(local: &Local, woken: impl IntoIterator<Item = usize>) {
        for number in woken {
            // SAFETY: the queue is this thread's.
            unsafe { local.push(entry(number)) };
        }
    }

    fn push_yielded(local: &Local, yielded: impl IntoIterator<Item = usize>) -> Vec<bool> {
        // SAFETY: the queue is this thread's.
        let push = |number| unsafe { local.push_yielded(entry(number), false) };
        yielded.into_iter().map(push).collect()
    }

    #[test]
    fn who_yields_lets_go_first_who_waits_already() {
        let (local, _) = Local::new();
        push(&local, [1, 2]);
        assert_eq!(push_yielded(&local, [3]), [true]);
        push(&local, [4, 5]);
        assert_eq!(drain(&local), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn who_was_woken_waits_for_one_of_those_that_yield() {
        let (local, _) = Local::new();
        assert_eq!(push_yielded(&local, [1, 2, 3]), [false, true, true]);
        push(&local, [4, 5]);
        assert_eq!(drain(&local), [1, 4, 5, 2, 3]);
    }

    #[test]
    fn those_that_yield_let_a_few_pass_between_them_and_all_once_in_a_round() {
        let (local, _) = Local::new();
        push_yielded(&local, [1, 2, 3]);
        push(&local, (100..100 + BETWEEN + 4).chain([200]));
        let order = drain(&local);
        let place = |number| order.iter().position(|&taken| taken == number);
        // The first goes at once, as nobody was there before it. Then a round begins with all.
        assert_eq!((place(1), place(200)), (Some(0), Some(BETWEEN + 5)));
        assert_eq!(order[BETWEEN + 6..], [2, 3]);

        push_yielded(&local, [1, 2, 3, 4]);
        assert_eq!(pop(&local), 1);
        assert_eq!(pop(&local), 2);
        // In the middle of a round, with one that comes too late for it.
        push(&local, 100..100 + BETWEEN + 4);
        push_yielded(&local, [5]);
        let order = drain(&local);
        assert_eq!(order[BETWEEN], 3);
        assert_eq!(order[BETWEEN + 5..], [4, 5]);
    }

    #[test]
    fn who_yields_counts_those_ahead_whatever_was_taken_before() {
        let ((local, stealer), injector) = (Local::new(), Injector::new());
        injector.push(entry(9));
        push_yielded(&local, [1]);
        assert_eq!(pop(&local), 1);
        // SAFETY: the queue is this thread's.
        let injected = unsafe { injector.steal_batch_and_pop(&local) };
        assert!(matches!(injected, Stolen::One(task) if task == entry(9)));
        push(&local, [2]);
        push_yielded(&local, [9]);
        assert_eq!(drain(&local), [2, 9]);

        push_yielded(&local, [1]);
        assert!(matches!(stealer.steal(), Stolen::One(task) if task == entry(1)));
        push(&local, [2]);
        // SAFETY: as above.
        unsafe { local.push_yielded(entry(3), true) };
        // That of the next slot was displaced.
        push(&local, [4, 5]);
        assert_eq!(drain(&local), [2, 4, 3, 5]);
    }

    #[test]
    fn neither_line_starves_the_other() {
        let (local, _) = Local::new();
        push(&local, [100]);
        push_yielded(&local, [200]);
        let mut turns = 0;
        for _ in 0..1_000 {
            // SAFETY: the queue is this thread's.
            let taken = unsafe { local.pop() }.unwrap();
            push(&local, [100]);
            if taken == entry(200) {
                turns += 1;
                push_yielded(&local, [200]);
            }
        }
        // Each time one more is ahead: 1 + 2 + ... + 43 < 1,000.
        assert_eq!(turns, 43);
    }

    #[test]
    fn a_joiner_goes_behind_the_neighbours_of_its_task() {
        let (local, _) = Local::new();
        push_yielded(&local, [1, 2, 3]);
        // SAFETY: the queue is this thread's.
        assert_eq!(unsafe { local.pop() }, Some(entry(1)));
        // SAFETY: as above.
        unsafe { local.push_behind_taken(entry(4)) };
        push(&local, [5]);
        assert_eq!(drain(&local), [5, 2, 3, 4]);
        push(&local, [1, 2]);
        // SAFETY: as above.
        assert_eq!(unsafe { local.pop() }, Some(entry(1)));
        // SAFETY: as above.
        unsafe { local.push_behind_taken(entry(3)) };
        assert_eq!(drain(&local), [2, 3]);
    }

    #[test]
    fn a_thief_takes_from_both_lines_and_keeps_them_apart() {
        let ((local, stealer), (own, _)) = (Local::new(), Local::new());
        push(&local, [1]);
        push_yielded(&local, [2, 3, 4]);
        let mut taken = Vec::new();
        // SAFETY: the queue is this thread's.
        while let Stolen::One(task) = unsafe { stealer.steal_batch_and_pop(&own) } {
            taken.push(task.addr().get() / align_of::<Header>());
            push(&own, [9]);
            taken.extend(drain(&own));
        }
        assert_eq!((stealer.is_empty(), stealer.len()), (true, 0));
        assert_eq!(taken, [1, 9, 2, 9, 3, 4, 9]);
        assert_eq!(drain(&local), []);
    }
}
