//! Task cells: wakers, handles and the one who polls, on real cells, wakers and handles.
//!
//! Asserted: the last poll sees what every waker stored; the output arrives once and the joiner is woken; a future is dropped once;
//! each cell is freed once, after all that anybody did with it.
//!
//! Mutants that must die: `wakes-answered-unseen`, `coalesced-wake-silent`, `wake-relaxed`, `start-relaxed`, `owner-completes-relaxed`,
//! `owner-sees-no-waker`, `join-waker-relaxed`, `join-waker-not-taken-back`, `cancelled-unchecked`, `pause-forgets-abort`, `release-relaxed`,
//! `release-without-acquire`, `spare-forgotten-in-pause`, `kick-taken-late`, `drop-handle-forgets-waker`.
#![cfg(heist_loom)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use heist::model::{Parker, Pause, State, Taken, Wake};
use heist_loom_tests::{Engine, Occupant, Signal, Wait, World, model, stage};
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

/// What a model notes of a task. Notes order nothing.
#[derive(Default)]
struct Notes {
    waker: Mutex<Option<Waker>>,
    polls: Tally,
    drops: Tally,
    output_drops: Tally,
}

impl Notes {
    fn waker(&self) -> Waker {
        self.waker.lock().unwrap().take().expect("polled once")
    }

    fn drops(&self) -> usize {
        self.drops.load(Any::Relaxed)
    }
}

/// Leaves its waker at the first poll, and is ready when all flags are seen.
struct Flags {
    flags: Arc<[AtomicBool]>,
    notes: Arc<Notes>,
}

struct Output(Arc<Notes>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.output_drops.fetch_add(1, Any::Relaxed);
    }
}

impl Future for Flags {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        if self.notes.polls.fetch_add(1, Any::Relaxed) == 0 {
            *self.notes.waker.lock().unwrap() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Relaxed: the state word alone makes the wakers' stores visible.
        if self.flags.iter().all(|flag| flag.load(Ordering::Relaxed)) {
            Poll::Ready(Output(Arc::clone(&self.notes)))
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Flags {
    fn drop(&mut self) {
        self.notes.drops.fetch_add(1, Any::Relaxed);
    }
}

fn flags(count: usize) -> (Arc<[AtomicBool]>, Arc<Notes>, Flags) {
    let flags: Arc<[_]> = (0..count).map(|_| AtomicBool::new(false)).collect();
    let notes = Arc::new(Notes::default());
    let future = Flags {
        flags: Arc::clone(&flags),
        notes: Arc::clone(&notes),
    };
    (flags, notes, future)
}

/// The worker's thread: polls until the future is gone.
fn serve(world: &'static World, notes: &Arc<Notes>) -> thread::JoinHandle<()> {
    let notes = Arc::clone(notes);
    world.abandon();
    thread::spawn(move || {
        world.take_over();
        world.serve(|| notes.drops() > 0);
        world.abandon();
    })
}

#[test]
fn a_wake_during_the_poll_leads_to_one_more() {
    model("wake during poll", 3, || {
        World::stage(|world| {
            let (flags, notes, future) = flags(1);
            let (task, handle) = world.create(future);
            world.push(task);
            assert!(world.turn());
            let waker = notes.waker();
            waker.wake_by_ref();
            let worker = serve(world, &notes);
            flags[0].store(true, Ordering::Relaxed);
            waker.wake();
            worker.join().unwrap();
            drop(handle);
            let polls = notes.polls.load(Any::Relaxed);
            assert!(polls == 2 || polls == 3, "{polls} polls");
        });
    });
}

#[test]
fn coalesced_wakes_publish() {
    model("coalesced wakes", 2, || {
        World::stage(|world| {
            let (flags, notes, future) = flags(2);
            let (task, handle) = world.create(future);
            world.push(task);
            assert!(world.turn());
            let waker = notes.waker();
            let worker = serve(world, &notes);
            let other = {
                let (waker, flags) = (waker.clone(), Arc::clone(&flags));
                thread::spawn(move || {
                    flags[1].store(true, Ordering::Relaxed);
                    waker.wake_by_ref();
                })
            };
            flags[0].store(true, Ordering::Relaxed);
            waker.wake();
            worker.join().unwrap();
            other.join().unwrap();
            drop(handle);
        });
    });
}

#[test]
fn a_join_waker_is_replaced_while_the_task_completes() {
    model("join waker against completion", 3, || {
        World::stage(|world| {
            let (flags, notes, future) = flags(0);
            drop(flags);
            notes.polls.store(1, Any::Relaxed);
            let (task, mut handle) = world.create(future);
            world.push(task);
            let worker = serve(world, &notes);
            let given_up = Arc::new(Signal::default());
            let waker = given_up.waker();
            let first = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            drop(waker);
            let output = match first {
                Poll::Ready(output) => output,
                Poll::Pending => Arc::new(Signal::default()).block_on(&mut handle),
            };
            assert_eq!(notes.output_drops.load(Any::Relaxed), 0);
            drop(output.unwrap());
            drop(handle);
            worker.join().unwrap();
            assert_eq!(notes.output_drops.load(Any::Relaxed), 1);
            assert_eq!(Arc::strong_count(&given_up), 1, "its waker is dropped");
        });
    });
}

#[test]
fn a_handle_that_waits_is_dropped_while_the_task_completes() {
    model("handle dropped against completion", 3, || {
        World::stage(|world| {
            let (_, notes, future) = flags(0);
            notes.polls.store(1, Any::Relaxed);
            let (task, mut handle) = world.create(future);
            world.push(task);
            let worker = serve(world, &notes);
            let joiner = Arc::new(Signal::default());
            let waker = joiner.waker();
            let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            drop((polled, waker, handle));
            worker.join().unwrap();
            assert_eq!(notes.output_drops.load(Any::Relaxed), 1);
            assert_eq!(Arc::strong_count(&joiner), 1, "its waker is dropped");
        });
    });
}

#[test]
fn an_abort_against_a_wake() {
    model("abort against wake", 2, || {
        World::stage(|world| {
            let (_flags, notes, future) = flags(1);
            let (task, handle) = world.create(future);
            world.push(task);
            assert!(world.turn());
            let (waker, abort) = (notes.waker(), handle.abort_handle());
            let worker = serve(world, &notes);
            let waker = thread::spawn(move || waker.wake());
            abort.abort();
            drop(abort);
            let outcome = Arc::new(Signal::default()).block_on(handle);
            assert!(outcome.is_err_and(|error| error.is_cancelled()));
            worker.join().unwrap();
            waker.join().unwrap();
            assert_eq!(notes.drops(), 1);
        });
    });
}

#[test]
fn an_abort_against_completion() {
    model("abort against completion", 2, || {
        World::stage(|world| {
            let (flags, notes, future) = flags(1);
            let (task, handle) = world.create(future);
            world.push(task);
            assert!(world.turn());
            let (waker, abort) = (notes.waker(), handle.abort_handle());
            let worker = serve(world, &notes);
            let waker = thread::spawn(move || {
                flags[0].store(true, Ordering::Relaxed);
                waker.wake();
            });
            abort.abort();
            drop(abort);
            let outcome = Arc::new(Signal::default()).block_on(handle);
            let outputs = usize::from(outcome.is_ok());
            drop(outcome);
            worker.join().unwrap();
            waker.join().unwrap();
            assert_eq!(notes.drops(), 1);
            assert_eq!(notes.output_drops.load(Any::Relaxed), outputs);
        });
    });
}

#[test]
fn the_last_reference_frees_the_cell_once() {
    model("last reference", 2, || {
        World::stage(|world| {
            let (flags, notes, future) = flags(1);
            let (task, handle) = world.create(future);
            world.push(task);
            assert!(world.turn());
            let waker = notes.waker();
            flags[0].store(true, Ordering::Relaxed);
            waker.wake_by_ref();
            let worker = serve(world, &notes);
            let other = thread::spawn(move || waker.wake());
            // The output is the handle's, or the completer's: both touch the cell before they let go.
            drop(handle);
            other.join().unwrap();
            worker.join().unwrap();
            assert_eq!(notes.output_drops.load(Any::Relaxed), 1);
        });
    });
}

#[test]
fn the_last_waker_frees_the_cell() {
    model("last reference, a waker's", 3, || {
        World::stage(|world| {
            let (flags, notes, future) = flags(1);
            let (task, handle) = world.create(future);
            drop(handle);
            world.push(task);
            assert!(world.turn());
            let waker = notes.waker();
            flags[0].store(true, Ordering::Relaxed);
            waker.wake_by_ref();
            let worker = serve(world, &notes);
            // The completer touches the cell, drops the output, and lets go.
            drop(waker);
            worker.join().unwrap();
            assert_eq!(notes.output_drops.load(Any::Relaxed), 1);
        });
    });
}

struct Office {
    parker: Parker,
    root: State,
    flag: AtomicBool,
    engine: Engine,
}

#[test]
fn a_root_is_woken_while_its_thread_goes_to_sleep() {
    model("root wake against park", 3, || {
        let office = Office {
            parker: Parker::default(),
            root: State::free(),
            flag: AtomicBool::new(false),
            engine: Engine::new(1, 0),
        };
        stage(office, |office| {
            office.root.publish_owned();
            assert!(office.engine.seat(0, &office.parker).is_none());
            let mut occupant = Occupant::seated(&office.engine, 0, &office.parker);
            let caller = thread::spawn(move || {
                loop {
                    if office.root.is_due() {
                        let turn = office.root.start();
                        // Relaxed: the state word orders it.
                        if office.flag.load(Ordering::Relaxed) {
                            break;
                        }
                        assert_ne!(office.root.pause(turn, Taken::NONE), Pause::Cancel);
                    }
                    if !office.root.is_due() {
                        let recalled = || office.root.is_due();
                        let park = |parker: &'static Parker| {
                            parker.park(None);
                            Wait::Again
                        };
                        assert!(occupant.sleep(&recalled, &park));
                        occupant.stop_searching();
                    }
                }
            });
            office.flag.store(true, Ordering::Relaxed);
            if office.root.wake() == Wake::Push {
                office.parker.kick(|| ());
            }
            caller.join().unwrap();
            office.engine.assert_quiet();
        });
    });
}
