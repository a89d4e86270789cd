//! Counts of wakes that come near to what the state word has room for. In a model that is 31; a program has 30 bits for them.
//!
//! Asserted: the runner's last poll sees what the last waker stored, however many wakes are taken away meanwhile; and it is not left idle before.
//!
//! Mutants that must die: `turn-answers-many`, `relieved-of-too-many`, `started-anew-relaxed`, `relieved-by-store`.
#![cfg(heist_loom)]

use heist::model::{Parker, Pause, State, Taken, Turn, Wake};
use heist_loom_tests::{model, stage};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

struct Shop {
    parker: Parker,
    task: State,
    flag: AtomicBool,
}

impl Shop {
    /// Due by so many wakes.
    fn new(wakes: usize) -> Self {
        let shop = Self {
            parker: Parker::default(),
            task: State::free(),
            flag: AtomicBool::new(false),
        };
        shop.task.publish_owned();
        for _ in 1..wakes {
            assert_eq!(shop.task.wake(), Wake::Done);
        }
        shop
    }

    /// Polls until the flag is seen.
    fn run(&self, mut turn: Turn) {
        // Relaxed: the state word orders it.
        while !self.flag.load(Ordering::Relaxed) {
            match self.task.pause(turn, Taken::NONE) {
                Pause::Requeue => assert!(self.task.is_due()),
                Pause::Cancel => unreachable!("nobody aborts"),
                Pause::Idle => {
                    while !self.task.is_due() {
                        self.parker.park(None);
                        self.parker.take_kick();
                    }
                }
            }
            turn = self.task.start();
        }
    }

    fn wake(&self) {
        if self.task.wake() == Wake::Push {
            self.parker.kick(|| ());
        }
    }
}

#[test]
fn many_wakes_before_a_poll() {
    model("many wakes before a poll", 3, || {
        stage(Shop::new(7), |shop| {
            let runner = thread::spawn(move || shop.run(shop.task.start()));
            shop.flag.store(true, Ordering::Relaxed);
            shop.wake();
            runner.join().unwrap();
        });
    });
}

#[test]
fn many_wakes_during_a_poll() {
    model("many wakes during a poll", 3, || {
        stage(Shop::new(7), |shop| {
            let turn = shop.task.start();
            while shop.task.wakes() < 7 {
                shop.wake();
            }
            let runner = thread::spawn(move || shop.run(turn));
            let other = thread::spawn(move || {
                shop.wake();
                shop.wake();
            });
            shop.flag.store(true, Ordering::Relaxed);
            shop.wake();
            runner.join().unwrap();
            other.join().unwrap();
        });
    });
}
