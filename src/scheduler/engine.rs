//! The engine: everything one runtime consists of.

use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Weak};

use crossbeam_utils::CachePadded;

use super::blocking::BlockingQueue;
use super::closing::Closing;
use super::config::Config;
use super::ending::Abandoned;
use super::foreign::Foreign;
use super::guests::Guests;
use super::idle::Idle;
use super::parker::Parker;
use super::sharing::Sharing;
use super::worker::Worker;
use super::{context, monitor};
use crate::driver::{Attend, Driver};
use crate::queue::Injector;
use crate::reactor::Reactor;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering};
use crate::task::PageSet;
use crate::task::batch::Store;
use crate::timer::{Own, Timers};

/// Always behind an `Arc`.
pub(crate) struct Engine {
    pub(crate) config: Config,
    /// The regular ones first, then as many spares.
    pub(crate) workers: Box<[CachePadded<Worker>]>,
    pub(crate) idle: Idle,
    pub(crate) sharing: Sharing,
    pub(crate) injector: Injector,
    pub(crate) driver: Driver<Parker>,
    pub(crate) blocking: BlockingQueue,
    /// Pages for tasks spawned by threads that sit at no worker.
    pub(crate) foreign: Foreign,
    /// Memory between one batch and the next.
    pub(crate) store: Store,
    /// Tasks that completed where no worker was.
    pub(crate) completed_elsewhere: AtomicU64,
    pub(crate) guests: Guests,
    pub(crate) closing: Closing,
    pub(crate) abandoned: Abandoned,
    /// Cells and holds that were out when the engine was retired, and an `Arc` on their behalf.
    pub(crate) cells_out: AtomicUsize,
    /// Whether a refused thread was reported.
    pub(crate) complained: AtomicBool,
    /// Whether the monitor knows this engine.
    pub(crate) watched: AtomicBool,
    pub(crate) watch: Mutex<monitor::Watch>,
}

impl Engine {
    pub(crate) fn new(config: Config) -> Arc<Self> {
        let regular = config.workers;
        let total = regular * 2;
        Arc::new_cyclic(|weak: &Weak<Self>| {
            let address = weak.as_ptr().cast::<()>();
            Self {
                workers: (0..total)
                    .map(|index| CachePadded::new(Worker::new(address, index)))
                    .collect(),
                idle: Idle::new(total, regular),
                sharing: Sharing::unlimited(),
                injector: Injector::new(),
                // A shard of timers for each worker, and one for the threads that sit at none.
                driver: Driver::new(total + 1),
                blocking: BlockingQueue::new(config.max_blocking),
                foreign: Foreign::new(address),
                store: Store::new(),
                completed_elsewhere: AtomicU64::new(0),
                guests: Guests::new(),
                closing: Closing::new(),
                abandoned: Abandoned::new(),
                cells_out: AtomicUsize::new(0),
                complained: AtomicBool::new(false),
                watched: AtomicBool::new(false),
                watch: Mutex::new(monitor::Watch::new(total)),
                config,
            }
        })
    }

    /// Another `Arc` of this engine.
    pub(crate) fn arc(&self) -> Arc<Self> {
        // SAFETY: engines are made by `new` only, behind an Arc, and whoever has a reference stands on one.
        unsafe { Arc::increment_strong_count(self.address()) };
        // SAFETY: the count just made is handed over.
        unsafe { Arc::from_raw(self.address()) }
    }

    /// As the Arc gave it: a pointer made from a reference would not reach the Arc's counts.
    fn address(&self) -> *const Self {
        self.foreign.engine().cast()
    }

    /// The engine that a page set belongs to. None: the set of orphans, which belongs to none.
    #[inline]
    pub(crate) fn of(set: &PageSet) -> Option<&Engine> {
        // SAFETY: the address given to the set is that of the engine, which outlives its sets.
        unsafe { set.engine.cast::<Engine>().as_ref() }
    }

    pub(crate) fn regular(&self) -> usize {
        self.config.workers
    }

    // ---- work ----

    /// Whether a worker that searches would find something.
    pub(crate) fn has_work(&self) -> bool {
        !self.injector.is_empty()
            || self
                .idle
                .in_use(0)
                .any(|worker| self.is_shared(&self.workers[worker], None))
    }

    /// The same but for the queue of this worker, whose occupant knows what it has there.
    pub(crate) fn has_work_beside(&self, worker: &Worker) -> bool {
        let mut others = self.idle.in_use(0).filter(|other| *other != worker.index);
        !self.injector.is_empty()
            || others.any(|other| self.is_shared(&self.workers[other], Some(worker)))
    }

    // ---- driving ----

    /// The reactor, created at first use (so a runtime without sources has no descriptor).
    pub(crate) fn reactor(&self) -> io::Result<&Reactor> {
        self.driver.reactor()
    }

    /// To be called after a source was registered: makes sure that somebody drives.
    pub(crate) fn source_added(&self) {
        let attend = self.driver.source_added();
        self.attend(attend);
    }

    pub(crate) fn timers(&self) -> &Timers {
        &self.driver.timers
    }

    /// The shard for the timers of this thread.
    ///
    /// # Safety
    /// It is used before the thread leaves its worker.
    #[inline]
    pub(crate) unsafe fn own_shard(&self) -> Own {
        match context::worker_of(self) {
            // SAFETY: the thread occupies the worker.
            Some(worker) => unsafe { Own::shard(worker.index) },
            None => Own::NONE,
        }
    }

    /// To be called when the earliest deadline of a shard became this one, which is earlier: makes sure that somebody drives, and wakes
    /// early enough.
    pub(crate) fn deadline_lowered(&self, tick: u64) {
        let attend = self.driver.deadline_lowered(tick);
        self.attend(attend);
    }

    fn attend(&self, attend: Attend) {
        // A worker's occupant sits down itself when it runs dry; until then the monitor watches.
        let is_occupant = context::worker_of(self).is_some();
        if attend == Attend::Nobody && !is_occupant {
            self.notify();
        }
        // What an occupant has said it has said of its own engine.
        if !is_occupant || context::needs_arming() {
            monitor::arm(self);
        }
    }

    // ---- ending ----

    pub(crate) fn page_sets(&self) -> impl Iterator<Item = &PageSet> {
        self.workers
            .iter()
            .map(|worker| &worker.pages)
            .chain(self.foreign.sets())
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    /// Sets the engine's cells free-standing: see [`PageSet::retire`]. Called once, by the closer, when no future is left.
    pub(crate) fn retire(&self) {
        // SAFETY: no worker is occupied, and the gate is closed: the closer owns every set.
        let out: usize = self.page_sets().map(|set| unsafe { set.cells_out() }).sum();
        if out == 0 {
            return;
        }
        let _for_the_cells = ManuallyDrop::new(self.arc());
        // One more, so that nobody gets to zero before all sets are tagged.
        // Relaxed: published by the swap in `retire`.
        self.cells_out.store(out + 1, Ordering::Relaxed);
        let came_back: usize = self.page_sets().map(PageSet::retire).sum();
        // SAFETY: the Arc just left is given back once, when the count gets to zero; ours outlasts this call.
        unsafe { Self::cells_gone(self.address(), came_back + 1) };
    }

    /// So many cells came back after the count was made. By address: the engine may be gone before this returns.
    ///
    /// # Safety
    /// Called for cells and holds that were out when the engine was retired, once each.
    pub(crate) unsafe fn cells_gone(engine: *const Engine, count: usize) {
        // SAFETY: the cells kept the engine until now.
        let cells_out = unsafe { &(*engine).cells_out };
        // Release, and Acquire for who gets to zero: the engine is freed after all that was done with its cells.
        if cells_out.fetch_sub(count, Ordering::AcqRel) == count {
            // SAFETY: the Arc that `retire` left for the cells.
            drop(unsafe { Arc::from_raw(engine) });
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "engine of {} workers, {} searching, injector {}, {:?}, {} guests{}",
            self.regular(),
            self.idle.searchers(),
            self.injector.len(),
            self.driver,
            self.guests.count(),
            if self.is_closed() { ", closed" } else { "" },
        )?;
        for worker in &self.workers {
            let asleep = if self.idle.is_asleep(worker.index) {
                ", bit set"
            } else {
                ""
            };
            writeln!(f, "  {:?}{asleep}", **worker)?;
        }
        let mut tasks = Vec::new();
        self.page_sets().for_each(|set| set.living(&mut tasks));
        for task in tasks.iter().filter(|task| task.header().vtable.walkable) {
            writeln!(f, "  {:?}", task.header())?;
        }
        Ok(())
    }
}
