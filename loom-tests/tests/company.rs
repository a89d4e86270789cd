//! A limit to sharing: one worker alone, beside one that has nothing to do, on the real `Idle`, `Parker`, `Driver` and `Seat`.
//!
//! Asserted: what was queued runs, and somebody comes to sleep in the driver's seat, whoever relies on whom. Else all sleep for ever, and loom finds
//! a deadlock.
//!
//! Mutants that must die: `queued-unsaid`, `left-with-its-queue`, `alone-keeps-its-queue`, `asleep-keeps-its-queue`, `seat-left-to-sleepers`,
//! `seat-left-before-asleep`, `seat-left-to-one-that-goes`, `seat-left-to-one-on-its-way`.
#![cfg(heist_loom)]

use std::task::Waker;
use std::time::{Duration, Instant};

use heist::model::{Chair, Parker, Sleeper};
use heist_loom_tests::{Engine, Occupant, Sitter, Wait, model, stage};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

/// Sitters are made before the engine that points at them.
struct Office {
    sitters: [Chair<Sitter>; 2],
    /// Somebody has run the entry.
    is_run: AtomicBool,
    /// Somebody sleeps in the seat for as long as is right: there the model ends.
    driven: AtomicBool,
    engine: Engine,
}

/// Worker 1 is alone, and the bits of the first `asleep` are set. Threads that are called come when `play` lets them.
fn office(asleep: usize, play: impl FnOnce(&'static Office)) {
    let office = Office {
        sitters: [Sitter::content(), Sitter::content()],
        is_run: AtomicBool::new(false),
        driven: AtomicBool::new(false),
        engine: Engine::new(2, asleep).alone(1),
    };
    stage(office, |office| {
        play(office);
        for _ in office.engine.requests.lock().unwrap().drain(..) {
            office.engine.stop_searching();
        }
        office.engine.assert_quiet();
    });
}

impl Office {
    fn parker(&self, worker: usize) -> &Parker {
        &self.sitters[worker].0.parker
    }

    /// An occupant that sat down at `worker` before.
    fn occupant(&'static self, worker: usize) -> Occupant<'static> {
        assert!(self.engine.seat(worker, self.parker(worker)).is_none());
        Occupant::seated(&self.engine, worker, self.parker(worker))
    }
}

// ---- the queue ----

/// Worker 1 is alone, so it calls nobody for what it queues. Then it does `last`, while worker 0 goes to sleep.
fn behind_one_alone(
    name: &str,
    last: impl Fn(&'static Office, Occupant<'static>) + Send + Sync + 'static,
) {
    model(name, 3, move || {
        office(0, |office| {
            let engine = &office.engine;
            let other = office.occupant(0);
            let alone = office.occupant(1);
            let worker = thread::spawn(move || office.serve_until_run(other, 1));
            engine.sit_at_local();
            engine.push_local(1);
            last(office, alone);
            worker.join().unwrap();
            assert!(office.is_run());
        });
    });
}

impl Office {
    fn is_run(&self) -> bool {
        // Relaxed: ordered by the kick.
        self.is_run.load(Ordering::Relaxed)
    }

    /// One turn. Whoever waits for the entry at `other` need not do so any longer, if it was run.
    fn take_turn(&self, occupant: &mut Occupant<'_>, other: usize) {
        if occupant.turn() {
            // Relaxed: as above.
            self.is_run.store(true, Ordering::Relaxed);
            self.sitters[other].0.kick();
        }
    }

    /// Until somebody has run the entry.
    fn serve_until_run(&'static self, mut occupant: Occupant<'static>, other: usize) {
        let is_run = || self.is_run();
        loop {
            self.take_turn(&mut occupant, other);
            if is_run() {
                break;
            }
            assert!(occupant.sleep(&is_run, &park));
        }
        occupant.stop_searching();
    }
}

#[test]
fn one_alone_leaves_what_it_queued_to_others() {
    behind_one_alone("one alone leaves", |office, mut alone| {
        alone.leave();
        // It may be its own worker that a thread was called to.
        let requested = std::mem::take(&mut *office.engine.requests.lock().unwrap());
        for worker in requested {
            let mut called = Occupant::sit(&office.engine, worker, office.parker(1));
            called.searching = true;
            office.take_turn(&mut called, 0);
            called.stop_searching();
        }
    });
}

/// As it does where its root was woken behind its back.
#[test]
fn one_alone_falls_asleep_beside_what_it_queued() {
    behind_one_alone("one alone falls asleep", |office, mut alone| {
        assert!(alone.sleep(&|| office.is_run(), &park));
        office.serve_until_run(alone, 0);
    });
}

fn park(parker: &'static Parker) -> Wait {
    parker.park(None);
    Wait::Again
}

// ---- the driver's seat ----

impl Office {
    /// A timer after so many hours, which nobody is told of.
    fn insert(&self, shard: usize, hours: u32) {
        let deadline = Instant::now() + Duration::from_secs(3600) * hours;
        let driver = &self.engine.driver;
        let _not_said = driver.insert(shard, deadline, Waker::noop());
    }

    fn is_driven(&self) -> bool {
        // Relaxed: ordered by the kicks.
        self.driven.load(Ordering::Relaxed)
    }

    fn drive(&'static self, worker: usize) -> Wait {
        let sitter = &self.sitters[worker];
        if self.engine.leaves_driving() {
            return park(&sitter.0.parker);
        }
        let wait = self.engine.drive(sitter);
        if sitter.0.has_driven() {
            // Relaxed: as above.
            self.driven.store(true, Ordering::Relaxed);
            self.sitters.iter().for_each(|other| other.0.kick());
        }
        wait
    }

    /// Sleeps, called or not, until somebody drives. `awake`: its bit is not set yet.
    fn serve(&'static self, worker: usize, mut occupant: Occupant<'static>, awake: bool) {
        let over = || self.is_driven();
        let mut stays = if awake {
            occupant.sleep(&over, &|_| self.drive(worker))
        } else {
            occupant.slumber(&over, &|_| self.drive(worker))
        };
        while stays && !over() {
            assert!(!occupant.turn());
            stays = occupant.sleep(&over, &|_| self.drive(worker));
        }
        assert!(stays, "nobody is sent away");
        occupant.stop_searching();
    }
}

/// The one in the seat has nothing to do, and leaves the seat to the other if that one is awake. That one may have found it taken.
#[test]
fn one_alone_goes_to_sleep_against_one_that_gets_up() {
    model("sleep against getting up", 3, || {
        office(1, |office| {
            office.insert(0, 0);
            office.insert(1, 10);
            let sleeper = office.occupant(0);
            let alone = office.occupant(1);
            let sleeper = thread::spawn(move || office.serve(0, sleeper, false));
            office.serve(1, alone, true);
            sleeper.join().unwrap();
        });
    });
}

/// Both are awake, and there is a timer. Each leaves the seat to the other, if that one is awake.
fn against_one_alone(
    name: &str,
    other: impl Fn(&'static Office, Occupant<'static>) + Send + Sync + 'static,
) {
    model(name, 3, move || {
        office(0, |office| {
            office.insert(0, 10);
            let sleeper = office.occupant(0);
            let alone = office.occupant(1);
            let sleeper = thread::spawn(move || office.serve(0, sleeper, true));
            other(office, alone);
            sleeper.join().unwrap();
        });
    });
}

#[test]
fn one_alone_goes_to_sleep_against_one_that_leaves_it_the_seat() {
    against_one_alone("sleep against a seat that is left", |office, alone| {
        office.serve(1, alone, true);
    });
}

#[test]
fn one_alone_leaves_against_one_that_leaves_it_the_seat() {
    // A thread may be called to the worker that it left. It does not come before the other one drives.
    against_one_alone("leave against a seat that is left", |_, mut alone| {
        alone.leave();
    });
}
