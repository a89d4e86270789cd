//! The monitor goes to sleep while a worker begins to work: `Monitor::park` and `monitor::arm`, which stand on a static and a thread of the
//! system, by the same calls in the same order.
//!
//! Asserted: the monitor notices a worker that works, and so may be stuck. Else it sleeps for ever, and loom finds a deadlock.
//!
//! Mutants that must die: `arm-fence`, `park-fence`, `park-without-look`, `park-by-occupant`.
#![cfg(heist_loom)]

use heist::model::{Idle, fence};
use heist_loom_tests::{model, stage};
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;

const PARKED: u32 = 1;
const TICKING: u32 = 2;

struct Office {
    idle: Idle,
    /// Somebody sits at the worker: only known some time after its bit was cleared.
    seated: AtomicBool,
    state: AtomicU32,
    gate: Mutex<()>,
    armed: Condvar,
}

impl Office {
    /// Whoever clears the bit sits down.
    fn sit(&self) {
        if self.idle.claim(0) {
            // Relaxed: nobody relies on it.
            self.seated.store(true, Ordering::Relaxed);
        }
    }

    fn arm(&self) {
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Relaxed) != TICKING {
            let _gate = self.gate.lock().unwrap();
            if self.state.load(Ordering::Relaxed) == PARKED {
                self.state.store(TICKING, Ordering::Relaxed);
                self.armed.notify_one();
            }
        }
    }

    fn park(&self) {
        let mut gate = self.gate.lock().unwrap();
        self.state.store(PARKED, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if !self.idle.is_asleep(0) {
            self.state.store(TICKING, Ordering::Relaxed);
        }
        while self.state.load(Ordering::Relaxed) == PARKED {
            gate = self.armed.wait(gate).unwrap();
        }
    }
}

fn office() -> Office {
    Office {
        idle: Idle::new(1, 1),
        seated: AtomicBool::new(false),
        state: AtomicU32::new(TICKING),
        gate: Mutex::new(()),
        armed: Condvar::new(),
    }
}

#[test]
fn the_monitor_parks_while_a_worker_begins_to_work() {
    model("monitor arm against park", 3, || {
        stage(office(), |office| {
            let monitor = thread::spawn(|| office.park());
            // A worker takes its bit back, and works for ever.
            office.sit();
            office.arm();
            monitor.join().unwrap();
        });
    });
}

/// A caller that is alone with its root does not arm. Who pushes from outside has only read that it works.
#[test]
fn the_monitor_parks_while_a_pusher_finds_a_worker_at_work() {
    model("monitor arm by a third", 3, || {
        stage(office(), |office| {
            let monitor = thread::spawn(|| office.park());
            let caller = thread::spawn(|| office.sit());
            if office.idle.any_asleep() {
                // A worker is called.
                office.sit();
            }
            office.arm();
            monitor.join().unwrap();
            caller.join().unwrap();
        });
    });
}
