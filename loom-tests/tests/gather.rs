//! How a batch ends, on the real batch in a world: its cancelling against elements that begin, its last completion against the gather
//! that waits or goes, and the end of its runtime.
//!
//! Asserted: every future and every value is dropped once; the gather is woken once, and sees every value; the hub comes to its end, and
//! with it the batch's memory (else a cell is out).
//!
//! Mutants that must die: `cancel-fence`, `begin-fence`, `begin-unchecked`, `countdown-relaxed`, `countdown-look-relaxed`, `reached-unseen`, `abandoned-unseen`,
//! `abandon-drops-all`, `over-unsaid`, `over-unlooked`, `walk-stops`, `countdown-by-load-and-store`, `closer-cancels-nothing`,
//! `cell-reused-with-a-reference`, `waiting-cell-reused`, `unknown-relaxed`, `unknown-unlooked`, `chunk-relaxed`, `chunk-by-load-and-store`,
//! `chunk-unclosed`.
#![cfg(heist_loom)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};
use std::task::{Context, Poll, Waker};

use heist_loom_tests::{Gathering, Signal, World, model};
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::thread;

/// What was dropped, and made. That orders nothing.
#[derive(Default)]
struct Notes {
    futures: Tally,
    values: Tally,
    made: Tally,
    /// Orders what came before it, as every place does in which a waker is left.
    waker: Mutex<Option<Waker>>,
}

impl Notes {
    fn take_waker(&self) -> Option<Waker> {
        self.waker.lock().unwrap().take()
    }
}

/// What an element does at its first poll.
#[derive(Clone, Copy)]
enum First {
    GivesItsValue,
    /// And leaves its waker in the notes.
    LeavesItsWaker,
    /// Wakes itself, and gives its value at the second poll.
    Yields,
    /// And at all others.
    Waits,
}
use First::{GivesItsValue, LeavesItsWaker, Waits, Yields};

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

struct Element(Arc<Notes>, First);

impl Future for Element {
    type Output = Result<Value, ()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.1 {
            GivesItsValue => {}
            LeavesItsWaker => {
                let waker = cx.waker().clone();
                *self.0.waker.lock().unwrap() = Some(waker);
            }
            Yields => {
                self.1 = GivesItsValue;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Waits => return Poll::Pending,
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

/// A batch, with its ticket queued; nobody owns the pages.
fn gather(
    world: &'static World,
    elements: &[First],
    waker: &Waker,
) -> (Arc<Notes>, Gathering<Value, Element>) {
    let notes = Arc::new(Notes::default());
    let futures = elements
        .iter()
        .map(|&first| Element(Arc::clone(&notes), first));
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

/// A batch of two is dropped while a worker and this thread work it off. `name` is the model's.
fn cancel_while_elements_begin(name: &str, elements: [First; 2]) {
    model(name, 3, move || {
        World::stage(move |world| {
            let (notes, gathering) = gather(world, &elements, Waker::noop());
            world.take_over();
            world.use_next_slot();
            let worker = worker(world);
            drop(gathering);
            work_off(world);
            worker.join().unwrap();
            work_off(world);
            assert_eq!(notes.futures.load(Any::Relaxed), 2);
            let made = notes.made.load(Any::Relaxed);
            assert_eq!(notes.values.load(Any::Relaxed), made);
        });
    });
}

#[test]
fn elements_begin_while_their_batch_is_cancelled() {
    cancel_while_elements_begin("begin against cancel", [Waits, Waits]);
}

#[test]
fn an_element_gets_the_cell_of_another_while_their_batch_is_cancelled() {
    cancel_while_elements_begin(
        "a cell's next element against cancel",
        [GivesItsValue, Waits],
    );
}

#[test]
fn the_last_element_wakes_the_gather() {
    model("last element against the gather", 2, || {
        World::stage(|world| {
            let first = Arc::new(Signal::default());
            let (notes, mut gathering) =
                gather(world, &[GivesItsValue, GivesItsValue], &first.waker());
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
fn the_last_element_wakes_the_gather_at_its_second_poll() {
    model("last second poll against the gather", 2, || {
        World::stage(|world| {
            let signal = Arc::new(Signal::default());
            let (notes, mut gathering) = gather(world, &[Yields, Yields], &signal.waker());
            let worker = worker(world);
            work_off(world);
            let values = signal
                .block_on(std::future::poll_fn(|cx| gathering.poll(cx)))
                .unwrap();
            values.iter().for_each(Value::touch);
            drop((values, gathering));
            worker.join().unwrap();
            work_off(world);
            assert_eq!(notes.values.load(Any::Relaxed), 2);
        });
    });
}

#[test]
fn the_last_of_a_range_is_taken_while_its_turn_ends() {
    model("the last element of a range against its turn", 3, || {
        World::stage(|world| {
            world.use_short_turns();
            let signal = Arc::new(Signal::default());
            let (notes, mut gathering) = gather(world, &[Yields, Yields], &signal.waker());
            let worker = worker(world);
            work_off(world);
            worker.join().unwrap();
            let result = gathering.poll(&Context::from_waker(Waker::noop()));
            assert!(
                matches!(result, Poll::Ready(Some(_))),
                "nothing is left to run"
            );
            drop((result, gathering));
            assert_eq!(notes.values.load(Any::Relaxed), 2);
        });
    });
}

#[test]
fn a_waker_outlives_its_element() {
    model("an element's waker against the next element", 2, || {
        World::stage(|world| {
            let (notes, gathering) = gather(world, &[LeavesItsWaker, Waits], Waker::noop());
            let worker = worker(world);
            work_off(world);
            drop(notes.take_waker());
            worker.join().unwrap();
            if let Some(waker) = notes.take_waker() {
                waker.wake();
            }
            drop(gathering);
            work_off(world);
            assert_eq!(notes.futures.load(Any::Relaxed), 2);
            assert_eq!(notes.values.load(Any::Relaxed), 1);
        });
    });
}

#[test]
fn the_gather_goes_while_the_last_element_ends() {
    model("last element against abandoning", 2, || {
        World::stage(|world| {
            let (notes, gathering) = gather(world, &[GivesItsValue, GivesItsValue], Waker::noop());
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
            let (notes, mut gathering) = gather(world, &[Waits, Waits], Waker::noop());
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

#[test]
fn a_waker_goes_while_its_element_ends() {
    model("a waker goes while its element ends", 3, || {
        World::stage(|world| {
            let (notes, mut gathering) =
                gather(world, &[LeavesItsWaker, GivesItsValue], Waker::noop());
            let other = {
                let notes = Arc::clone(&notes);
                thread::spawn(move || drop(notes.take_waker()))
            };
            world.take_over();
            work_off(world);
            other.join().unwrap();
            drop(notes.take_waker());
            let values = gathering.poll(&Context::from_waker(Waker::noop()));
            assert!(matches!(values, Poll::Ready(Some(values)) if values.len() == 2));
            drop(gathering);
            work_off(world);
        });
    });
}
