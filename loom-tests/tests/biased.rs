//! The biased lock: its owner, with and without the lock, and others.
//!
//! Asserted: one thread at a time is at the value, and sees what those before it did there.
//!
//! Mutants that must die: `own-without-fence`, `exclude-without-fence`, `owner-not-waited-for`, `owner-looks-once`, `out-relaxed`, `busy-relaxed`,
//! `biased-outside-of-the-lock`.
#![cfg(heist_loom)]

use heist::model::Biased;
use heist_loom_tests::{model, stage};
use loom::thread;

/// So often the owner takes the lock in a model, before it is biased.
const STREAK: u32 = 4;

fn own(lock: &Biased<u32>) {
    // SAFETY: by the thread that made it, alone.
    unsafe { lock.own(|value| *value += 1) };
}

/// One that is biased.
fn biased() -> Biased<u32> {
    let lock = Biased::new(0);
    for _ in 0..=STREAK {
        own(&lock);
    }
    lock
}

#[test]
fn the_owner_and_another() {
    model("biased lock", 3, || {
        stage(biased(), |lock| {
            let other = thread::spawn(|| lock.share(|value| *value += 10));
            own(lock);
            own(lock);
            other.join().unwrap();
            assert_eq!(lock.share(|value| *value), STREAK + 13);
        });
    });
}

#[test]
fn two_others_while_the_owner_is_at_the_end_of_its_streak() {
    model("biased lock, biased anew", 3, || {
        let lock = Biased::new(0);
        for _ in 0..STREAK {
            own(&lock);
        }
        stage(lock, |lock| {
            let others = [(); 2].map(|()| thread::spawn(|| lock.share(|value| *value += 10)));
            own(lock);
            own(lock);
            for other in others {
                other.join().unwrap();
            }
            assert_eq!(lock.share(|value| *value), STREAK + 22);
        });
    });
}

#[test]
fn a_new_owner_comes_after_the_last_one() {
    model("biased lock, handed over", 3, || {
        stage(biased(), |lock| {
            let other = thread::spawn(|| lock.share(|value| *value += 10));
            own(lock);
            let heir = thread::spawn(|| own(lock));
            heir.join().unwrap();
            other.join().unwrap();
            assert_eq!(lock.share(|value| *value), STREAK + 13);
        });
    });
}
