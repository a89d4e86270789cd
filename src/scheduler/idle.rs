//! Who sleeps and who searches: one bit per sleeping worker, and a count of searchers.
//!
//! **A set bit means that nobody runs at this worker, and clearing it is the right to decide who does.** Whoever
//! clears a bit owns the worker until it has handed it on: a waker wakes the occupant (or gets a thread for a
//! vacant worker), a caller that enters takes the worker for itself, the closer takes it out of service, and the
//! occupant itself takes it back when an event or its root wants it. Another bit per worker says whether something may be queued there. The argument is in the README
//! beside this file.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, AtomicUsize, Ordering, fence, fence_behind_rmw};
use crate::util::ones::Ones;

const BITS: usize = u64::BITS as usize;

/// The idle words of one engine.
#[derive(Debug)]
pub struct Idle {
    words: Box<[CachePadded<Word>]>,
    searchers: CachePadded<AtomicUsize>,
}

/// Two bits for each of so many workers.
#[derive(Debug)]
struct Word {
    asleep: AtomicU64,
    /// Something may be queued there: of any other worker the queue is empty.
    in_use: AtomicU64,
}

impl Idle {
    /// For `total` workers, of which the first `vacant` have their bit set.
    pub fn new(total: usize, vacant: usize) -> Self {
        let words = (0..total.div_ceil(BITS))
            .map(|word| Word {
                asleep: AtomicU64::new(Self::first(vacant, word)),
                in_use: AtomicU64::new(0),
            })
            .map(CachePadded::new)
            .collect();
        Self {
            words,
            searchers: CachePadded::new(AtomicUsize::new(0)),
        }
    }

    /// The pusher's part, after its push: whether somebody could be woken, and nobody is on the way.
    #[inline]
    pub fn wants_call(&self) -> bool {
        // Pairs with the fence in `sleep`: either this load sees the sleeper's bit, or the sleeper's look sees the push.
        fence(Ordering::SeqCst);
        self.is_anybody_wanted()
    }

    /// The same after a push by a read-modify-write of what the sleeper looks at.
    #[inline]
    pub fn wants_call_behind_rmw(&self) -> bool {
        // Pairs as in `wants_call`.
        fence_behind_rmw();
        self.is_anybody_wanted()
    }

    #[inline]
    fn is_anybody_wanted(&self) -> bool {
        // Relaxed: ordered by the fences of the callers.
        self.searchers.load(Ordering::Relaxed) == 0 && self.any_asleep()
    }

    /// Whom to wake, if [`Idle::wants_call`]. The worker returned counts as a searcher, and its bit is cleared.
    ///
    /// `rank` orders the sleepers, least first; `work_left` looks at all the queues.
    #[cold]
    pub fn call(&self, rank: impl Fn(usize) -> u8, work_left: impl Fn() -> bool) -> Option<usize> {
        loop {
            // Relaxed: the count orders nothing; the bit does, and the fences.
            if self
                .searchers
                .compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
            {
                return None;
            }
            if let Some(worker) = self.take_best(&rank) {
                return Some(worker);
            }
            // While this thread counted as a searcher, others may have pushed and relied on it.
            if !self.stop_searching() || !work_left() || !self.any_asleep() {
                return None;
            }
        }
    }

    fn take_best(&self, rank: &impl Fn(usize) -> u8) -> Option<usize> {
        loop {
            let mut best: Option<(u8, usize)> = None;
            for (index, word) in self.words.iter().enumerate() {
                // Relaxed: `claim` decides.
                for bit in Ones(word.asleep.load(Ordering::Relaxed)) {
                    let worker = index * BITS + bit;
                    let candidate = (rank(worker), worker);
                    if best.is_none_or(|best| candidate < best) {
                        best = Some(candidate);
                    }
                }
            }
            let (_, worker) = best?;
            if self.claim(worker) {
                return Some(worker);
            }
        }
    }

    /// The sleeper's part: from here on its worker belongs to whoever clears the bit. **The caller looks at every queue
    /// once more after this**, and makes an ordinary call if it finds something.
    pub fn sleep(&self, worker: usize, searching: bool) {
        let (word, bit) = Self::place(worker);
        // Release: pairs with the Acquire in `claim`: who clears the bit sees the worker as its last occupant left it.
        self.words[word].asleep.fetch_or(bit, Ordering::Release);
        if searching {
            // Relaxed: the fence below orders it.
            self.searchers.fetch_sub(1, Ordering::Relaxed);
        }
        // Pairs with the fence in `wants_call`, and with the one in `stop_searching`.
        fence_behind_rmw();
    }

    /// Clears a bit. True: it was set, and the worker is now the caller's to decide about.
    pub fn claim(&self, worker: usize) -> bool {
        let (word, bit) = Self::place(worker);
        // Acquire: pairs with the Release in `sleep`.
        self.words[word].asleep.fetch_and(!bit, Ordering::Acquire) & bit != 0
    }

    /// Clears the bits of the first `workers`, if all of these are set, and no others. They are the caller's until [`Idle::give_all_back`].
    pub fn claim_all(&self, workers: usize) -> bool {
        for (index, word) in self.words.iter().enumerate() {
            let all = Self::first(workers, index);
            // Acquire: as in `claim`.
            let asleep = &word.asleep;
            let claimed = asleep.compare_exchange(all, 0, Ordering::Acquire, Ordering::Relaxed);
            if claimed.is_err() {
                self.set_all(workers, index);
                return false;
            }
        }
        true
    }

    /// Sets them again. Whoever pushed meanwhile called nobody: **the caller closes the engine, unless nobody can have pushed.**
    pub fn give_all_back(&self, workers: usize) {
        self.set_all(workers, self.words.len());
    }

    /// In the first words, which the caller has claimed.
    fn set_all(&self, workers: usize, words: usize) {
        for (index, word) in self.words[..words].iter().enumerate() {
            // Release: as in `sleep`.
            word.asleep
                .fetch_or(Self::first(workers, index), Ordering::Release);
        }
    }

    /// Clears the bit of some sleeping worker that `choose` accepts.
    pub fn claim_any(&self, choose: impl Fn(usize) -> bool) -> Option<usize> {
        (0..self.words.len() * BITS)
            .find(|&worker| self.is_asleep(worker) && choose(worker) && self.claim(worker))
    }

    pub fn is_asleep(&self, worker: usize) -> bool {
        let (word, bit) = Self::place(worker);
        // Acquire: a sleeper that finds its bit cleared comes after whoever cleared it. The token that follows says so
        // again, with the waker's Release.
        self.words[word].asleep.load(Ordering::Acquire) & bit != 0
    }

    /// Whether at least so many of the first `workers` are awake.
    #[inline]
    pub fn are_awake(&self, least: usize, workers: usize) -> bool {
        let mut missing = least;
        for (index, word) in self.words.iter().take(workers.div_ceil(BITS)).enumerate() {
            // Relaxed: ordered by the fences of the callers.
            let mut awake = !word.asleep.load(Ordering::Relaxed) & Self::first(workers, index);
            // Few are asked for, and to count all bits takes a dozen instructions, where processors are not known to have one for it.
            while missing > 0 && awake != 0 {
                awake &= awake - 1;
                missing -= 1;
            }
        }
        missing == 0
    }

    #[inline]
    pub fn any_asleep(&self) -> bool {
        // Relaxed: ordered by the fences of the callers.
        self.words
            .iter()
            .any(|word| word.asleep.load(Ordering::Relaxed) != 0)
    }

    /// From here on something may be queued at this worker. Said by whoever sits down or wakes up there, before it queues anything: so before the fence that
    /// follows a push, and whoever looks behind a fence of its own sees it with that push.
    #[inline]
    pub fn put_to_use(&self, worker: usize) {
        let (word, bit) = Self::place(worker);
        let in_use = &self.words[word].in_use;
        // Relaxed: ordered by the fences of those who push and look.
        if in_use.load(Ordering::Relaxed) & bit == 0 {
            // Relaxed: as above.
            in_use.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Nothing is queued there, nor will be until that is said again. Said by whoever goes to sleep there or leaves, **before it sets its bit**, or leaves a spare
    /// vacant: after that it may be another's word that it takes back.
    #[inline]
    pub fn put_out_of_use(&self, worker: usize) {
        let (word, bit) = Self::place(worker);
        let in_use = &self.words[word].in_use;
        // Relaxed: what hands the worker on orders it before what the next occupant says.
        if in_use.load(Ordering::Relaxed) & bit != 0 {
            // Relaxed: as above.
            in_use.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Where something may be queued: all such workers, in turn from `start` on.
    #[inline]
    pub fn in_use(&self, start: usize) -> InUse<'_> {
        let (word, bit) = Self::place(start);
        InUse {
            words: &self.words,
            word,
            found: Ones(self.words[word].in_use_now() & !(bit - 1)),
            steps: self.words.len(),
            before: bit - 1,
        }
    }

    /// One more searcher: a worker that ran dry, or took its own bit back.
    pub fn start_searching(&self) {
        // Relaxed: who pushes and sees the count relies on the look that ends the search, behind a fence.
        self.searchers.fetch_add(1, Ordering::Relaxed);
    }

    /// One searcher less, before it polls anything. True: it was the last, and has to make a call if work is left.
    pub fn stop_searching(&self) -> bool {
        // Release: pairs with the fence that follows this, and the one in `sleep`: the last one sees what another has brought into its own queue from
        // elsewhere, and calls for it.
        let last = self.searchers.fetch_sub(1, Ordering::Release) == 1;
        // Pairs with the fence in `wants_call`: either a pusher saw no searcher, or the look that follows sees its push.
        fence_behind_rmw();
        last
    }

    pub fn searchers(&self) -> usize {
        // Relaxed: for debug output and tests.
        self.searchers.load(Ordering::Relaxed)
    }

    /// The bits, in a word, of the first so many workers.
    fn first(workers: usize, word: usize) -> u64 {
        match workers.saturating_sub(word * BITS) {
            here if here < BITS => (1 << here) - 1,
            _ => !0,
        }
    }

    fn place(worker: usize) -> (usize, u64) {
        (worker / BITS, 1 << (worker % BITS))
    }
}

impl Word {
    fn in_use_now(&self) -> u64 {
        // Relaxed: ordered by the fences of those who look.
        self.in_use.load(Ordering::Relaxed)
    }
}

/// See [`Idle::in_use`].
#[derive(Debug)]
pub struct InUse<'i> {
    words: &'i [CachePadded<Word>],
    word: usize,
    found: Ones,
    /// Words that follow.
    steps: usize,
    /// The part of the last one, which is the first again, that comes before the start.
    before: u64,
}

impl Iterator for InUse<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        loop {
            if let Some(bit) = self.found.next() {
                return Some(self.word * BITS + bit);
            }
            self.steps = self.steps.checked_sub(1)?;
            self.word = if self.word + 1 == self.words.len() {
                0
            } else {
                self.word + 1
            };
            let part = if self.steps == 0 { self.before } else { !0 };
            self.found = Ones(self.words[self.word].in_use_now() & part);
        }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn of_a_thousand_pushes_only_the_first_calls_a_worker_while_that_one_searches() {
        let idle = Idle::new(8, 8);
        let calls = (0..1_000).filter_map(|_| idle.call(|_| 0, || true));
        assert_eq!(calls.collect::<Vec<_>>(), [0]);
        // It found something, and as the last searcher sees to it that another one looks.
        assert!(idle.stop_searching());
        assert_eq!(idle.call(|_| 0, || true), Some(1));
        assert_eq!(idle.call(|_| 0, || true), None);
    }

    #[test]
    fn all_are_claimed_or_none() {
        for total in [1, 2, 63, 64, 65, 130] {
            let idle = Idle::new(2 * total, total);
            assert!(idle.claim_all(total) && !idle.any_asleep(), "{total}");
            assert!(!idle.claim_all(total) && !idle.any_asleep(), "{total}");
            idle.give_all_back(total);
            assert!((0..2 * total).all(|worker| idle.is_asleep(worker) == (worker < total)));
            assert!(idle.claim(total - 1) && !idle.claim_all(total), "{total}");
            assert!((0..total - 1).all(|worker| idle.is_asleep(worker)));
        }
    }

    #[test]
    fn those_awake_are_counted_up_to_any_worker() {
        for total in [1, 63, 64, 65, 130] {
            let idle = Idle::new(2 * total, total);
            for workers in 0..=2 * total {
                let awake = workers.saturating_sub(total);
                assert!(idle.are_awake(awake, workers), "{total}");
                assert!(!idle.are_awake(awake + 1, workers), "{total}");
            }
            assert!(!idle.are_awake(total + 1, 2 * total) && idle.claim(total - 1));
            assert!(idle.are_awake(total + 1, 2 * total));
        }
    }

    #[test]
    fn each_worker_in_use_is_looked_at_once_whatever_comes_first() {
        for (total, every) in [
            (1, 1),
            (2, 1),
            (63, 3),
            (64, 1),
            (65, 2),
            (128, 1),
            (130, 4),
        ] {
            let idle = Idle::new(total, 0);
            assert_eq!(idle.in_use(0).count(), 0);
            let used = (0..total).step_by(every);
            used.clone().for_each(|worker| idle.put_to_use(worker));
            for start in 0..total {
                let (before, after): (Vec<_>, Vec<_>) = used.clone().partition(|w| *w < start);
                let found: Vec<_> = idle.in_use(start).collect();
                assert_eq!(found, [after, before].concat(), "{total} from {start}");
            }
            used.for_each(|worker| idle.put_out_of_use(worker));
            assert_eq!(idle.in_use(total / 2).count(), 0, "{total}");
        }
    }

    #[test]
    fn a_worker_whose_bit_is_set_twice_is_called_once() {
        let idle = Idle::new(2, 0);
        idle.sleep(1, false);
        idle.sleep(1, false);
        assert!(idle.claim(1));
        assert!(!idle.claim(1) && !idle.any_asleep());
        assert_eq!(idle.call(|_| 0, || true), None);
        assert_eq!(idle.searchers(), 0);
    }
}
