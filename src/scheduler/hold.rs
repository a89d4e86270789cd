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
    _keeper: Keeper,
}

#[expect(dead_code, reason = "for their drop")]
enum Keeper {
    /// Counted at the worker that it was made at.
    Worker(pages::Hold<Scheduler>),
    Elsewhere(Arc<Engine>),
}

// SAFETY: as a reference, and what keeps the engine is both.
unsafe impl Send for Hold where Keeper: Send {}
// SAFETY: as above.
unsafe impl Sync for Hold where Keeper: Sync {}

impl Hold {
    /// On the runtime that this thread is inside of.
    #[inline]
    pub(crate) fn current() -> Option<Self> {
        context::with_engine(|engine| {
            let engine = engine?;
            let keeper = match context::worker_of(engine) {
                // SAFETY: the worker of this engine that this thread occupies; the engine is not retired while anybody does.
                Some(worker) => Keeper::Worker(unsafe { pages::Hold::new(&worker.pages) }),
                None => Keeper::Elsewhere(engine.arc()),
            };
            Some(Self {
                engine: NonNull::from(engine),
                _keeper: keeper,
            })
        })
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
