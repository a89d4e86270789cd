//! What a finished runtime leaves behind in a clean state, for the next one.
//!
//! Nothing but the statistics is reset: bits, searchers and queues carry over as they are, which is as a new engine has them. Whoever could still
//! reach the engine (a handle, a sleep, a socket, a waker, a thread) keeps it out of the cache.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use super::config::Config;
use super::engine::Engine;
use crate::sync::{Mutex, Ordering};
use crate::task::PageSet;

static KEPT: Mutex<Vec<Arc<Engine>>> = Mutex::new(Vec::new());

/// At most one engine per core.
static LIMIT: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// An engine with the default configuration.
pub(crate) fn take_default() -> Arc<Engine> {
    let kept = KEPT.lock().pop();
    kept.unwrap_or_else(|| Engine::new(Config::default()))
}

/// Whether nothing is left of the run: no task, no cell, no timer, nobody else who knows the engine. The caller has the one Arc.
pub(crate) fn is_clean(engine: &Arc<Engine>) -> bool {
    Arc::strong_count(engine) == 1
        && engine.closing.is_deserted()
        && !engine.has_work()
        && !engine.driver.has_duties()
        && engine.guests.lock().is_empty()
        && !engine.blocking.is_busy()
        // SAFETY: deserted, and nobody else knows the engine: the caller owns every set.
        && engine.page_sets().all(|set| unsafe { set.cells_out() } == 0)
}

/// Keeps a clean engine, of which the caller has the one Arc.
pub(crate) fn keep(engine: Arc<Engine>) {
    for worker in &engine.workers {
        worker.reset_counters();
        trim(&worker.pages);
    }
    engine.foreign.reset_spawned();
    trim(&engine.foreign);
    // Relaxed: a statistic.
    engine.completed_elsewhere.store(0, Ordering::Relaxed);
    let mut kept = KEPT.lock();
    if kept.len() < *LIMIT {
        kept.push(engine);
    }
}

/// Of an engine that nobody but the caller knows.
#[inline]
fn trim(set: &PageSet) {
    // SAFETY: deserted, and nobody else knows the engine: the caller owns every set.
    if unsafe { set.has_surplus(Instant::now) } {
        // SAFETY: as above.
        unsafe { set.trim() };
    }
}

/// Makes a closed engine as good as new, if nobody else can reach it.
pub(crate) fn reopen(engine: &Arc<Engine>) -> bool {
    // Wakers of sources that outlive their runtime know the reactor, so one that was closed stays closed.
    if engine.driver.existing_reactor().is_some() || !is_clean(engine) {
        return false;
    }
    for worker in &engine.workers {
        // Relaxed: the engine goes to its next user through a lock.
        worker.attention.store(0, Ordering::Relaxed);
        worker.take_refused();
        if worker.index < engine.regular() {
            engine.idle.sleep(worker.index, false);
        }
    }
    engine.foreign_lock.lock().closed = false;
    engine.closing.reopen();
    true
}
