//! The next slot: its owner puts in, displaces and takes; the monitor takes.
//!
//! Asserted: each entry comes out once, after all that was done before it was put in.
//!
//! Mutants that must die: `raid-without-fence`, `keep-without-fence`, `raid-unnoticed`, `spoils-left-in-the-slot`, `spoils-kept`, `raided-twice`,
//! `raid-without-lock`, `taken-with-the-spoils`, `put-in-relaxed`, `raid-relaxed`.
#![cfg(heist_loom)]

use std::ptr::NonNull;

use heist::model::NextSlot;
use heist_loom_tests::{model, stage};
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

type Entry = UnsafeCell<u8>;

struct Slot {
    next: NextSlot<Entry>,
    entries: [Entry; 2],
}

impl Slot {
    fn put_in(&self, entry: usize) -> Option<NonNull<Entry>> {
        let entry = &self.entries[entry];
        // SAFETY: loom reports any other access that is not ordered.
        entry.with_mut(|seen| unsafe { *seen = 1 });
        self.next.replace(NonNull::from(entry))
    }
}

/// Whoever gets an entry has it alone.
fn run(entry: Option<NonNull<Entry>>) {
    if let Some(entry) = entry {
        // SAFETY: the entries live as long as the slot.
        let entry = unsafe { entry.as_ref() };
        // SAFETY: as in `put_in`.
        let seen = entry.with_mut(|seen| unsafe { std::mem::replace(&mut *seen, 9) });
        assert_eq!(seen, 1, "put in, and not run yet");
    }
}

fn slot(play: impl FnOnce(&'static Slot)) {
    let slot = Slot {
        next: NextSlot::new(),
        entries: [UnsafeCell::new(0), UnsafeCell::new(0)],
    };
    stage(slot, |slot| {
        play(slot);
        for entry in &slot.entries {
            // SAFETY: as in `put_in`.
            let seen = entry.with(|seen| unsafe { *seen });
            assert_ne!(seen, 1, "an entry was lost");
        }
    });
}

#[test]
fn the_owner_and_the_monitor_take() {
    model("next slot", 3, || {
        slot(|slot| {
            let monitor = thread::spawn(|| run(slot.next.raid()));
            run(slot.put_in(0));
            run(slot.next.take());
            monitor.join().unwrap();
        });
    });
}

#[test]
fn the_owner_displaces_while_the_monitor_takes() {
    model("next slot, displaced", 3, || {
        slot(|slot| {
            let monitor = thread::spawn(|| run(slot.next.raid()));
            run(slot.put_in(0));
            run(slot.put_in(1));
            run(slot.next.take());
            monitor.join().unwrap();
        });
    });
}

#[test]
fn the_owner_puts_in_again_what_a_raid_has_taken() {
    model("next slot, once more", 3, || {
        slot(|slot| {
            run(slot.put_in(0));
            let monitor = thread::spawn(|| run(slot.next.raid()));
            run(slot.next.take());
            monitor.join().unwrap();
            // Nobody has it any more, so it may come again.
            run(slot.put_in(0));
            run(slot.next.take());
            let monitor = thread::spawn(|| run(slot.next.raid()));
            run(slot.put_in(1));
            run(slot.next.take());
            monitor.join().unwrap();
            run(slot.put_in(0));
            let found = slot.next.raid();
            assert!(found.is_some(), "earlier raids are settled");
            run(found);
        });
    });
}

#[test]
fn a_second_raid_finds_nothing() {
    model("next slot, raided twice", 3, || {
        slot(|slot| {
            run(slot.put_in(0));
            let monitor = thread::spawn(|| {
                run(slot.next.raid());
                run(slot.next.raid());
            });
            run(slot.put_in(1));
            run(slot.next.take());
            monitor.join().unwrap();
        });
    });
}

#[test]
fn what_a_raid_has_taken_comes_again_at_once() {
    model("next slot, the same again", 3, || {
        slot(|slot| {
            run(slot.put_in(0));
            let ran = Arc::new(AtomicBool::new(false));
            let says = Arc::clone(&ran);
            let monitor = thread::spawn(move || {
                if let Some(entry) = slot.next.raid() {
                    run(Some(entry));
                    says.store(true, Ordering::Release);
                }
            });
            if ran.load(Ordering::Acquire) {
                // Without looking first.
                run(slot.put_in(0));
                let next = slot.next.take();
                assert!(next.is_some(), "an entry was lost");
                run(next);
            } else {
                run(slot.next.take());
            }
            monitor.join().unwrap();
        });
    });
}
