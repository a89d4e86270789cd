//! Readiness: no event is lost, whatever the order of the driver's, the operations' and the waiters' steps; and an event that was under way when its
//! source was deregistered reaches nobody.
//!
//! Mutants that must die: `look-before-registering`, `clear-whatever-the-tick`, `event-relaxed`, `generation-dropped`,
//! `waiters-before-word`, `a-short-read-tells-all`, `news-by-a-look`, `driver-alone-records`.
#![cfg(heist_loom)]

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use heist::model::{Direction, Readiness, Ready, Source, Sources, Ticket};
use heist_loom_tests::model;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// A task that counts its wakes, seen by loom.
#[derive(Default)]
struct Task {
    wakes: AtomicUsize,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        // Relaxed: a count, looked at when all is over.
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }
}

/// A source of the system: what can be read from it.
struct System(AtomicUsize);

impl System {
    /// A system call that reads all there is; `None` if it would block.
    fn read(&self) -> Option<usize> {
        // Relaxed, both: the system orders nothing for us here, and the load may even be stale. That it is not
        // is for the readiness word to see to.
        if self.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        match self.0.swap(0, Ordering::Relaxed) {
            0 => None,
            n => Some(n),
        }
    }
}

/// Something arrives, and the driver learns of it; or who wrote it, in the same runtime, says so.
fn arrive(system: &System, readiness: &Readiness) {
    // Relaxed: `record` publishes it.
    system.0.fetch_add(1, Ordering::Relaxed);
    let mut ready = Vec::new();
    readiness.record(Direction::Read.into(), &mut ready);
    for waker in ready {
        waker.wake();
    }
}

/// What an operation does in one poll: the bytes, or `Pending`.
fn operate(
    system: &System,
    readiness: &Readiness,
    waker: &Waker,
    ticket: Option<&mut Ticket>,
) -> Poll<usize> {
    let mut cx = Context::from_waker(waker);
    let mut ticket = ticket;
    loop {
        match readiness.poll(Direction::Read, &mut cx, ticket.as_deref_mut()) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(seen) => match system.read() {
                Some(n) => return Poll::Ready(n),
                None => readiness.clear(Direction::Read, seen),
            },
        }
    }
}

/// A task that is pending has been woken, or there was nothing to be had.
fn no_event_is_lost(recorders: usize, events: usize, readers: usize) {
    model(
        &format!("no event lost, {recorders} record {events} events, {readers} readers"),
        3,
        move || {
            let system = Arc::new(System(AtomicUsize::new(0)));
            let readiness = Arc::new(Readiness::new(Ready::BOTH));
            let recorders: Vec<_> = (0..recorders)
                .map(|_| {
                    let (system, readiness) = (system.clone(), readiness.clone());
                    thread::spawn(move || {
                        for _ in 0..events {
                            arrive(&system, &readiness);
                        }
                    })
                })
                .collect();
            let readers: Vec<_> = (0..readers)
                .map(|n| {
                    let (system, readiness) = (system.clone(), readiness.clone());
                    thread::spawn(move || {
                        let task = Arc::new(Task::default());
                        let waker = Waker::from(task.clone());
                        let mut ticket = Ticket::default();
                        let ticket = (n == 0).then_some(&mut ticket);
                        let got = operate(&system, &readiness, &waker, ticket);
                        (task, got)
                    })
                })
                .collect();
            for recorder in recorders {
                recorder.join().unwrap();
            }
            let readers: Vec<_> = readers.into_iter().map(|r| r.join().unwrap()).collect();
            // Relaxed: all is over.
            if system.0.load(Ordering::Relaxed) > 0 {
                for (task, got) in readers {
                    // What is left will be read by somebody: nobody sleeps.
                    assert!(got.is_ready() || task.wakes.load(Ordering::Relaxed) > 0);
                }
            }
        },
    );
}

#[test]
fn readiness_against_registration() {
    no_event_is_lost(1, 1, 1);
}

#[test]
fn two_events_against_one_operation() {
    no_event_is_lost(1, 2, 1);
}

#[test]
fn two_operations_against_one_event() {
    no_event_is_lost(1, 1, 2);
}

/// The other end is in the same runtime: whoever writes there records what it wrote, beside the driver.
#[test]
fn a_writer_and_the_driver_against_one_operation() {
    no_event_is_lost(2, 1, 1);
}

/// The reader has room for more than there ever is, and takes a short read for all there is. The end of the stream
/// is seen by a read of nothing.
#[test]
fn a_short_read_against_the_end_of_the_stream() {
    model("short read against the end", 3, || {
        let system = Arc::new(System(AtomicUsize::new(1)));
        let ended = Arc::new(AtomicUsize::new(0));
        let readiness = Arc::new(Readiness::new(Ready::BOTH));
        let task = Arc::new(Task::default());
        let waker = Waker::from(task.clone());
        let driver = {
            let (system, ended, readiness) = (system.clone(), ended.clone(), readiness.clone());
            thread::spawn(move || {
                arrive(&system, &readiness);
                // Relaxed: `record` publishes it.
                ended.store(1, Ordering::Relaxed);
                let mut ready = Vec::new();
                let end = Ready::from(Direction::Read).with(Ready::MORE);
                readiness.record(end, &mut ready);
                ready.into_iter().for_each(Waker::wake);
            })
        };
        let mut cx = Context::from_waker(&waker);
        let seen_the_end = loop {
            let Poll::Ready(seen) = readiness.poll(Direction::Read, &mut cx, None) else {
                break false;
            };
            match system.read() {
                Some(_) => readiness.drained(seen),
                // Relaxed: what a read finds is not ordered by it.
                None if ended.load(Ordering::Relaxed) == 1 => break true,
                None => readiness.clear(Direction::Read, seen),
            }
        };
        driver.join().unwrap();
        // Relaxed: all is over.
        assert!(seen_the_end || task.wakes.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn closing_against_registration() {
    model("closing against registration", 3, || {
        let readiness = Arc::new(Readiness::new(Ready::BOTH));
        let task = Arc::new(Task::default());
        let closer = {
            let readiness = readiness.clone();
            thread::spawn(move || {
                let mut ready = Vec::new();
                readiness.close(&mut ready);
                ready.into_iter().for_each(Waker::wake);
            })
        };
        let system = System(AtomicUsize::new(0));
        let waker = Waker::from(task.clone());
        let mut cx = Context::from_waker(&waker);
        let told = loop {
            match readiness.poll(Direction::Read, &mut cx, None) {
                Poll::Pending => break false,
                Poll::Ready(seen) if seen.is_closed() => break true,
                Poll::Ready(seen) => {
                    assert!(system.read().is_none());
                    readiness.clear(Direction::Read, seen);
                }
            }
        };
        closer.join().unwrap();
        assert!(told || task.wakes.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn asking_anew_against_an_event() {
    model("asking anew against an event", 3, || {
        let system = Arc::new(System(AtomicUsize::new(0)));
        let readiness = Arc::new(Readiness::new(Ready::BOTH));
        let driver = {
            let (system, readiness) = (system.clone(), readiness.clone());
            thread::spawn(move || arrive(&system, &readiness))
        };
        let task = Arc::new(Task::default());
        let waker = Waker::from(task.clone());
        readiness.reset(Direction::Read);
        // The system's answer, which the driver will bring. AcqRel: asking takes the system's own lock.
        let asked = system.0.fetch_add(0, Ordering::AcqRel) > 0;
        let mut cx = Context::from_waker(&waker);
        let poll = readiness.poll(Direction::Read, &mut cx, None);
        if asked {
            let mut ready = Vec::new();
            readiness.record(Ready::BOTH, &mut ready);
            ready.into_iter().for_each(Waker::wake);
        }
        driver.join().unwrap();
        assert!(poll.is_ready() || task.wakes.load(Ordering::Relaxed) > 0);
    });
}

#[test]
fn a_dropped_future_against_an_event() {
    model("dropped future against an event", 3, || {
        let readiness = Arc::new(Readiness::new(Ready::BOTH));
        let task = Arc::new(Task::default());
        let waker = Waker::from(task.clone());
        let mut cx = Context::from_waker(&waker);
        let mut ticket = Ticket::default();
        if let Poll::Ready(seen) = readiness.poll(Direction::Read, &mut cx, Some(&mut ticket)) {
            readiness.clear(Direction::Read, seen);
        }
        assert!(
            readiness
                .poll(Direction::Read, &mut cx, Some(&mut ticket))
                .is_pending()
        );
        let driver = {
            let readiness = readiness.clone();
            thread::spawn(move || {
                let mut ready = Vec::new();
                readiness.record(Direction::Read.into(), &mut ready);
                // As the driver holds them for a moment.
                drop(ready);
            })
        };
        readiness.leave(Direction::Read, &mut ticket);
        driver.join().unwrap();
        drop(waker);
        assert_eq!(Arc::strong_count(&task), 1, "no waker is left behind");
    });
}

#[test]
fn a_stale_event_against_the_reuse_of_its_slot() {
    model("stale event against reuse", 3, || {
        let sources = Arc::new(Sources::default());
        let old = sources.insert(|key| Source::new(key, 3, Ready::BOTH));
        let stale = old.key();
        let driver = {
            let sources = sources.clone();
            thread::spawn(move || {
                // The event was fetched before, and is dispatched now.
                if let Some(source) = sources.lock().get(stale) {
                    source.readiness().record(Ready::BOTH, &mut Vec::new());
                }
            })
        };
        assert!(sources.remove(stale).is_some());
        let new = sources.insert(|key| Source::new(key, 4, Ready::BOTH));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(seen) = new.readiness().poll(Direction::Read, &mut cx, None) else {
            panic!("new sources are ready");
        };
        driver.join().unwrap();
        new.readiness().clear(Direction::Read, seen);
        assert!(
            new.readiness()
                .poll(Direction::Read, &mut cx, None)
                .is_pending()
        );
    });
}
