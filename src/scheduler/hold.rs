//! What keeps an engine where an `Arc` would be cloned so often that all workers would write its count.

use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use super::context;
use super::engine::Engine;
use super::schedule::Scheduler;
use crate::task::pages;

/// An engine, and what keeps it.
pub(crate) struct Hold {
    engine: NonNull<Engine>,
    /// Counted at the worker that it was made at. None: a count of the engine's `Arc` is held instead.
    at_worker: Option<pages::Hold<Scheduler>>,
}

// SAFETY: as a reference, and what keeps the engine is both.
unsafe impl Send for Hold where (pages::Hold<Scheduler>, Arc<Engine>): Send {}
// SAFETY: as above.
unsafe impl Sync for Hold where (pages::Hold<Scheduler>, Arc<Engine>): Sync {}

impl Hold {
    /// On the runtime that this thread is inside of.
    #[inline]
    pub(crate) fn current() -> Option<Self> {
        context::with_engine(|engine| {
            let engine = engine?;
            Some(match context::worker_of(engine) {
                Some(worker) => Self {
                    engine: NonNull::from(engine),
                    // SAFETY: the worker of this engine that this thread occupies; the engine is not retired while anybody does.
                    at_worker: Some(unsafe { pages::Hold::new(&worker.pages) }),
                },
                None => Self::elsewhere(engine.arc()),
            })
        })
    }

    #[cold]
    fn elsewhere(engine: Arc<Engine>) -> Self {
        let engine = Arc::into_raw(engine).cast_mut();
        Self {
            // SAFETY: where an Arc leads to is not null.
            engine: unsafe { NonNull::new_unchecked(engine) },
            at_worker: None,
        }
    }
}

impl Drop for Hold {
    #[inline]
    fn drop(&mut self) {
        if self.at_worker.is_none() {
            // SAFETY: `elsewhere` left the count there, and it is given back once, here.
            drop(unsafe { Arc::from_raw(self.engine.as_ptr()) });
        }
    }
}

impl Deref for Hold {
    type Target = Engine;

    #[inline]
    fn deref(&self) -> &Engine {
        // SAFETY: kept.
        unsafe { self.engine.as_ref() }
    }
}
