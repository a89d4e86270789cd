//! A worker: a seat with its queue, its pages and its counters, whoever sits there.

use std::fmt;
use std::num::NonZeroU64;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::time::Duration;

use super::parker::Parker;
use crate::queue::{Local, NextSlot, Stealer};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::task::{Header, Meta, PageSet};
use crate::util::clock;

/// | field | who |
/// |---|---|
/// | `local`, `pages` (the owner's side) | the occupant; a vacant worker's: whoever cleared its bit |
/// | `next` | the occupant; the monitor takes from a stuck one |
/// | `parker`, `by_pool` | whoever owns the worker: the occupant, or who cleared its bit |
/// | `turns`, counters | the occupant writes, anybody reads |
/// | `is_from_queue`, `joining`, `root_waits` | the occupant |
/// | `attention` | anybody sets; the occupant takes |
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) next: NextSlot<Header>,
    pub(crate) local: Local,
    pub(crate) stealer: Stealer,
    pub(crate) pages: PageSet,
    /// The occupant's; null: vacant.
    parker: AtomicPtr<Parker>,
    /// The occupant is a thread of the pool, which a caller may send away while it sleeps.
    by_pool: AtomicBool,
    /// Begins and ends of polls: odd during one.
    pub(crate) turns: Count,
    pub(crate) in_root: AtomicBool,
    /// The task whose turn it is came from a queue, not from the next slot.
    pub(crate) is_from_queue: Mark,
    /// The turn of a task that came from a queue, and completed, plus one: see [`Worker::is_joining`].
    joining: Count,
    /// How many turns the occupant's root lets pass although it was woken.
    pub(crate) root_waits: Count,
    pub(crate) attention: AtomicU32,
    /// The kernel's id of the occupant, where there is such a thing.
    pub(crate) thread: AtomicU32,
    /// A thread was refused when work wanted one: the monitor tries again, or a caller sits down.
    refused: AtomicBool,
    /// A thread was requested and has not sat down yet.
    coming: AtomicBool,
    /// The monitor's last finding.
    stuck: AtomicBool,
    /// In debug mode, the task being polled: its id (0: none) and spawn location.
    task_id: AtomicU64,
    task_location: AtomicPtr<Location<'static>>,
    pub(crate) stats: Stats,
}

/// What a report says of the task that a worker polls.
pub(crate) struct NotedTask(pub(crate) Option<(u64, &'static Location<'static>)>);

/// The engine closes.
pub(crate) const CLOSE: u32 = 1;
/// The occupant's thread was found stuck in a task while it hosts a root.
pub(crate) const YIELD_SEAT: u32 = 2;

/// A counter with one writer at a time.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: statistics, and a sign of life for the monitor; one writer, so no read-modify-write.
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(n),
            Ordering::Relaxed,
        );
    }

    #[inline]
    pub(crate) fn set(&self, to: u64) {
        // Relaxed: as above.
        self.0.store(to, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        // Relaxed: as above.
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that the occupant notes for itself.
#[derive(Debug, Default)]
pub(crate) struct Mark(AtomicBool);

impl Mark {
    #[inline]
    pub(crate) fn set(&self, to: bool) {
        // Relaxed: written and read by the occupant.
        self.0.store(to, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> bool {
        // Relaxed: as above.
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Stats {
    pub(crate) completed: Count,
    pub(crate) steals: Count,
    pub(crate) parks: Count,
    /// So many of them after a call in vain, or while it was disturbed in the driver's seat.
    pub(crate) parks_in_vain: Count,
    pub(crate) wakeups: Count,
    /// Nanoseconds awake, without the stretch that runs now.
    pub(crate) busy: Count,
    /// When the occupant woke up, by the coarse clock; 0: it sleeps.
    pub(crate) awake_since: AtomicU64,
}

impl Stats {
    /// For an engine that goes to its next run.
    fn reset(&self) {
        for count in [
            &self.completed,
            &self.steals,
            &self.parks,
            &self.parks_in_vain,
            &self.wakeups,
            &self.busy,
        ] {
            count.set(0);
        }
    }

    pub(crate) fn wakes(&self) {
        // Relaxed: a statistic.
        self.awake_since
            .store(clock::coarse().max(1), Ordering::Relaxed);
    }

    pub(crate) fn falls_asleep(&self) {
        // Relaxed: as above.
        let since = self.awake_since.load(Ordering::Relaxed);
        if since != 0 {
            self.awake_since.store(0, Ordering::Relaxed);
            self.busy.add(clock::coarse().saturating_sub(since));
        }
    }

    /// Nobody will ask for how long the occupant was awake this time.
    pub(crate) fn forget(&self) {
        // Relaxed: as above.
        self.awake_since.store(0, Ordering::Relaxed);
    }

    pub(crate) fn busy(&self) -> Duration {
        // Relaxed: as above.
        let since = self.awake_since.load(Ordering::Relaxed);
        let running = (since != 0).then(|| clock::coarse().saturating_sub(since));
        Duration::from_nanos(self.busy.get() + running.unwrap_or(0))
    }
}

impl Worker {
    pub(crate) fn new(engine: *const (), index: usize) -> Self {
        let (local, stealer) = Local::new();
        Self {
            index,
            next: NextSlot::new(),
            local,
            stealer,
            pages: PageSet::new(engine),
            parker: AtomicPtr::new(ptr::null_mut()),
            by_pool: AtomicBool::new(false),
            turns: Count::default(),
            in_root: AtomicBool::new(false),
            is_from_queue: Mark::default(),
            joining: Count::default(),
            root_waits: Count::default(),
            attention: AtomicU32::new(0),
            thread: AtomicU32::new(0),
            refused: AtomicBool::new(false),
            coming: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            task_id: AtomicU64::new(0),
            task_location: AtomicPtr::new(ptr::null_mut()),
            stats: Stats::default(),
        }
    }

    /// The occupant's parker. None: vacant.
    pub(crate) fn parker(&self) -> Option<&'static Parker> {
        // Acquire: pairs with the Release in `seat` and `vacate`, for those who look without owning the worker: a pusher that chooses reads the parker.
        let parker = self.parker.load(Ordering::Acquire);
        // SAFETY: `seat` stores nothing but static references.
        unsafe { parker.as_ref() }
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.parker().is_none()
    }

    pub(crate) fn is_by_pool(&self) -> bool {
        // Relaxed: who decides by it owns the worker; for others it is a hint.
        self.by_pool.load(Ordering::Relaxed)
    }

    /// Makes the thread with this parker the occupant, and returns the one it takes the place of.
    pub(crate) fn seat(&self, parker: &'static Parker, by_pool: bool) -> Option<&'static Parker> {
        let before = self.parker();
        // Relaxed: read by owners of the worker.
        self.by_pool.store(by_pool, Ordering::Relaxed);
        // Release: pairs with the Acquire in `parker`.
        self.parker
            .store(ptr::from_ref(parker).cast_mut(), Ordering::Release);
        self.set_coming(false);
        before
    }

    pub(crate) fn is_in_poll(&self) -> bool {
        self.turns.get() % 2 == 1
    }

    /// Names the poll that the occupant is in: no other poll of the engine has the same name.
    #[inline]
    pub(crate) fn turn(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.turns.get() << 16 | (self.index & 0xFFFF) as u64)
    }

    /// The task that the occupant polls is complete, and about to wake its joiner.
    #[inline]
    pub(crate) fn completes(&self) {
        if self.is_from_queue.get() {
            self.joining.set(self.turns.get() + 1);
        }
    }

    /// Whether what is woken now is the joiner of a task that came from a queue. The turn ends with it.
    #[inline]
    pub(crate) fn is_joining(&self) -> bool {
        self.joining.get() == self.turns.get() + 1
    }

    /// A thread was refused: whoever takes the flag back owns the worker, whose bit is clear.
    pub(crate) fn set_refused(&self) {
        // Release: pairs with the Acquire in `take_refused`.
        self.refused.store(true, Ordering::Release);
    }

    pub(crate) fn is_refused(&self) -> bool {
        // Relaxed: `take_refused` decides.
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn take_refused(&self) -> bool {
        // Acquire: pairs with the Release in `set_refused`.
        self.is_refused() && self.refused.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn set_coming(&self, coming: bool) {
        // Release: pairs with the Acquire in `is_free_spare`: the one that came sits here.
        self.coming.store(coming, Ordering::Release);
    }

    /// For the monitor, of a spare: whether it may call somebody there. Nobody comes, and after that: nobody sits here.
    pub(crate) fn is_free_spare(&self) -> bool {
        // Acquire: pairs with the Release in `set_coming`.
        !self.is_refused() && !self.coming.load(Ordering::Acquire) && self.is_vacant()
    }

    pub(crate) fn set_stuck(&self, stuck: bool) {
        // Relaxed: a hint from the monitor.
        if self.is_stuck() != stuck {
            self.stuck.store(stuck, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_stuck(&self) -> bool {
        // Relaxed: as above.
        self.stuck.load(Ordering::Relaxed)
    }

    /// Notes, for the monitor's report, which task is being polled.
    pub(crate) fn note_task(&self, task: Option<&Meta>) {
        // Relaxed (all): a report that pairs one task's id with the next one's location does no harm.
        self.task_id
            .store(task.map_or(0, |task| task.id.get()), Ordering::Relaxed);
        if let Some(task) = task {
            let location = ptr::from_ref(task.origin.location()).cast_mut();
            self.task_location.store(location, Ordering::Relaxed);
        }
    }

    pub(crate) fn noted_task(&self) -> NotedTask {
        // Relaxed: as above.
        let id = self.task_id.load(Ordering::Relaxed);
        let location = self.task_location.load(Ordering::Relaxed);
        // SAFETY: `note_task` stores nothing but static references.
        let location = unsafe { location.as_ref() };
        NotedTask(location.filter(|_| id != 0).map(|location| (id, location)))
    }

    /// Makes the worker vacant, and returns the occupant it had.
    pub(crate) fn vacate(&self) -> Option<&'static Parker> {
        let before = self.parker();
        // Release: pairs with the Acquire in `parker`: a spare that is found vacant is the monitor's, as it was left.
        self.parker.store(ptr::null_mut(), Ordering::Release);
        before
    }

    pub(crate) fn is_seated(&self, parker: &'static Parker) -> bool {
        self.parker().is_some_and(|seated| ptr::eq(seated, parker))
    }

    /// Whether others could take something here.
    pub(crate) fn has_work(&self) -> bool {
        !self.stealer.is_empty()
    }

    /// Moves the next slot's task to the back of the queue.
    ///
    /// # Safety
    /// The caller owns the worker.
    pub(crate) unsafe fn flush_next(&self) {
        if let Some(task) = self.next.take() {
            // SAFETY: as the caller promises.
            unsafe { self.local.push(task) };
        }
    }

    /// Everything that is queued here, one by one.
    ///
    /// # Safety
    /// The caller owns the worker.
    pub(crate) unsafe fn drain(&self) -> Option<NonNull<Header>> {
        // SAFETY: as the caller promises.
        self.next.take().or_else(|| unsafe { self.local.pop() })
    }

    /// Sets back what was noted, for an engine that goes to its next run with empty queues.
    pub(crate) fn reset(&self) {
        self.turns.set(0);
        self.joining.set(0);
        self.stats.reset();
        self.pages.reset_spawned();
    }

    pub(crate) fn draw_attention(&self, to: u32) {
        // Release: pairs with the Acquire in `attention`. To close, there is a fence before as well.
        self.attention.fetch_or(to, Ordering::Release);
    }

    pub(crate) fn calm(&self, from: u32) {
        // Relaxed: the occupant's own affair.
        self.attention.fetch_and(!from, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn attention(&self) -> u32 {
        // Acquire: pairs with the Release in `draw_attention`: what is dropped because of CLOSE finds the engine closed.
        self.attention.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turns = self.turns.get();
        write!(
            f,
            "worker {}: {}, {} polls{}, next slot {}, queue {}",
            self.index,
            match (self.parker(), self.is_by_pool()) {
                (None, _) => "vacant",
                (Some(_), true) => "a pool thread",
                (Some(_), false) => "a caller",
            },
            turns / 2,
            if self.is_in_poll() { ", in a poll" } else { "" },
            if self.next.is_empty() {
                "empty"
            } else {
                "full"
            },
            self.stealer.len(),
        )
    }
}
