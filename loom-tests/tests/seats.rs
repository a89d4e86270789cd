//! Who gets a worker that nobody sits at: guests that wait for one, and a worker whose thread was refused.
//!
//! Asserted: no guest waits for ever for a worker that is free (else loom finds a deadlock); a refused worker is taken by the monitor or by a
//! caller, by one of them, with its queue as it was left; so is a spare, by the monitor.
//!
//! Mutants that must die: `guest-second-try`, `guest-fence`, `refused-fence`, `offer-skipped`, `offer-before-bit`, `refused-unoffered`, `offer-before-refused`,
//! `refused-taken-twice`, `take-refused-relaxed`, `vacate-relaxed`, `coming-before-seated`, `coming-relaxed`, `free-spare-relaxed`, `vacant-before-coming`,
//! `vacant-before-unused`.
#![cfg(heist_loom)]

use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};

use heist::model::Parker;
use heist_loom_tests::{Engine, Occupant, model, stage};
use loom::thread;

/// Parkers are made before the engine that points at them.
struct Office {
    parkers: [Parker; 2],
    engine: Engine,
    /// Threads that got the worker. Notes order nothing.
    seated: Tally,
}

/// With one worker, which is somebody's.
fn office(play: impl FnOnce(&'static Office)) {
    let office = Office {
        parkers: [Parker::default(), Parker::default()],
        engine: Engine::new(1, 0),
        seated: Tally::new(0),
    };
    stage(office, |office| {
        play(office);
        office.engine.assert_quiet();
    });
}

impl Office {
    /// `Caller::wait_as_guest`, by the same calls in the same order, until there is a seat.
    fn wait_as_guest(&self, parker: &'static Parker) {
        let engine = &self.engine;
        let mut seat = None;
        while seat.is_none() {
            engine.guests.add(parker, false);
            seat = engine.take_seat(parker);
            if seat.is_none() {
                parker.park(None);
            }
            parker.take_kick();
            engine.guests.remove(parker);
            if seat.is_none() {
                seat = engine.take_seat(parker);
            }
        }
        self.seated.fetch_add(1, Any::Relaxed);
    }

    /// `Engine::staff` by whoever cleared the bit and counts as a searcher, and has no thread.
    fn staff(&self) {
        self.engine.work_at(0);
        self.engine.idle.start_searching();
        self.engine.staff_refused(0);
    }
}

#[test]
fn a_guest_against_a_worker_being_left() {
    model("guest against leaving", 3, || {
        office(|office| {
            let guest = thread::spawn(|| office.wait_as_guest(&office.parkers[0]));
            let parker = &office.parkers[1];
            assert!(office.engine.seat(0, parker).is_none());
            Occupant::seated(&office.engine, 0, parker).leave();
            guest.join().unwrap();
        });
    });
}

#[test]
fn a_guest_against_a_thread_that_is_refused() {
    model("guest against refusal", 3, || {
        office(|office| {
            let guest = thread::spawn(|| office.wait_as_guest(&office.parkers[0]));
            office.staff();
            guest.join().unwrap();
        });
    });
}

#[test]
fn the_monitor_and_a_caller_want_a_refused_worker() {
    model("refused worker", 3, || {
        office(|office| {
            let engine = &office.engine;
            let caller = thread::spawn(|| {
                if engine.take_seat(&office.parkers[0]).is_some() {
                    office.seated.fetch_add(1, Any::Relaxed);
                }
            });
            // The monitor, which gets a thread this time.
            let monitor = thread::spawn(|| {
                if engine.arrive() {
                    if engine.take_refused(0) {
                        Occupant::sit(engine, 0, &office.parkers[1]);
                        office.seated.fetch_add(1, Any::Relaxed);
                    }
                    engine.depart();
                }
            });
            office.staff();
            caller.join().unwrap();
            monitor.join().unwrap();
            let left = usize::from(engine.take_refused(0));
            assert_eq!(office.seated.load(Any::Relaxed) + left, 1);
        });
    });
}

/// A vacant spare has no bit: the monitor goes by the parker alone.
#[test]
fn a_spare_is_left_while_the_monitor_wants_one() {
    model("spare", 3, || {
        office(|office| {
            let engine = &office.engine;
            assert!(engine.seat(0, &office.parkers[0]).is_none());
            let spare = thread::spawn(|| {
                engine.work_at(0);
                engine.idle.put_out_of_use(0);
                engine.vacate(0);
            });
            let comes = engine.parker(0).is_none();
            if comes {
                Occupant::sit(engine, 0, &office.parkers[1]);
            }
            spare.join().unwrap();
            assert_eq!(engine.idle.in_use(0).count(), usize::from(comes));
        });
    });
}

/// One was requested, and comes, is done and goes while the monitor looks for a free spare.
#[test]
fn a_spare_comes_and_goes_while_the_monitor_wants_one() {
    model("spare that comes", 3, || {
        office(|office| {
            let engine = &office.engine;
            engine.request(0);
            let spare = thread::spawn(|| {
                engine.come(0, &office.parkers[0]);
                engine.work_at(0);
                engine.vacate(0);
            });
            if engine.is_free_spare(0) {
                Occupant::sit(engine, 0, &office.parkers[1]);
            }
            spare.join().unwrap();
        });
    });
}
