//! `scheduler::closing::Closing` and the end of a runtime as far as threads come and go: the same few calls in the same order as in
//! `scheduler/closing.rs` and `ending.rs`, which stand on the engine. Names are the same, so that the two can be read side by side.

use heist::model::fence;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};

pub struct Closing {
    closed: AtomicBool,
    present: AtomicUsize,
    events: Mutex<u64>,
    changed: Condvar,
    abandoned: AtomicBool,
}

impl Closing {
    /// With so many threads at work.
    pub fn new(present: usize) -> Self {
        Self {
            closed: AtomicBool::new(false),
            present: AtomicUsize::new(present),
            events: Mutex::new(0),
            changed: Condvar::new(),
            abandoned: AtomicBool::new(false),
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// What `Engine::close` begins with.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    pub fn arrive(&self) -> bool {
        self.present.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if self.is_closed() {
            self.depart();
            return false;
        }
        true
    }

    pub fn depart(&self) {
        self.present.fetch_sub(1, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.is_closed() {
            self.signal();
        }
    }

    pub fn is_deserted(&self) -> bool {
        self.present.load(Ordering::Acquire) == 0
    }

    pub fn signal(&self) {
        *self.events.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    pub fn events(&self) -> u64 {
        *self.events.lock().unwrap()
    }

    pub fn wait_past(&self, seen: u64) {
        let mut events = self.events.lock().unwrap();
        while *events == seen {
            events = self.changed.wait(events).unwrap();
        }
    }

    pub fn wait_until_deserted(&self) {
        loop {
            let seen = self.events();
            if self.is_deserted() {
                return;
            }
            self.wait_past(seen);
        }
    }

    /// The end of `Engine::shut_down` by a closer that does not wait: the time is over at its first look. True: it finishes.
    pub fn give_up(&self) -> bool {
        if self.is_deserted() {
            return true;
        }
        self.abandoned.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        self.takes_the_end()
    }

    /// The condition of `Engine::finish_if_abandoned`.
    pub fn takes_the_end(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
            && self.is_deserted()
            && self.abandoned.swap(false, Ordering::AcqRel)
    }
}
