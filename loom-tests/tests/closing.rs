//! The end of a runtime: against foreign threads that wake and spawn, on real cells and pages; and against threads that come, work at a
//! worker, and go.
//!
//! Asserted: the future is dropped, once, before the closing ends or by the one who came late; the joiner hears of it; nobody touches the
//! engine after its last cell has freed it; who is told to close finds the engine closed. Whoever finishes the closing does so once, and has every worker's queue and pages alone.
//!
//! Mutants that must die: `closed-unchecked`, `push-without-fence`, `drain-silent`, `gate-unchecked`, `waker-lets-go-early`, `stays-without-seat`,
//! `claim-busy`, `claim-running-silent`, `cells-gone-relaxed`, `depart-fence`, `depart-silent`, `depart-relaxed`, `deserted-fence`, `deserted-relaxed`, `arrive-fence`,
//! `arrive-unchecked`, `arrive-after-claim`, `leave-keeps-bit`, `abandon-fence`, `abandon-relaxed`, `finish-twice`, `finish-undeserted`,
//! `abandoned-look-relaxed`, `last-silent`, `late-silent`, `dismissed-departs`, `dismissed-in-hand`, `dismissed-unsaid`,
//! `attention-relaxed`.
#![cfg(heist_loom)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use heist::model::Parker;
use heist_loom_tests::{Closing, Engine, Occupant, Signal, Wait, World, model, stage};
use loom::cell::UnsafeCell;
use loom::thread;

/// Never ready. Notes order nothing.
#[derive(Clone, Default)]
struct Notes(Arc<(Mutex<Option<Waker>>, Tally)>);

struct Never(Notes);

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *self.0.0.0.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Never {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Any::Relaxed);
    }
}

#[test]
fn a_late_wake_against_closing() {
    model("late wake against closing", 3, || {
        World::stage(|world| {
            let notes = Notes::default();
            let (task, handle) = world.create(Never(notes.clone()));
            world.push(task);
            assert!(world.turn());
            let waker = notes.0.0.lock().unwrap().take().unwrap();
            drop(handle);
            world.abandon();
            let foreign = thread::spawn(move || waker.wake());
            world.close();
            assert_eq!(notes.0.1.load(Any::Relaxed), 1, "dropped when closed");
            foreign.join().unwrap();
        });
    });
}

#[test]
fn a_spawn_against_closing() {
    model("spawn against closing", 3, || {
        World::stage(|world| {
            world.abandon();
            let notes = Notes::default();
            let future = Never(notes.clone());
            let foreign = thread::spawn(move || {
                if let Some(handle) = world.spawn_foreign(future) {
                    let outcome = Arc::new(Signal::default()).block_on(handle);
                    assert!(outcome.is_err_and(|error| error.is_cancelled()));
                }
            });
            world.close();
            foreign.join().unwrap();
            assert_eq!(notes.0.1.load(Any::Relaxed), 1);
        });
    });
}

/// What the walk cannot have is marked, and dropped where its turn ends: nobody walks again.
#[test]
fn a_walk_against_a_poll() {
    model("walk against poll", 3, || {
        World::stage(|world| {
            let notes = Notes::default();
            let (task, handle) = world.create(Never(notes.clone()));
            world.push(task);
            drop(handle);
            world.abandon();
            let worker = thread::spawn(|| while world.turn() {});
            world.cancel_idle();
            worker.join().unwrap();
            drop(notes.0.0.lock().unwrap().take());
            assert_eq!(notes.0.1.load(Any::Relaxed), 1);
        });
    });
}

/// Parkers are made before the engine that points at them.
struct Office {
    parkers: [Parker; 2],
    engine: Engine,
}

/// With so many threads at work, and `total` workers of which the first `asleep` have their bit set.
fn office(present: usize, total: usize, asleep: usize, play: impl FnOnce(&'static Office)) {
    let mut engine = Engine::new(total, asleep);
    engine.closing = Closing::new(present);
    let office = Office {
        parkers: [Parker::default(), Parker::default()],
        engine,
    };
    stage(office, |office| {
        play(office);
        office.engine.assert_quiet();
        assert_eq!(office.engine.finished.load(Any::Relaxed), 1);
    });
}

impl Office {
    /// The end of a runtime whose closer waits for everybody.
    fn shut_down(&self) {
        self.engine.close();
        self.engine.closing.wait_until_deserted();
        self.engine.finish_closing();
    }

    /// The end of a runtime whose closer does not wait.
    fn leave_behind(&self) {
        self.engine.close();
        if self.engine.closing.give_up() {
            self.engine.finish_closing();
        }
    }
}

/// Turns without work, and sleep in between, until the closing.
fn stay(mut occupant: Occupant<'_>) {
    while !occupant.heeds() && occupant.sleep(&|| false, &park) {
        thread::yield_now();
    }
    occupant.stop_searching();
}

fn park(parker: &'static Parker) -> Wait {
    parker.park(None);
    Wait::Again
}

#[test]
fn the_last_thread_departs_while_the_closer_waits() {
    model("departure against closing", 3, || {
        office(1, 1, 0, |office| {
            let last = thread::spawn(|| {
                office.engine.work_at(0);
                office.engine.depart();
            });
            office.shut_down();
            last.join().unwrap();
        });
    });
}

#[test]
fn a_caller_arrives_while_the_engine_closes() {
    model("arrival against closing", 3, || {
        office(0, 1, 1, |office| {
            let caller = thread::spawn(|| {
                if let Some(mut seat) = office.engine.take_seat(&office.parkers[0]) {
                    // Its root is done after one poll.
                    seat.leave();
                    office.engine.depart();
                }
            });
            office.shut_down();
            caller.join().unwrap();
        });
    });
}

/// Here there is no bit that the closer clears.
#[test]
fn a_caller_takes_a_refused_worker_while_the_engine_closes() {
    model("refused worker against closing", 3, || {
        office(0, 1, 0, |office| {
            office.engine.set_refused(0);
            let caller = thread::spawn(|| {
                if let Some(mut seat) = office.engine.take_seat(&office.parkers[0]) {
                    seat.leave();
                    office.engine.depart();
                }
            });
            office.shut_down();
            caller.join().unwrap();
        });
    });
}

#[test]
fn a_caller_stays_while_the_engine_closes() {
    model("stay against closing", 3, || {
        office(0, 1, 1, |office| {
            let caller = thread::spawn(|| {
                if let Some(seat) = office.engine.take_seat(&office.parkers[0]) {
                    stay(seat);
                    office.engine.depart();
                }
            });
            office.shut_down();
            caller.join().unwrap();
        });
    });
}

/// The end of a pool thread's stay.
fn go(office: &'static Office, parker: &'static Parker) {
    if !parker.take_dismissal() {
        office.engine.depart();
    }
}

#[test]
fn a_resting_thread_is_dismissed_while_a_waker_calls() {
    model("dismissal against a call", 3, || {
        office(1, 1, 1, |office| {
            let parker = &office.parkers[0];
            assert!(office.engine.seat(0, parker).is_none());
            let mut occupant = Occupant::seated(&office.engine, 0, parker);
            let pool = thread::spawn(move || {
                let rest = |parker: &'static Parker| {
                    parker.rest(None);
                    Wait::Again
                };
                if occupant.slumber(&|| false, &rest) {
                    stay(occupant);
                }
                go(office, parker);
            });
            let foreign = thread::spawn(|| office.engine.push_foreign(1));
            office.shut_down();
            pool.join().unwrap();
            foreign.join().unwrap();
            assert!(office.engine.closing.is_deserted());
        });
    });
}

#[test]
fn a_thread_with_events_in_hand_is_waited_for() {
    model("closing against events", 3, || {
        let hand = Arc::new(Hand(UnsafeCell::new(())));
        office(1, 1, 1, |office| {
            let parker = &office.parkers[0];
            assert!(office.engine.seat(0, parker).is_none());
            let mut occupant = Occupant::seated(&office.engine, 0, parker);
            let events = Arc::clone(&hand);
            let pool = thread::spawn(move || {
                let stays = occupant.slumber(&|| false, &|_| Wait::Event);
                // Whom it wakes, wherever it sits now.
                events.0.with_mut(|_| ());
                if stays {
                    stay(occupant);
                }
                go(office, parker);
            });
            office.shut_down();
            hand.0.with_mut(|_| ());
            pool.join().unwrap();
        });
    });
}

/// What a thread still has to do. Whoever comes to the end of the runtime comes after it.
struct Hand(UnsafeCell<()>);

// SAFETY: loom reports any two accesses that are not ordered.
unsafe impl Send for Hand {}
// SAFETY: as above.
unsafe impl Sync for Hand {}

#[test]
fn a_caller_evicts_while_the_engine_closes() {
    model("eviction against closing", 2, || {
        office(1, 1, 1, |office| {
            let parker = &office.parkers[1];
            assert!(office.engine.seat(0, parker).is_none());
            let mut occupant = Occupant::seated(&office.engine, 0, parker);
            let pool = thread::spawn(move || {
                if occupant.slumber(&|| false, &park) {
                    stay(occupant);
                }
                office.engine.depart();
            });
            let caller = thread::spawn(|| {
                if let Some(mut seat) = office.engine.take_seat(&office.parkers[0]) {
                    seat.leave();
                    office.engine.depart();
                }
            });
            office.shut_down();
            pool.join().unwrap();
            caller.join().unwrap();
        });
    });
}

#[test]
fn the_last_to_depart_against_a_closer_that_gives_up() {
    model("departures against giving up", 3, || {
        office(2, 3, 1, |office| {
            let threads = [1, 2].map(|worker| {
                thread::spawn(move || {
                    office.engine.work_at(worker);
                    office.engine.depart();
                })
            });
            office.leave_behind();
            for thread in threads {
                thread.join().unwrap();
            }
        });
    });
}

/// One that comes too late may be the last to go.
#[test]
fn a_late_arrival_against_a_closer_that_gives_up() {
    model("late arrival against giving up", 3, || {
        office(1, 3, 1, |office| {
            let last = thread::spawn(|| {
                office.engine.work_at(1);
                office.engine.depart();
            });
            let late = thread::spawn(|| {
                if office.engine.arrive() {
                    office.engine.work_at(2);
                    office.engine.depart();
                }
            });
            office.leave_behind();
            last.join().unwrap();
            late.join().unwrap();
        });
    });
}
