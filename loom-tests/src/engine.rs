//! The engine as far as workers are concerned, on the real `Idle` and `Parker`: the same few calls in the same order as in
//! `scheduler/engine.rs`, `caller.rs`, `closing.rs` and `ending.rs`, which stand on the system's threads and poller, and so cannot be modelled
//! themselves. Names are the same, so that the two can be read side by side.

use std::sync::Mutex as Notes;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};

use heist::model::{Chair, Driver, Guests, Idle, Parker, fence};
use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool as Flag, AtomicPtr, AtomicUsize, Ordering};

use crate::closing::Closing;
use crate::driving::{Poller, Sitter};
use crate::occupant::{Occupant, Wait};
use crate::queue::{Injector, Local};

/// What a model's entries can be: 1 to this.
const ENTRIES: usize = 3;

pub struct Engine {
    pub idle: Idle,
    pub injector: Injector,
    /// The queue of one worker.
    pub local: Local,
    /// Whose it is. At first that of a worker beside the others, who is always in a poll.
    pub(crate) owner: usize,
    /// Sharing is limited, and the owner of `local` is alone.
    pub(crate) is_limited: bool,
    pub poller: Poller,
    /// With two shards of timers, which stand for any number.
    pub driver: Driver<Sitter>,
    pub closing: Closing,
    /// Of tasks whose pages are not modelled.
    pub cells_out: AtomicUsize,
    /// The closing was finished. A note orders nothing.
    pub finished: Tally,
    pub(crate) seats: Vec<AtomicPtr<Parker>>,
    /// `CLOSE` in the worker's `attention`.
    pub(crate) attention: Vec<Flag>,
    refused: Vec<Flag>,
    /// A thread was requested for the worker.
    coming: Vec<Flag>,
    /// What belongs to whoever owns the worker: its queue, and its pages.
    benches: Vec<UnsafeCell<()>>,
    pub guests: Guests,
    /// The count of an Arc, with the orderings of the standard library's: loom's Arc reads it with stronger ones.
    pub(crate) arcs: AtomicUsize,
    /// What belongs to whoever holds the lock, or has the one Arc: a foreign set.
    pub(crate) gate: Mutex<()>,
    pub(crate) foreign: UnsafeCell<()>,
    /// What belongs to a task: its pusher writes it, and its runner. So it is not a join that shows who came first.
    tasks: Vec<UnsafeCell<usize>>,
    /// Vacant workers that a thread was requested for. Notes order nothing.
    pub requests: Notes<Vec<usize>>,
    tokens_given: Tally,
    pub(crate) tokens_taken: Tally,
}

impl Engine {
    /// With `total` workers, of which the first `asleep` have their bit set.
    pub fn new(total: usize, asleep: usize) -> Self {
        Self {
            idle: Idle::new(total, asleep),
            injector: Injector::default(),
            local: Local::default(),
            owner: total,
            is_limited: false,
            poller: Poller::default(),
            driver: Driver::new(2),
            closing: Closing::new(0),
            cells_out: AtomicUsize::new(0),
            finished: Tally::new(0),
            seats: (0..total)
                .map(|_| AtomicPtr::new(std::ptr::null_mut()))
                .collect(),
            attention: (0..total).map(|_| Flag::new(false)).collect(),
            refused: (0..total).map(|_| Flag::new(false)).collect(),
            coming: (0..total).map(|_| Flag::new(false)).collect(),
            guests: Guests::new(),
            arcs: AtomicUsize::new(1),
            gate: Mutex::new(()),
            foreign: UnsafeCell::new(()),
            benches: (0..total).map(|_| UnsafeCell::new(())).collect(),
            tasks: (0..=ENTRIES).map(|_| UnsafeCell::new(0)).collect(),
            requests: Notes::new(Vec::new()),
            tokens_given: Tally::new(0),
            tokens_taken: Tally::new(0),
        }
    }

    /// `local` is this worker's.
    #[must_use]
    pub fn owned_by(self, owner: usize) -> Self {
        Self { owner, ..self }
    }

    /// The same, and sharing is limited to more than a model has.
    #[must_use]
    pub fn alone(self, worker: usize) -> Self {
        let is_limited = true;
        Self { is_limited, ..self }.owned_by(worker)
    }

    /// Makes what `run` checks, before the push.
    pub fn make(&self, entry: usize) {
        // SAFETY: loom reports any other access that is not ordered.
        self.tasks[entry].with_mut(|made| unsafe { *made += 1 });
    }

    pub fn run(&self, entry: usize) {
        // SAFETY: as above.
        let before = self.tasks[entry].with_mut(|made| unsafe { std::mem::replace(&mut *made, 2) });
        assert_eq!(before, 1, "made once, not run yet");
    }

    /// From a thread at no worker.
    pub fn push_foreign(&self, entry: usize) {
        self.make(entry);
        self.injector.push(entry);
        if self.idle.wants_call_behind_rmw() {
            self.call();
        }
    }

    /// The owner of `local` sits down there.
    pub fn sit_at_local(&self) {
        self.idle.put_to_use(self.owner);
    }

    /// From the owner of `local`.
    pub fn push_local(&self, entry: usize) {
        self.make(entry);
        self.local.push(entry);
        if !self.is_limited {
            self.notify();
        }
    }

    pub fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.idle.in_use(0).any(|worker| self.is_shared(worker))
    }

    pub fn parker(&self, worker: usize) -> Option<&'static Parker> {
        // SAFETY: `seat` stores nothing but what the stage lends to all threads.
        unsafe { self.seats[worker].load(Ordering::Acquire).as_ref() }
    }

    pub fn seat(&self, worker: usize, parker: &'static Parker) -> Option<&'static Parker> {
        let before = self.parker(worker);
        self.idle.put_to_use(worker);
        self.seats[worker].store(std::ptr::from_ref(parker).cast_mut(), Ordering::Release);
        before
    }

    pub fn vacate(&self, worker: usize) {
        self.seats[worker].store(std::ptr::null_mut(), Ordering::Release);
    }

    /// Takes a sleeping worker out of service, and sends its occupant away.
    pub fn decommission(&self, worker: usize) {
        if self.idle.claim(worker) {
            self.work_at(worker);
            let evicted = self.parker(worker);
            self.vacate(worker);
            if let Some(parker) = evicted {
                self.unpark(parker);
            }
        }
    }

    /// What only the owner of a worker may do.
    pub fn work_at(&self, worker: usize) {
        self.benches[worker].with_mut(|_| ());
    }

    // ---- coming and going ----

    pub fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    /// As far as the workers are concerned.
    pub fn close(&self) {
        self.closing.close();
        for worker in 0..self.seats.len() {
            self.attention[worker].store(true, Ordering::Release);
            if self.idle.claim(worker) {
                self.work_at(worker);
                let evicted = self.parker(worker);
                self.vacate(worker);
                evicted
                    .into_iter()
                    .for_each(|parker| self.send_away(parker));
            }
        }
    }

    fn send_away(&self, evicted: &'static Parker) {
        self.tokens_given.fetch_add(1, Any::Relaxed);
        if evicted.dismiss(|| self.poller.notify()) {
            self.closing.depart();
        }
    }

    /// Drains and retires what belongs to workers that nobody can own any more.
    pub fn finish_closing(&self) {
        (0..self.seats.len()).for_each(|worker| self.work_at(worker));
        self.finished.fetch_add(1, Any::Relaxed);
    }

    pub fn finish_if_abandoned(&self) {
        if self.closing.takes_the_end() {
            self.finish_closing();
        }
    }

    pub fn arrive(&self) -> bool {
        let arrived = self.closing.arrive();
        if !arrived {
            self.finish_if_abandoned();
        }
        arrived
    }

    pub fn depart(&self) {
        self.closing.depart();
        self.finish_if_abandoned();
    }

    /// The calls of `Caller::take_seat`. Which workers have pool threads is up to the model.
    pub fn take_seat(&self, parker: &'static Parker) -> Option<Occupant<'_>> {
        if !self.arrive() {
            return None;
        }
        let Some(worker) = self.claim_seat() else {
            self.depart();
            return None;
        };
        Some(Occupant::sit(self, worker, parker))
    }

    fn claim_seat(&self) -> Option<usize> {
        let asleep = self.idle.claim_any(|worker| worker < self.seats.len());
        asleep.or_else(|| (0..self.seats.len()).find(|&worker| self.take_refused(worker)))
    }

    // ---- threads that are refused ----

    /// `staff`, where the system has no thread.
    pub fn staff_refused(&self, worker: usize) {
        if !self.arrive() {
            self.idle.stop_searching();
            return;
        }
        self.stop_searching();
        self.set_refused(worker);
        fence(Ordering::SeqCst);
        self.offer_to_guest();
        self.depart();
    }

    pub fn offer_to_guest(&self) {
        if let Some(guest) = self.guests.first() {
            guest.kick(|| self.poller.notify());
        }
    }

    /// `staff`, where the system has one.
    pub fn request(&self, worker: usize) {
        self.coming[worker].store(true, Ordering::Release);
    }

    /// `seat`, by the thread that was requested.
    pub fn come(&self, worker: usize, parker: &'static Parker) {
        assert!(self.seat(worker, parker).is_none());
        self.coming[worker].store(false, Ordering::Release);
    }

    pub fn is_free_spare(&self, worker: usize) -> bool {
        !self.coming[worker].load(Ordering::Acquire) && self.parker(worker).is_none()
    }

    pub fn set_refused(&self, worker: usize) {
        self.refused[worker].store(true, Ordering::Release);
    }

    pub fn take_refused(&self, worker: usize) -> bool {
        let flag = &self.refused[worker];
        flag.load(Ordering::Relaxed) && flag.swap(false, Ordering::AcqRel)
    }

    // ---- waking ----

    pub fn notify(&self) {
        if self.idle.wants_call() {
            self.call();
        }
    }

    fn call(&self) {
        let sleepiness = |worker| self.sleepiness(worker);
        if let Some(worker) = self.idle.call(sleepiness, || self.has_work()) {
            self.rouse(worker);
        }
    }

    fn sleepiness(&self, worker: usize) -> u8 {
        match self.parker(worker) {
            Some(parker) if !parker.is_driving() => 0,
            Some(_) => 1,
            None => 2,
        }
    }

    pub fn rouse(&self, worker: usize) {
        match self.parker(worker) {
            Some(parker) => self.unpark(parker),
            None => self.staff(worker),
        }
    }

    /// The request is noted: the model has the threads.
    fn staff(&self, worker: usize) {
        if self.arrive() {
            self.requests.lock().unwrap().push(worker);
        } else {
            self.idle.stop_searching();
        }
    }

    pub(crate) fn unpark(&self, parker: &'static Parker) {
        self.tokens_given.fetch_add(1, Any::Relaxed);
        parker.unpark(|| self.poller.notify());
    }

    /// Sleeps in the driver's seat, if it is free, or beside it.
    pub fn drive(&self, me: &'static Chair<Sitter>) -> Wait {
        let mut woken = Vec::new();
        match self.driver.sleep(me, &mut woken) {
            Some(true) => self.notify(),
            Some(false) => {}
            None => me.0.parker.park(None),
        }
        if me.0.has_driven() {
            Wait::Event
        } else {
            Wait::Again
        }
    }

    pub fn stop_searching(&self) {
        if self.idle.stop_searching() && self.has_work() {
            self.notify();
        }
    }

    /// The end of an execution: nobody searches, and no token is left over or was made up.
    pub fn assert_quiet(&self) {
        assert_eq!(self.idle.searchers(), 0, "searchers");
        let given = self.tokens_given.load(Any::Relaxed);
        assert_eq!(given, self.tokens_taken.load(Any::Relaxed), "tokens");
    }
}
