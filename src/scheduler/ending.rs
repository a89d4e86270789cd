//! Who closes a runtime, and who waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cache;
use super::context::{self, Place, Scope};
use super::engine::Engine;
use crate::sync::{AtomicBool, Ordering, fence};

/// Whether the closing is left to the last thread that departs.
#[derive(Debug)]
pub(crate) struct Abandoned(AtomicBool);

impl Abandoned {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }
}

/// The end of a `run`: everything is dropped before this returns, and the engine kept if it can be.
pub(crate) fn end_run(scope: Scope) {
    let engine = scope.engine();
    if !engine.closing.is_deserted() {
        engine.recall_threads();
    }
    // The scope's Arc is the one.
    let is_kept = cache::is_for(&engine.config);
    if is_kept && cache::is_clean(engine) {
        cache::keep(scope.leave());
        return;
    }
    engine.close();
    engine.wait_until_deserted(None);
    engine.finish_closing();
    let engine = scope.leave();
    if is_kept && cache::reopen(&engine) {
        cache::keep(engine);
    }
}

impl Engine {
    /// The end of a `Runtime`. None: waits as long as it takes. From inside the runtime nobody can wait.
    pub(crate) fn shut_down(self: &Arc<Self>, patience: Option<Duration>) {
        let inside = context::is_inside(self);
        let scope = Scope::enter(Arc::clone(self), Place::Running);
        if !self.close() {
            return;
        }
        let deadline = match patience {
            _ if inside => Some(Instant::now()),
            // A time too far to be an instant is never.
            Some(patience) => Instant::now().checked_add(patience),
            None => None,
        };
        if self.wait_until_deserted(deadline) {
            self.finish_closing();
        } else {
            // Release: pairs with the Acquire in `finish_if_abandoned`: the finisher comes after what the closer did.
            self.abandoned.0.store(true, Ordering::Release);
            // Pairs with the fence in `Closing::depart`: the last to go sees the flag, or we see that it has gone.
            fence(Ordering::SeqCst);
            self.finish_if_abandoned();
        }
        drop(scope);
    }

    /// Whoever is about to work for the engine says so first. False: it is closed, and there is nothing to do.
    #[must_use]
    pub(crate) fn arrive(self: &Arc<Self>) -> bool {
        let arrived = self.closing.arrive();
        if !arrived {
            // For a moment this thread may have looked like the last one.
            self.finish_if_abandoned();
        }
        arrived
    }

    /// A thread's last word to the engine. The last one to go finishes the closing, if its closer did not wait.
    pub(crate) fn depart(self: &Arc<Self>) {
        self.closing.depart();
        self.finish_if_abandoned();
    }

    /// Finishes a closing that its closer did not wait for, if everybody has left.
    pub(crate) fn finish_if_abandoned(self: &Arc<Self>) {
        // Acquire: pairs with the Release in `shut_down`: whoever the closer saw present, the look that follows sees too, also in a thread that
        // departed before. The swap decides; who gets it comes after all departures by `is_deserted`.
        if self.abandoned.0.load(Ordering::Acquire)
            && self.closing.is_deserted()
            && self.abandoned.0.swap(false, Ordering::AcqRel)
        {
            let _scope = Scope::enter(Arc::clone(self), Place::Running);
            self.finish_closing();
        }
    }
}
