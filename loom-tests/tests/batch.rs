//! Who takes which element of a batch: claim against split against the end of a turn against the pop of an entry.
//!
//! Asserted: every element once; no element left without an entry in a queue, whoever is held up by an element; a range is freed
//! once, after all that others did with it; the shelf is one runner's at a time.
//!
//! Mutants that must die: `drop-entry-relaxed`, `leave-relaxed`, `leave-in-two-steps`, `leave-without-entry`, `helper-keeps-entry`, `claim-by-load-and-store`,
//! `split-by-store`, `arrive-by-load-and-store`, `arrive-relaxed`.
#![cfg(heist_loom)]

use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};

use heist::model::{Arrival, Leave, Range};
use heist_loom_tests::model;
use loom::cell::UnsafeCell;
use loom::sync::{Arc, Mutex};
use loom::thread;

/// A range, and something that is read by whoever uses it and written by who frees it.
struct Ticket {
    range: Range,
    memory: UnsafeCell<()>,
    /// The runner's.
    shelf: UnsafeCell<()>,
}

struct Batch {
    queue: Mutex<Vec<Arc<Ticket>>>,
    /// How often each element was begun.
    begun: Vec<Tally>,
    ranges: Tally,
    freed: Tally,
}

impl Batch {
    fn new(elements: u32) -> Arc<Self> {
        let batch = Arc::new(Self {
            queue: Mutex::new(Vec::new()),
            begun: (0..elements).map(|_| Tally::new(0)).collect(),
            ranges: Tally::new(0),
            freed: Tally::new(0),
        });
        let first = batch.ticket(Range::new(0, elements));
        batch.push(first);
        batch
    }

    fn ticket(&self, range: Range) -> Arc<Ticket> {
        self.ranges.fetch_add(1, Any::Relaxed);
        Arc::new(Ticket {
            range,
            memory: UnsafeCell::new(()),
            shelf: UnsafeCell::new(()),
        })
    }

    fn push(&self, ticket: Arc<Ticket>) {
        self.queue.lock().unwrap().push(ticket);
    }

    fn pop(&self) -> Option<Arc<Ticket>> {
        self.queue.lock().unwrap().pop()
    }

    fn begin(&self, element: u32) {
        self.begun[element as usize].fetch_add(1, Any::Relaxed);
    }

    fn free(&self, ticket: &Ticket) {
        ticket.memory.with_mut(|_| ());
        self.freed.fetch_add(1, Any::Relaxed);
    }

    /// The turn of an entry, of at most `most` elements. Held up: never comes back from its first element.
    fn run(&self, ticket: Arc<Ticket>, most: u32, held_up: bool) {
        ticket.memory.with(|_| ());
        if ticket.range.arrive() == Arrival::Runner {
            return self.work(ticket, most, held_up);
        }
        let half = ticket.range.split();
        let half = half.map(|(lo, hi)| self.ticket(Range::in_turn(lo, hi)));
        if !ticket.range.is_empty() {
            self.push(ticket);
        } else if ticket.range.drop_entry() {
            self.free(&ticket);
        }
        if let Some(half) = half {
            self.work(half, most, held_up);
        }
    }

    fn work(&self, ticket: Arc<Ticket>, most: u32, held_up: bool) {
        let range = &ticket.range;
        if range.len() > 1 {
            self.push(ticket.clone());
        } else {
            assert!(!range.drop_entry());
        }
        for _ in 0..most {
            let Some(element) = range.claim() else { break };
            ticket.shelf.with_mut(|_| ());
            self.begin(element);
            if held_up {
                return;
            }
        }
        ticket.memory.with(|_| ());
        match range.leave() {
            Leave::Push => self.push(ticket),
            Leave::Done => {}
            Leave::Free => self.free(&ticket),
        }
    }

    fn work_off(&self, most: u32) {
        while let Some(ticket) = self.pop() {
            self.run(ticket, most, false);
        }
    }

    fn assert_each_once(&self) {
        for begun in &self.begun {
            assert_eq!(begun.load(Any::Relaxed), 1);
        }
    }
}

fn shared_out(name: &str, elements: u32, most: u32) {
    model(name, 3, move || {
        let batch = Batch::new(elements);
        let other = batch.clone();
        let helper = thread::spawn(move || other.work_off(most));
        batch.work_off(most);
        helper.join().unwrap();
        batch.assert_each_once();
        assert_eq!(
            batch.ranges.load(Any::Relaxed),
            batch.freed.load(Any::Relaxed)
        );
    });
}

#[test]
fn turns_of_one_element_against_a_helper() {
    shared_out("turns of one element", 3, 1);
}

#[test]
fn turns_of_everything_against_a_helper() {
    shared_out("turns of everything", 3, 4);
}

#[test]
fn an_element_that_holds_its_thread_up_holds_up_nothing_else() {
    model("an element that holds up", 3, || {
        let batch = Batch::new(4);
        let other = batch.clone();
        let held_up = thread::spawn(move || {
            if let Some(ticket) = other.pop() {
                other.run(ticket, 4, true);
            }
        });
        batch.work_off(1);
        held_up.join().unwrap();
        batch.work_off(1);
        batch.assert_each_once();
    });
}
