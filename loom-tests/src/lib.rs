//! Loom models of the protocols in heist: each test in `tests/` explores every interleaving of one of them, within loom's bounds.
//!
//! `scripts/loom` runs them, `scripts/mutate` plants the bugs that they have to find. Without `--cfg heist_loom` this crate is empty.
#![cfg(heist_loom)]
#![allow(
    missing_docs,
    missing_debug_implementations,
    reason = "the models are their own readers"
)]

mod clean;
mod closing;
mod driving;
mod engine;
mod occupant;
mod queue;
mod sharing;
mod world;

pub use closing::Closing;
pub use driving::{Poller, Sitter};
pub use engine::Engine;
pub use occupant::{Occupant, Wait};
pub use queue::{Injector, Local};
pub use world::{Gathering, Signal, World};

use std::cell::Cell;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `play` in every interleaving with at most `preemptions` preemptions.
///
/// # Panics
///
/// When one of them panics (also if heist contains the panic), deadlocks, or races; and when there is only one, because a
/// model with one interleaving shows nothing.
pub fn model(name: &str, preemptions: usize, play: impl Fn() + Send + Sync + 'static) {
    watch_panics();
    PANICKED.set(false);
    let explored = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&explored);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 10_000;
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        // Relaxed: loom's threads are one thread's coroutines.
        count.fetch_add(1, Ordering::Relaxed);
        // What all fences store to is made before any thread, or its making would order them.
        heist::model::fence(Ordering::SeqCst);
        play();
        assert!(!PANICKED.get(), "a panic was contained");
    });
    // Relaxed: as above.
    let explored = explored.load(Ordering::Relaxed);
    println!("{name}: {explored} interleavings");
    assert!(explored > 1, "{name}: only one interleaving");
}

/// heist contains the panics of futures and destructors, and loom reports what it finds by panicking.
fn watch_panics() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICKED.set(true);
            report(info);
        }));
    });
}

/// Lends `value` to the threads of one execution, and drops it when `play` returns: by then they have all been joined.
pub fn stage<T: 'static>(value: T, play: impl FnOnce(&'static T)) {
    let value = Box::into_raw(Box::new(value));
    // SAFETY: the box lives until after `play`, which is when the last user has gone, as the caller sees to.
    play(unsafe { &*value });
    // SAFETY: made by `into_raw` above, and used by nobody any more.
    drop(unsafe { Box::from_raw(value) });
}
