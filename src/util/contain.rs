//! Keeping other people's panics from unwinding through the scheduler.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a destructor or a waker of the user's, whose panic has no one to go to. It was reported by the panic hook already.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops a panic's payload, whose destructor may panic in turn.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Enough: a payload that panics with a payload that panics is leaked.
        std::mem::forget(again);
    }
}
