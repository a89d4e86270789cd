//! The driver's seat, on the real `Driver`, `Seat`, `Timers`, `Idle` and `Parker`: deadlines against a driver that goes to sleep, quick
//! looks against one that wants to, and whoever leaves against what still waits.
//!
//! Asserted: somebody comes to sleep in the seat, no longer than until the earliest deadline. Else all sleep for ever, and loom finds
//! a deadlock.
//!
//! Mutants that must die: `second-scan`, `added-fence`, `driver-fence`, `deadline-unkicked`, `look-without-seat`, `wanted-unsaid`,
//! `wanted-unheard`, `hand-on-skipped`, `sent-away-silently`,
//! `longer-than-announced`, `minimum-outside-the-lock`, `first-shard-only`, `shard-unsaid`, `shard-said-late`, `told-by-all-shards`, `gets-up-unfenced`, `late-kick-counts`.
#![cfg(heist_loom)]

use std::task::Waker;
use std::time::{Duration, Instant};

use heist::model::{Chair, Parker, Seat, Sit, Sleeper, Timer};
use heist_loom_tests::{Engine, Occupant, Poller, Sitter, Wait, model, stage};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

const HOUR: Duration = Duration::from_secs(3600);

/// Sitters are made before the engine that points at them.
struct Office {
    sitters: [Chair<Sitter>; 2],
    /// The root on the thread of worker 1 was woken.
    recalled: AtomicBool,
    /// Somebody sleeps in the seat for as long as is right: there the model ends.
    driven: AtomicBool,
    engine: Engine,
}

fn office(sitters: [Chair<Sitter>; 2], asleep: usize, play: impl FnOnce(&'static Office)) {
    let office = Office {
        sitters,
        recalled: AtomicBool::new(false),
        driven: AtomicBool::new(false),
        engine: Engine::new(2, asleep),
    };
    stage(office, |office| {
        play(office);
        office.engine.assert_quiet();
    });
}

impl Office {
    fn occupant(&'static self, worker: usize) -> Occupant<'static> {
        let parker = &self.sitters[worker].0.parker;
        assert!(self.engine.seat(worker, parker).is_none());
        Occupant::seated(&self.engine, worker, parker)
    }

    /// Adds a deadline, and tells nobody.
    fn insert(&self, shard: usize, hours: u32) -> Timer {
        let deadline = Instant::now() + HOUR * hours;
        self.engine.driver.insert(shard, deadline, Waker::noop()).0
    }

    fn add(&self, shard: usize, hours: u32) {
        let deadline = Instant::now() + HOUR * hours;
        let driver = &self.engine.driver;
        let (_, lowered) = driver.insert(shard, deadline, Waker::noop());
        if lowered && driver.deadline_lowered(deadline) {
            self.engine.notify();
        }
    }

    fn look(&self) {
        if self.engine.driver.look(&mut Vec::new()) {
            self.engine.notify();
        }
    }

    fn drive(&'static self, worker: usize) -> Wait {
        let sitter = &self.sitters[worker];
        if !self.engine.driver.has_duties() && worker == 0 {
            sitter.0.parker.park(None);
            return Wait::Again;
        }
        let wait = self.engine.drive(sitter);
        if sitter.0.has_driven() {
            // Relaxed: ordered by the kicks.
            self.driven.store(true, Ordering::Relaxed);
            self.sitters.iter().for_each(|other| other.0.kick());
        }
        wait
    }

    /// Sleeps, called or not, until somebody drives. False: was sent away.
    fn serve(&'static self, worker: usize, mut occupant: Occupant<'static>) -> bool {
        let over = || {
            // Relaxed: ordered by the kicks.
            self.driven.load(Ordering::Relaxed)
                || worker == 1 && self.recalled.load(Ordering::Relaxed)
        };
        let mut stays = occupant.slumber(&over, &|_| self.drive(worker));
        while stays && !over() {
            assert!(!occupant.turn());
            stays = occupant.sleep(&over, &|_| self.drive(worker));
        }
        occupant.stop_searching();
        if stays && worker == 1 {
            occupant.leave();
        }
        stays
    }
}

/// Worker 0 goes to sleep, with what `before` left, while the rest happens. Two hours are as long as it is content to drive.
fn against_the_driver<T>(
    name: &str,
    preemptions: usize,
    before: impl Fn(&'static Office) -> T + Send + Sync + 'static,
    meanwhile: impl Fn(&'static Office, T) + Send + Sync + 'static,
) {
    model(name, preemptions, move || {
        let sitters = [Sitter::patient_for(2 * HOUR), Sitter::content()];
        office(sitters, 1, |office| {
            let left = before(office);
            let occupant = office.occupant(0);
            let driver = thread::spawn(move || assert!(office.serve(0, occupant)));
            meanwhile(office, left);
            driver.join().unwrap();
        });
    });
}

#[test]
fn an_earlier_deadline_against_the_drivers_sleep() {
    against_the_driver(
        "earlier deadline",
        3,
        |office| office.insert(0, 10),
        |office, _stays| office.add(1, 1),
    );
}

/// Each is the first of its shard, and the driver reads one shard after the other.
#[test]
fn deadlines_in_two_shards_against_the_drivers_sleep() {
    against_the_driver(
        "deadlines in two shards",
        2,
        |_| (),
        |office, ()| {
            let other = thread::spawn(|| office.add(0, 10));
            office.add(1, 1);
            other.join().unwrap();
        },
    );
}

/// What the driver wanted to sleep for is taken out and forgotten before it sleeps. Whoever adds the next deadline believes what the driver
/// has announced.
#[test]
fn a_driver_sleeps_no_longer_than_it_announced() {
    against_the_driver(
        "a raised minimum against the driver's sleep",
        3,
        |office| {
            let first = office.insert(0, 1);
            office.insert(1, 10);
            first
        },
        |office, first| {
            office.engine.driver.remove(first);
            assert!(office.engine.driver.has_duties());
            office.add(1, 2);
        },
    );
}

/// The minimum that was published outlives its timer. A later deadline is then told to nobody.
#[test]
fn a_deadline_behind_one_that_was_taken_out_is_not_overslept() {
    against_the_driver(
        "an insertion behind a stale minimum",
        3,
        |office| office.engine.driver.remove(office.insert(0, 1)),
        |office, ()| office.add(0, 2),
    );
}

/// The later one of two in a shard where none was before tells nobody, and its thread goes to sleep next.
#[test]
fn a_deadline_behind_one_that_comes_at_the_same_time_is_waited_for() {
    model("two deadlines in an unused shard", 3, || {
        office([(); 2].map(|()| Sitter::content()), 0, |office| {
            let earlier = thread::spawn(|| {
                office.insert(0, 1);
            });
            office.insert(0, 2);
            assert!(office.engine.driver.has_duties());
            earlier.join().unwrap();
        });
    });
}

/// The minimum that outlives its timer is that of another shard. It is raised while the later deadline is added.
#[test]
fn a_deadline_beside_one_that_was_taken_out_is_not_overslept() {
    against_the_driver(
        "an insertion beside a stale minimum",
        3,
        |office| office.engine.driver.remove(office.insert(0, 1)),
        |office, ()| office.add(1, 2),
    );
}

/// The driver gets up at a time when nothing is due any more, finds that nothing else is to be waited for, and parks. Whoever adds
/// something meanwhile may still see it in the seat, with a deadline that is early enough.
#[test]
fn a_deadline_against_a_driver_that_gets_up_for_nothing() {
    against_the_driver(
        "a deadline against getting up",
        3,
        |office| office.insert(0, 0),
        |office, first| {
            office.engine.driver.remove(first);
            office.add(0, 2);
        },
    );
}

/// The poller's notification goes to whoever looks. So a look holds the seat.
/// The thread has left one runtime, somewhere in which somebody still means to kick it, and sleeps in the poller of another.
#[test]
fn a_late_kick_hides_no_other() {
    struct Office {
        parker: Parker,
        before: Poller,
        poller: Poller,
        woken: AtomicBool,
    }
    model("late kick against a kick", 3, || {
        let office = Office {
            parker: Parker::default(),
            before: Poller::default(),
            poller: Poller::default(),
            woken: AtomicBool::new(false),
        };
        stage(office, |office| {
            let driver = thread::spawn(|| {
                loop {
                    office.parker.take_kick();
                    // Relaxed: the kick orders it.
                    if office.woken.load(Ordering::Relaxed) {
                        break;
                    }
                    office.parker.drive(|| assert!(!office.poller.wait()));
                }
            });
            let late = thread::spawn(|| office.parker.kick(|| office.before.notify()));
            office.woken.store(true, Ordering::Relaxed);
            office.parker.kick(|| office.poller.notify());
            late.join().unwrap();
            driver.join().unwrap();
        });
    });
}

#[test]
fn a_look_swallows_no_notification() {
    struct Office {
        parker: Parker,
        seat: Seat<Parker>,
        poller: Poller,
    }
    model("look and notify", 3, || {
        let office = Office {
            parker: Parker::default(),
            seat: Seat::new(),
            poller: Poller::default(),
        };
        stage(office, |office| {
            let driver = thread::spawn(|| {
                // Turned away by a look, it would be woken by the one who looked.
                while office.seat.sit(&office.parker) == Sit::Taken {
                    thread::yield_now();
                }
                office.parker.drive(|| assert!(!office.poller.wait()));
                assert!(!office.seat.leave());
            });
            let busy = thread::spawn(|| {
                if office.seat.look() {
                    office.poller.look();
                    let _wanted = office.seat.leave();
                }
            });
            office.parker.unpark(|| office.poller.notify());
            busy.join().unwrap();
            driver.join().unwrap();
        });
    });
}

#[test]
fn a_look_beside_a_driver_that_is_to_be_told() {
    against_the_driver(
        "look beside a sleeping driver",
        2,
        |office| office.insert(0, 10),
        |office, _stays| {
            let busy = thread::spawn(|| office.look());
            office.add(1, 1);
            busy.join().unwrap();
        },
    );
}

#[test]
fn a_look_against_one_that_wants_to_sleep_in_the_seat() {
    model("look against sit", 3, || {
        office([Sitter::content(), Sitter::content()], 1, |office| {
            office.insert(0, 10);
            let occupant = office.occupant(0);
            let sleeper = thread::spawn(move || assert!(office.serve(0, occupant)));
            office.look();
            sleeper.join().unwrap();
        });
    });
}

#[test]
fn a_searcher_looks_against_one_that_wants_to_sleep_in_the_seat() {
    model("searcher's look against sit", 3, || {
        office([Sitter::content(), Sitter::content()], 1, |office| {
            office.insert(0, 10);
            let sleeper = office.occupant(0);
            let mut searcher = office.occupant(1);
            searcher.searching = true;
            office.engine.idle.start_searching();
            let sleeper = thread::spawn(move || assert!(office.serve(0, sleeper)));
            searcher.look_once_more();
            sleeper.join().unwrap();
        });
    });
}

#[test]
fn a_caller_that_is_done_hands_on_the_seat() {
    model("seat leave against a pending timer", 2, || {
        office([Sitter::content(), Sitter::until_kicked()], 2, |office| {
            office.insert(0, 10);
            let worker = office.occupant(0);
            let caller = office.occupant(1);
            let worker = thread::spawn(move || assert!(office.serve(0, worker)));
            let caller = thread::spawn(move || assert!(office.serve(1, caller)));
            // Relaxed: ordered by the kick.
            office.recalled.store(true, Ordering::Relaxed);
            office.sitters[1].0.kick();
            worker.join().unwrap();
            caller.join().unwrap();
            // The caller's worker is vacant: it may have been the one to be called.
            for _ in office.engine.requests.lock().unwrap().drain(..) {
                office.engine.stop_searching();
            }
        });
    });
}

#[test]
fn one_that_is_sent_away_hands_on_the_seat() {
    model("eviction against a new timer", 2, || {
        let sitters = [(); 2].map(|()| Sitter::patient_for(2 * HOUR));
        office(sitters, 2, |office| {
            // For that one of them sits in the seat until it is kicked.
            office.insert(0, 10);
            let worker = office.occupant(0);
            let spare = office.occupant(1);
            let worker = thread::spawn(move || assert!(office.serve(0, worker)));
            let spare = thread::spawn(move || {
                let _sent_away = office.serve(1, spare);
            });
            // The monitor sends the spare home.
            office.engine.decommission(1);
            office.add(1, 1);
            spare.join().unwrap();
            worker.join().unwrap();
            for _ in office.engine.requests.lock().unwrap().drain(..) {
                office.engine.stop_searching();
            }
        });
    });
}
