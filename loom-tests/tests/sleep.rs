//! Pushers against workers that search, fall asleep and leave, on the real `Idle` and `Parker`.
//!
//! Asserted: every entry runs (else loom finds a deadlock), after all that its pusher did (else a race), and once; at the end
//! nobody counts as a searcher, and as many tokens were taken as given.
//!
//! Mutants that must die: `push-fence`, `foreign-push-fence`, `sleep-fence`, `second-look`, `leave-search-fence`, `last-searcher`, `start-over`,
//! `token-decides`, `bit-decides`, `successors-bit`, `vacate-after-bit`, `leave-look`, `evicted-runs-on`, `claim-relaxed`,
//! `sleep-relaxed`, `notify-unlocked`, `close-without-fence`, `closed-unseen`,
//! `used-late`, `unused-awake`, `unused-called`, `unused-late`, `unused-late-left`, `brought-unseen`, `seat-relaxed`, `parker-relaxed`.
#![cfg(heist_loom)]

use std::sync::OnceLock;

use heist::model::Parker;
use heist_loom_tests::{Engine, Occupant, Wait, model, stage};
use loom::thread;

/// Parkers are made before the engine that points at them.
struct Office {
    parkers: [Parker; 2],
    engine: Engine,
}

fn office(total: usize, asleep: usize, play: impl FnOnce(&'static Office)) {
    office_of(Engine::new(total, asleep), play);
}

fn office_of(engine: Engine, play: impl FnOnce(&'static Office)) {
    let office = Office {
        parkers: [Parker::default(), Parker::default()],
        engine,
    };
    stage(office, |office| {
        play(office);
        office.engine.assert_quiet();
    });
}

impl Office {
    /// An occupant that sat down at `worker` before.
    fn occupant(&'static self, worker: usize) -> Occupant<'static> {
        let parker = &self.parkers[worker];
        assert!(self.engine.seat(worker, parker).is_none());
        Occupant::seated(&self.engine, worker, parker)
    }
}

#[test]
fn injector_push_against_park() {
    model("injector push against park", 3, || {
        office(1, 0, |office| {
            let mut occupant = office.occupant(0);
            let worker = thread::spawn(move || occupant.serve(1));
            office.engine.push_foreign(1);
            worker.join().unwrap();
        });
    });
}

#[test]
fn local_push_against_the_last_searcher_leaving() {
    model("local push against the last searcher leaving", 3, || {
        office(1, 0, |office| {
            let mut occupant = office.occupant(0);
            let thief = thread::spawn(move || occupant.serve(1));
            // This one's poll goes on until the thief has run the entry.
            office.engine.sit_at_local();
            office.engine.push_local(1);
            thief.join().unwrap();
        });
    });
}

/// Worker 0 was asleep, its queue not in use, and wakes up: because its root was woken, or because it is called. Worker 1 falls asleep meanwhile.
fn queues_after_it_woke_up(name: &str, is_called: bool) {
    model(name, 3, move || {
        office_of(Engine::new(2, 1).owned_by(0), |office| {
            let mut owner = office.occupant(0);
            let mut thief = office.occupant(1);
            owner.falls_asleep();
            let thief = thread::spawn(move || thief.serve(1));
            if is_called && office.engine.idle.claim(0) {
                office.engine.idle.start_searching();
                office.engine.rouse(0);
            }
            // Its poll goes on until the thief has run the entry.
            assert!(owner.slumber(&|| !is_called, &park));
            owner.stop_searching();
            office.engine.push_local(1);
            thief.join().unwrap();
        });
    });
}

#[test]
fn a_worker_that_woke_up_queues_against_another_that_falls_asleep() {
    queues_after_it_woke_up("queues after it woke up", false);
}

#[test]
fn a_worker_that_was_called_queues_against_another_that_falls_asleep() {
    queues_after_it_woke_up("queues after it was called", true);
}

/// Worker 0 does `goes`, after which nobody is there, or another, who queues something in view of everybody.
fn taken_from_one_that(name: &str, goes: fn(Occupant<'static>)) {
    model(name, 3, move || {
        office_of(Engine::new(1, 0).owned_by(0), |office| {
            let first = office.occupant(0);
            let first = thread::spawn(move || goes(first));
            let taken = office.engine.idle.claim(0);
            if taken {
                Occupant::sit(&office.engine, 0, &office.parkers[1]).work();
                office.engine.make(1);
                office.engine.local.push(1);
            }
            first.join().unwrap();
            assert_eq!(office.engine.has_work(), taken);
        });
    });
}

#[test]
fn a_worker_is_taken_from_one_that_falls_asleep() {
    taken_from_one_that("taken from one that falls asleep", |mut occupant| {
        occupant.sleep(&|| true, &park);
    });
}

#[test]
fn a_worker_is_taken_from_one_that_leaves() {
    taken_from_one_that("taken from one that leaves", |mut occupant| {
        occupant.leave();
    });
}

#[test]
fn the_last_searcher_to_find_work_wakes_another() {
    model("last searcher finds work", 3, || {
        office(2, 1, |office| {
            let mut sleeper = office.occupant(0);
            let mut searcher = office.occupant(1);
            office.engine.make(1);
            office.engine.injector.push(1);
            searcher.searching = true;
            office.engine.idle.start_searching();
            let threads = [
                thread::spawn(move || {
                    assert!(sleeper.slumber(&|| false, &park));
                    sleeper.serve(1);
                }),
                thread::spawn(move || {
                    let entry = office.engine.injector.steal().unwrap();
                    searcher.stop_searching();
                    // A poll that goes on for ever.
                    office.engine.run(entry);
                }),
            ];
            office.engine.push_foreign(2);
            for thread in threads {
                thread.join().unwrap();
            }
        });
    });
}

/// Of two searchers one has found a batch, of which it brings the rest into its own queue without a call, and the other does `last`, as worker 0. Worker 1 is vacant.
fn beside_one_that_brings_a_batch(
    name: &str,
    last: impl Fn(&mut Occupant<'static>) + Send + Sync + 'static,
) {
    model(name, 3, move || {
        office(2, 0, |office| {
            let engine = &office.engine;
            let mut occupant = office.occupant(0);
            engine.idle.sleep(1, false);
            engine.idle.start_searching();
            engine.idle.start_searching();
            occupant.searching = true;
            engine.sit_at_local();
            let other = thread::spawn(|| {
                engine.local.push(1);
                engine.stop_searching();
            });
            last(&mut occupant);
            other.join().unwrap();
            let called = std::mem::take(&mut *engine.requests.lock().unwrap());
            assert_eq!(called.len() + usize::from(occupant.searching), 1);
            engine.idle.stop_searching();
        });
    });
}

#[test]
fn the_last_searcher_sees_what_another_has_brought() {
    beside_one_that_brings_a_batch("last searcher, batch", Occupant::stop_searching);
}

#[test]
fn the_last_searcher_falls_asleep_beside_what_another_has_brought() {
    beside_one_that_brings_a_batch("last searcher asleep, batch", |occupant| {
        assert!(occupant.sleep(&|| true, &park));
    });
}

#[test]
fn two_pushers_and_one_sleeper() {
    model("two pushers, one sleeper", 2, || {
        office(1, 0, |office| {
            let mut occupant = office.occupant(0);
            let worker = thread::spawn(move || occupant.serve(2));
            let pusher = thread::spawn(|| office.engine.push_foreign(1));
            office.engine.push_foreign(2);
            pusher.join().unwrap();
            worker.join().unwrap();
        });
    });
}

/// The pusher looks at the parker of a thread that has run its entry and sleeps already, and has not cleared the bit yet.
#[test]
fn a_thread_sits_down_while_a_pusher_chooses_whom_to_call() {
    model("sitting down against a call", 3, || {
        // The thread makes its parker itself.
        stage(OnceLock::new(), |own: &'static OnceLock<Parker>| {
            office(1, 0, |office| {
                // It was requested.
                office.engine.idle.start_searching();
                let worker = thread::spawn(move || {
                    let parker = own.get_or_init(Parker::default);
                    let mut occupant = Occupant::sit(&office.engine, 0, parker);
                    occupant.searching = true;
                    occupant.serve(2);
                });
                office.engine.push_foreign(1);
                office.engine.push_foreign(2);
                worker.join().unwrap();
            });
        });
    });
}

#[test]
fn a_pusher_that_finds_no_bit_against_a_sleeper_setting_one() {
    model("pusher that finds no bit", 2, || {
        office(1, 1, |office| {
            let mut occupant = office.occupant(0);
            let worker = thread::spawn(move || {
                // Its root was woken: it takes its bit back, and is no searcher.
                assert!(occupant.slumber(&|| true, &park));
                occupant.serve(2);
            });
            let pusher = thread::spawn(|| office.engine.push_foreign(1));
            office.engine.push_foreign(2);
            pusher.join().unwrap();
            worker.join().unwrap();
        });
    });
}

#[test]
fn the_driver_returns_by_an_event_while_a_waker_clears_its_bit() {
    model("event against waker", 3, || {
        office(1, 1, |office| {
            let mut occupant = office.occupant(0);
            let worker = thread::spawn(move || {
                let events = std::cell::Cell::new(0);
                let drive = |parker: &'static Parker| {
                    let mut event = false;
                    parker.drive(|| event = office.engine.poller.wait());
                    events.set(events.get() + usize::from(event));
                    if event { Wait::Event } else { Wait::Again }
                };
                assert!(occupant.slumber(&|| false, &drive));
                while !occupant.turn() {
                    assert!(occupant.sleep(&|| false, &drive));
                }
            });
            let event = thread::spawn(|| office.engine.poller.happen());
            office.engine.push_foreign(1);
            event.join().unwrap();
            worker.join().unwrap();
        });
    });
}

#[test]
fn a_push_against_a_keep_alive_exit() {
    model("push against keep-alive exit", 3, || {
        office(1, 1, |office| {
            let mut occupant = office.occupant(0);
            let worker = thread::spawn(move || {
                // Nothing times out in a model: the time is over when the worker gets to wait.
                if occupant.slumber(&|| false, &|_| Wait::TimeOver) {
                    occupant.serve(1);
                }
            });
            office.engine.push_foreign(1);
            worker.join().unwrap();
            let requested = std::mem::take(&mut *office.engine.requests.lock().unwrap());
            if !requested.is_empty() {
                assert_eq!(requested, [0]);
                let mut occupant = Occupant::sit(&office.engine, 0, &office.parkers[1]);
                occupant.searching = true;
                occupant.serve(1);
            }
            assert!(!office.engine.has_work(), "nobody ran the entry");
        });
    });
}

#[test]
fn a_caller_enters_while_a_waker_calls() {
    model("eviction against waker", 3, || {
        office(1, 0, |office| {
            let mut occupant = office.occupant(0);
            let pool = thread::spawn(move || {
                // Evicted, it is gone for good; else it was called, and runs the entry.
                if occupant.sleep(&|| false, &park) {
                    occupant.serve(1);
                }
            });
            let caller = thread::spawn(|| {
                if office.engine.idle.claim(0) {
                    Occupant::sit(&office.engine, 0, &office.parkers[1]).serve(1);
                }
            });
            office.engine.push_foreign(1);
            pool.join().unwrap();
            caller.join().unwrap();
            assert!(!office.engine.has_work(), "nobody ran the entry");
        });
    });
}

#[test]
fn the_driver_returns_by_an_event_while_a_caller_enters() {
    model("event against eviction", 2, || {
        office(1, 1, |office| {
            let mut occupant = office.occupant(0);
            let pool = thread::spawn(move || {
                let drive = |parker: &'static Parker| {
                    let mut event = false;
                    parker.drive(|| event = office.engine.poller.wait());
                    if event { Wait::Event } else { Wait::Again }
                };
                let mut stays = occupant.slumber(&|| false, &drive);
                while stays && !occupant.turn() {
                    stays = occupant.sleep(&|| false, &drive);
                }
            });
            let caller = thread::spawn(|| {
                if office.engine.idle.claim(0) {
                    // Finds nothing, and sleeps with the bit set, before the one it evicted looks.
                    Occupant::sit(&office.engine, 0, &office.parkers[1]).serve(1);
                }
            });
            office.engine.poller.happen();
            office.engine.push_foreign(1);
            pool.join().unwrap();
            caller.join().unwrap();
            assert!(!office.engine.has_work(), "nobody ran the entry");
        });
    });
}

#[test]
fn a_worker_falls_asleep_while_the_engine_closes() {
    model("sleep against closing", 3, || {
        office(1, 0, |office| {
            let mut occupant = office.occupant(0);
            let worker = thread::spawn(move || {
                if occupant.sleep(&|| false, &park) {
                    assert!(office.engine.is_closed());
                    // A turn that finds no more than this ends in sleep again.
                    while !occupant.heeds() {
                        thread::yield_now();
                    }
                }
            });
            office.engine.close();
            worker.join().unwrap();
        });
    });
}

fn park(parker: &'static Parker) -> Wait {
    parker.park(None);
    Wait::Again
}
