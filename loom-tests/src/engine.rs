//! The engine and its occupants as far as sleep and wake go, on the real `Idle` and `Parker`: the same few calls in the same order
//! as in `scheduler/engine.rs`, `occupant.rs` and `caller.rs`, which stand on the system's threads and poller, and so cannot be modelled
//! themselves. Names are the same, so that the two can be read side by side.

use std::sync::Mutex as Notes;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};

use heist::model::{Chair, Driver, Idle, Parker};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool as Flag, AtomicPtr, Ordering, fence};

use crate::driving::{Poller, Sitter};
use crate::queue::{Injector, Local};

/// What a model's entries can be: 1 to this.
const ENTRIES: usize = 3;

pub struct Engine {
    pub idle: Idle,
    pub injector: Injector,
    /// The queue of some busy worker.
    pub local: Local,
    pub poller: Poller,
    pub driver: Driver<Sitter>,
    closed: Flag,
    seats: Vec<AtomicPtr<Parker>>,
    /// What belongs to whoever occupies the worker.
    benches: Vec<UnsafeCell<()>>,
    /// What belongs to a task: its pusher writes it, and its runner. So it is not a join that shows who came first.
    tasks: Vec<UnsafeCell<usize>>,
    /// Vacant workers that a thread was requested for. Notes order nothing.
    pub requests: Notes<Vec<usize>>,
    tokens_given: Tally,
    tokens_taken: Tally,
}

impl Engine {
    /// With `total` workers, of which the first `asleep` have their bit set.
    pub fn new(total: usize, asleep: usize) -> Self {
        Self {
            idle: Idle::new(total, asleep),
            injector: Injector::default(),
            local: Local::default(),
            poller: Poller::default(),
            driver: Driver::default(),
            closed: Flag::new(false),
            seats: (0..total)
                .map(|_| AtomicPtr::new(std::ptr::null_mut()))
                .collect(),
            benches: (0..total).map(|_| UnsafeCell::new(())).collect(),
            tasks: (0..=ENTRIES).map(|_| UnsafeCell::new(0)).collect(),
            requests: Notes::new(Vec::new()),
            tokens_given: Tally::new(0),
            tokens_taken: Tally::new(0),
        }
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
        self.notify();
    }

    /// From the owner of `local`.
    pub fn push_local(&self, entry: usize) {
        self.make(entry);
        self.local.push(entry);
        self.notify();
    }

    pub fn has_work(&self) -> bool {
        !self.injector.is_empty() || !self.local.is_empty()
    }

    pub fn parker(&self, worker: usize) -> Option<&'static Parker> {
        // SAFETY: `seat` stores nothing but what the stage lends to all threads.
        unsafe { self.seats[worker].load(Ordering::Acquire).as_ref() }
    }

    pub fn seat(&self, worker: usize, parker: &'static Parker) -> Option<&'static Parker> {
        let before = self.parker(worker);
        self.seats[worker].store(std::ptr::from_ref(parker).cast_mut(), Ordering::Release);
        before
    }

    pub fn vacate(&self, worker: usize) {
        self.seats[worker].store(std::ptr::null_mut(), Ordering::Release);
    }

    /// What a closer, or the monitor with a spare, does after it has cleared the bit.
    pub fn send_away(&self, worker: usize) {
        let evicted = self.parker(worker);
        self.vacate(worker);
        if let Some(parker) = evicted {
            self.unpark(parker);
        }
    }

    /// As far as the workers are concerned.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        for worker in 0..self.seats.len() {
            if self.idle.claim(worker) {
                self.send_away(worker);
            }
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn notify(&self) {
        if let Some(worker) = self.idle.call(|_| 0, || self.has_work()) {
            self.rouse(worker);
        }
    }

    pub fn rouse(&self, worker: usize) {
        match self.parker(worker) {
            Some(parker) => self.unpark(parker),
            None => self.requests.lock().unwrap().push(worker),
        }
    }

    fn unpark(&self, parker: &'static Parker) {
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

/// How a wait ended, where it was not by the parker.
pub enum Wait {
    Again,
    Event,
    TimeOver,
}

pub struct Occupant<'e> {
    engine: &'e Engine,
    worker: usize,
    parker: &'static Parker,
    pub searching: bool,
}

impl<'e> Occupant<'e> {
    pub fn sit(engine: &'e Engine, worker: usize, parker: &'static Parker) -> Self {
        if let Some(evicted) = engine.seat(worker, parker) {
            engine.unpark(evicted);
        }
        let this = Self::seated(engine, worker, parker);
        this.work();
        this
    }

    /// One that sat down before the model begins.
    pub fn seated(engine: &'e Engine, worker: usize, parker: &'static Parker) -> Self {
        Self {
            engine,
            worker,
            parker,
            searching: false,
        }
    }

    fn is_seated(&self) -> bool {
        self.engine
            .parker(self.worker)
            .is_some_and(|seated| std::ptr::eq(seated, self.parker))
    }

    /// What only the occupant may do.
    fn work(&self) {
        self.engine.benches[self.worker].with_mut(|_| ());
    }

    /// False: dry.
    pub fn turn(&mut self) -> bool {
        self.work();
        if !self.searching {
            self.searching = true;
            self.engine.idle.start_searching();
        }
        let Some(entry) = self
            .engine
            .injector
            .steal()
            .or_else(|| self.engine.local.steal())
        else {
            return false;
        };
        self.stop_searching();
        self.engine.run(entry);
        true
    }

    pub fn stop_searching(&mut self) {
        if std::mem::take(&mut self.searching) {
            self.engine.stop_searching();
        }
    }

    /// Runs so many entries, and parks in between.
    pub fn serve(&mut self, entries: usize) {
        for _ in 0..entries {
            while !self.turn() {
                assert!(self.sleep(&|| false, &park));
            }
        }
    }

    pub fn sleep(
        &mut self,
        recalled: &dyn Fn() -> bool,
        wait: &dyn Fn(&'static Parker) -> Wait,
    ) -> bool {
        self.work();
        let searching = std::mem::take(&mut self.searching);
        self.engine.idle.sleep(self.worker, searching);
        if self.engine.has_work() {
            self.engine.notify();
        }
        self.slumber(recalled, wait)
    }

    /// The loop of `sleep`. With a bit that the model has set, where it begins.
    pub fn slumber(
        &mut self,
        recalled: &dyn Fn() -> bool,
        wait: &dyn Fn(&'static Parker) -> Wait,
    ) -> bool {
        let stays = loop {
            if self.parker.has_token() {
                break self.called();
            }
            self.parker.take_kick();
            if recalled() {
                break self.take_back(false);
            }
            match wait(self.parker) {
                Wait::Again => {}
                Wait::Event => break self.take_back(true),
                Wait::TimeOver => {
                    let stays = self.take_back(false);
                    if stays && !self.searching {
                        self.leave();
                        break false;
                    }
                    break stays;
                }
            }
        };
        if stays {
            self.work();
        } else {
            // Pairs with the fence in `Driver::added`: the seat that was left is seen free, or what was added is seen here.
            fence(Ordering::SeqCst);
            if self.engine.driver.is_unattended() {
                self.engine.notify();
            }
        }
        stays
    }

    fn called(&mut self) -> bool {
        self.parker.take_token();
        self.engine.tokens_taken.fetch_add(1, Any::Relaxed);
        self.searching = self.is_seated();
        self.searching
    }

    fn take_back(&mut self, as_searcher: bool) -> bool {
        if !self.engine.idle.claim(self.worker) {
            return self.called();
        }
        if !self.is_seated() {
            self.engine.idle.start_searching();
            self.engine.rouse(self.worker);
            return self.called();
        }
        if as_searcher {
            self.engine.idle.start_searching();
            self.searching = true;
        }
        true
    }

    pub fn leave(&mut self) {
        self.work();
        let searching = std::mem::take(&mut self.searching);
        self.engine.vacate(self.worker);
        self.engine.idle.sleep(self.worker, searching);
        if self.engine.has_work() || self.engine.driver.is_unattended() {
            self.engine.notify();
        }
    }
}

fn park(parker: &'static Parker) -> Wait {
    parker.park(None);
    Wait::Again
}
