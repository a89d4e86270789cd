//! What a runtime is doing, in numbers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::scheduler::Engine;
use crate::sync::Ordering;

/// A look at a runtime. Each figure is read when it is asked for, without stopping anybody: figures asked for one after another need not agree.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     heist::spawn(async {}).await.unwrap();
///     let metrics = heist::Handle::current().metrics();
///     assert_eq!(metrics.spawned(), 1);
///     assert_eq!(metrics.live_tasks(), 0);
/// });
/// ```
#[derive(Clone)]
pub struct Metrics {
    engine: Arc<Engine>,
}

impl Metrics {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    fn sum(&self, figure: impl Fn(&crate::scheduler::worker::Worker) -> u64) -> u64 {
        self.engine
            .workers
            .iter()
            .map(|worker| figure(worker))
            .sum()
    }

    /// The number of workers, spares not counted.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.engine.regular()
    }

    /// Tasks that were spawned and have not completed, blocking calls included.
    #[must_use]
    pub fn live_tasks(&self) -> u64 {
        // Completions first: a task that completes in between is then counted as alive, not below zero.
        let completed = self.sum(|worker| worker.stats.completed.get())
            // Relaxed: a statistic.
            + self.engine.completed_elsewhere.load(Ordering::Relaxed);
        self.spawned().saturating_sub(completed)
    }

    /// Tasks ever spawned, blocking calls included.
    #[must_use]
    pub fn spawned(&self) -> u64 {
        self.engine.page_sets().map(|set| set.spawned()).sum()
    }

    /// Polls of tasks and roots by workers.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.sum(|worker| worker.turns.get() / 2)
    }

    /// Times that a worker took work from another one.
    #[must_use]
    pub fn steals(&self) -> u64 {
        self.sum(|worker| worker.stats.steals.get())
    }

    /// Times that a worker went to sleep. Naps, of a fifth of a millisecond, are not counted.
    #[must_use]
    pub fn parks(&self) -> u64 {
        self.sum(|worker| worker.stats.parks.get())
    }

    /// Times that a worker woke up.
    #[must_use]
    pub fn wakeups(&self) -> u64 {
        self.sum(|worker| worker.stats.wakeups.get())
    }

    /// Tasks in the shared queue.
    #[must_use]
    pub fn injector_depth(&self) -> usize {
        self.engine.injector.len()
    }

    /// Tasks in the queue of one worker, its next slot not counted.
    ///
    /// # Panics
    ///
    /// When there is no such worker.
    #[must_use]
    pub fn local_depth(&self, worker: usize) -> usize {
        self.worker(worker).stealer.len()
    }

    /// How long a worker has been awake in all. Counted in ticks of the system's clock, on Linux 1 to 10 ms: what lasts for less
    /// may count as nothing or as a whole tick, which comes out right on average.
    ///
    /// # Panics
    ///
    /// When there is no such worker.
    #[must_use]
    pub fn busy(&self, worker: usize) -> Duration {
        self.worker(worker).stats.busy()
    }

    fn worker(&self, worker: usize) -> &crate::scheduler::worker::Worker {
        assert!(
            worker < self.workers(),
            "there is no worker {worker}: this runtime has {}",
            self.workers()
        );
        &self.engine.workers[worker]
    }

    /// Threads that sit at a worker, callers of `block_on` included.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.engine
            .workers
            .iter()
            .filter(|worker| !worker.is_vacant())
            .count()
    }

    /// Threads that run blocking calls.
    #[must_use]
    pub fn blocking_threads(&self) -> usize {
        self.engine.blocking.threads()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("workers", &self.workers())
            .field("live_tasks", &self.live_tasks())
            .field("spawned", &self.spawned())
            .field("polls", &self.polls())
            .field("steals", &self.steals())
            .field("parks", &self.parks())
            .field("wakeups", &self.wakeups())
            .field("injector_depth", &self.injector_depth())
            .field("threads", &self.threads())
            .field("blocking_threads", &self.blocking_threads())
            .finish_non_exhaustive()
    }
}
