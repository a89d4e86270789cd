//! The place where a finished engine is left for the next run: one puts it in, another takes it.
//!
//! Asserted: each thing comes out once, after all that was done with it before.
//!
//! Mutants that must die: `berth-put-relaxed`, `berth-take-relaxed`, `berth-replace-relaxed`, `berth-taken-twice`.
#![cfg(heist_loom)]

use std::sync::Arc;

use heist::model::Berth;
use heist_loom_tests::{model, stage};
use loom::cell::UnsafeCell;
use loom::thread;

struct Thing(UnsafeCell<u8>);

// SAFETY: loom reports any two accesses that are not ordered.
unsafe impl Send for Thing {}
// SAFETY: as above.
unsafe impl Sync for Thing {}

/// Uses a thing, as whoever has it may do.
fn touch(thing: &Arc<Thing>) {
    // SAFETY: as above.
    thing.0.with_mut(|touched| unsafe { *touched += 1 });
}

fn new() -> Arc<Thing> {
    let thing = Arc::new(Thing(UnsafeCell::new(0)));
    touch(&thing);
    thing
}

#[test]
fn what_is_left_is_taken_by_one() {
    model("put in against take", 3, || {
        stage(Berth::new(), |berth| {
            let take = move || {
                let taken = berth.take();
                taken.iter().for_each(touch);
                usize::from(taken.is_some())
            };
            let puts = thread::spawn(move || assert!(berth.replace(new()).is_none()));
            let takes = thread::spawn(take);
            let first = take();
            puts.join().unwrap();
            assert_eq!(first + takes.join().unwrap() + take(), 1);
        });
    });
}

#[test]
fn what_is_displaced_comes_out() {
    model("put in against put in", 3, || {
        stage(Berth::new(), |berth| {
            let put = move || {
                let displaced = berth.replace(new());
                displaced.iter().for_each(touch);
                usize::from(displaced.is_some())
            };
            let other = thread::spawn(put);
            let displaced = put() + other.join().unwrap();
            assert_eq!(displaced, 1);
            assert!(berth.take().is_some());
        });
    });
}
