//! A task that yields by a note with its runner, while others wake or abort it by the state word.
//!
//! Asserted: it goes on without being woken, its last poll sees what the waker stored, and an abort is not forgotten.
//!
//! Mutants that must die: `yield-gives-the-turn-up`.
#![cfg(heist_loom)]

use heist::model::{Parker, Pause, State, Taken, Wake};
use heist_loom_tests::{model, stage};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

struct Shop {
    parker: Parker,
    task: State,
    flag: AtomicBool,
    aborted: AtomicBool,
}

/// One that yields at its first poll is woken, and perhaps aborted, by others meanwhile. Its runner goes on until it sees all of that.
fn yields(shop: &'static Shop, is_aborted: bool) {
    let mut yielded = false;
    loop {
        let turn = shop.task.start();
        if turn.is_cancelled() {
            assert!(is_aborted);
            // Relaxed: the state word orders it.
            assert!(shop.aborted.load(Ordering::Relaxed));
            return;
        }
        if shop.flag.load(Ordering::Relaxed) && !is_aborted {
            return;
        }
        let pause = if yielded {
            shop.task.pause(turn, Taken::NONE)
        } else {
            shop.task.pause_yielded(Taken::NONE)
        };
        match pause {
            // As one thread sees what it wrote itself, a queue is not needed.
            Pause::Requeue | Pause::Cancel => assert!(shop.task.is_due()),
            Pause::Idle => {
                assert!(yielded, "the yield was lost");
                while !shop.task.is_due() {
                    shop.parker.park(None);
                    shop.parker.take_kick();
                }
            }
        }
        yielded = true;
    }
}

fn shop() -> Shop {
    let shop = Shop {
        parker: Parker::default(),
        task: State::free(),
        flag: AtomicBool::new(false),
        aborted: AtomicBool::new(false),
    };
    shop.task.publish_owned();
    shop
}

#[test]
fn a_yield_against_a_wake() {
    model("yield against wake", 3, || {
        stage(shop(), |shop| {
            let runner = thread::spawn(move || yields(shop, false));
            shop.flag.store(true, Ordering::Relaxed);
            if shop.task.wake() == Wake::Push {
                shop.parker.kick(|| ());
            }
            runner.join().unwrap();
        });
    });
}

#[test]
fn a_yield_against_an_abort() {
    model("yield against abort", 3, || {
        stage(shop(), |shop| {
            let runner = thread::spawn(move || yields(shop, true));
            shop.aborted.store(true, Ordering::Relaxed);
            if shop.task.abort() == Wake::Push {
                shop.parker.kick(|| ());
            }
            runner.join().unwrap();
        });
    });
}
