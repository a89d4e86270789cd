//! How a batch ends, on the real batch in a world: its cancelling against elements that begin, its last completion against the gather
//! that waits or goes, and the end of its runtime.
//!
//! Asserted: every future and every value is dropped once; the gather is woken once, and sees every value; the hub comes to its end, and
//! with it the batch's memory (else a cell is out).
//!
//! Mutants that must die: `cancel-fence`, `begin-fence`, `begin-unchecked`, `remaining-relaxed`, `reached-unseen`, `abandoned-unseen`,
//! `abandon-drops-all`, `over-unsaid`, `over-unlooked`, `walk-stops`, `remaining-by-load-and-store`, `closer-cancels-nothing`.
#![cfg(heist_loom)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};
use std::task::{Context, Poll, Waker};

use heist_loom_tests::{Gathering, Signal, World, model};
use loom::cell::UnsafeCell;
use loom::thread;

/// What was dropped, and made. Notes order nothing.
#[derive(Default)]
struct Notes {
    futures: Tally,
    values: Tally,
    made: Tally,
}

struct Value(Arc<Notes>, UnsafeCell<()>);

impl Value {
    fn touch(&self) {
        self.1.with_mut(|_| ());
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.touch();
        self.0.values.fetch_add(1, Any::Relaxed);
    }
}

/// Gives its value at once, or never.
struct Element(Arc<Notes>, bool);

impl Future for Element {
    type Output = Result<Value, ()>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.1 {
            return Poll::Pending;
        }
        let value = Value(Arc::clone(&self.0), UnsafeCell::new(()));
        value.touch();
        self.0.made.fetch_add(1, Any::Relaxed);
        Poll::Ready(Ok(value))
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        self.0.futures.fetch_add(1, Any::Relaxed);
    }
}

/// A batch of elements of which each is ready or not, with its ticket queued; nobody owns the pages.
fn gather(
    world: &'static World,
    ready: &[bool],
    waker: &Waker,
) -> (Arc<Notes>, Gathering<Value, Element>) {
    let notes = Arc::new(Notes::default());
    let futures = ready
        .iter()
        .map(|&ready| Element(Arc::clone(&notes), ready));
    let (ticket, gathering) = world.gather(futures.collect(), waker);
    world.push(ticket);
    world.abandon();
    (notes, gathering)
}

fn work_off(world: &'static World) {
    while world.turn() {}
}

fn worker(world: &'static World) -> thread::JoinHandle<()> {
    thread::spawn(move || work_off(world))
}

#[test]
fn elements_begin_while_their_batch_is_cancelled() {
    model("begin against cancel", 3, || {
        World::stage(|world| {
            let (notes, gathering) = gather(world, &[false, false], Waker::noop());
            world.take_over();
            world.use_next_slot();
            let worker = worker(world);
            drop(gathering);
            work_off(world);
            worker.join().unwrap();
            work_off(world);
            assert_eq!(notes.futures.load(Any::Relaxed), 2);
        });
    });
}

#[test]
fn the_last_element_wakes_the_gather() {
    model("last element against the gather", 2, || {
        World::stage(|world| {
            let first = Arc::new(Signal::default());
            let (notes, mut gathering) = gather(world, &[true, true], &first.waker());
            let workers = [worker(world), worker(world)];
            // Another waker than that of the first poll.
            let signal = Arc::new(Signal::default());
            let values = signal
                .block_on(std::future::poll_fn(|cx| gathering.poll(cx)))
                .unwrap();
            values.iter().for_each(Value::touch);
            assert_eq!(notes.values.load(Any::Relaxed), 0);
            drop((values, gathering));
            for worker in workers {
                worker.join().unwrap();
            }
            work_off(world);
            let wakes = first.wakes.load(Any::Relaxed) + signal.wakes.load(Any::Relaxed);
            assert_eq!(wakes, 1, "wakes");
            assert_eq!(notes.futures.load(Any::Relaxed), 2);
            assert_eq!(notes.values.load(Any::Relaxed), 2);
        });
    });
}

#[test]
fn the_gather_goes_while_the_last_element_ends() {
    model("last element against abandoning", 2, || {
        World::stage(|world| {
            let (notes, gathering) = gather(world, &[true, true], Waker::noop());
            let workers = [worker(world), worker(world)];
            drop(gathering);
            for worker in workers {
                worker.join().unwrap();
            }
            work_off(world);
            assert_eq!(notes.futures.load(Any::Relaxed), 2);
            let made = notes.made.load(Any::Relaxed);
            assert_eq!(notes.values.load(Any::Relaxed), made);
        });
    });
}

#[test]
fn a_batch_begins_while_its_runtime_closes() {
    model("begin against closing", 3, || {
        World::stage(|world| {
            let (notes, mut gathering) = gather(world, &[false, false], Waker::noop());
            assert!(world.closing.arrive());
            let worker = thread::spawn(move || {
                while !world.closing.is_closed() && world.turn() {}
                world.closing.depart();
            });
            world.close();
            assert_eq!(notes.futures.load(Any::Relaxed), 2, "dropped when closed");
            let result = gathering.poll(&Context::from_waker(Waker::noop()));
            assert!(matches!(result, Poll::Ready(None)));
            drop(gathering);
            worker.join().unwrap();
        });
    });
}
