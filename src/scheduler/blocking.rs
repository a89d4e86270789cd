//! Blocking calls: tasks of one poll that run on threads of their own.

use std::collections::VecDeque;
use std::mem;
use std::ptr::NonNull;
use std::sync::Arc;

use super::closing;
use super::context::{self, Place, Scope};
use super::engine::Engine;
use super::{monitor, threads};
use crate::queue::Entry;
use crate::sync::{AtomicBool, Mutex, Ordering};
use crate::task::{self, Header};
use crate::util::report::warning;

/// Calls that wait for a thread, and how many threads there are.
pub(crate) struct BlockingQueue {
    state: Mutex<State>,
    /// There was a call since the engine was last clean.
    is_used: AtomicBool,
    max: usize,
}

struct State {
    queue: VecDeque<Entry>,
    threads: usize,
    /// The last request was refused.
    refused: bool,
}

impl BlockingQueue {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                threads: 0,
                refused: false,
            }),
            is_used: AtomicBool::new(false),
            max,
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.state.lock().threads
    }

    pub(crate) fn take_queued(&self) -> Option<NonNull<Header>> {
        self.state.lock().queue.pop_front().map(|entry| entry.0)
    }

    /// Calls wait, and a thread was refused.
    pub(crate) fn is_starved(&self) -> bool {
        let state = self.state.lock();
        state.refused && !state.queue.is_empty()
    }

    /// Whether a call runs or waits. For whoever alone knows the engine, and comes after all that others did with it.
    pub(crate) fn is_busy(&self) -> bool {
        // Relaxed (both): see above.
        if !self.is_used.load(Ordering::Relaxed) {
            return false;
        }
        let state = self.state.lock();
        let is_busy = state.threads != 0 || !state.queue.is_empty();
        self.is_used.store(is_busy, Ordering::Relaxed);
        is_busy
    }

    /// The thread that was asked for does not come. Returns the calls that none is left to run.
    fn refuse(&self) -> VecDeque<Entry> {
        let mut state = self.state.lock();
        state.threads -= 1;
        state.refused = true;
        if state.threads == 0 {
            mem::take(&mut state.queue)
        } else {
            VecDeque::new()
        }
    }

    /// The next call. None: the thread that asked is done, and no longer counted.
    fn next(&self) -> Option<NonNull<Header>> {
        let mut state = self.state.lock();
        let next = state.queue.pop_front();
        if next.is_none() {
            state.threads -= 1;
        }
        next.map(|entry| entry.0)
    }
}

impl Engine {
    /// Queues a call, and gets a thread for it.
    pub(crate) fn push_blocking(&self, task: NonNull<Header>) {
        // Relaxed: read by who comes after this.
        self.blocking.is_used.store(true, Ordering::Relaxed);
        self.blocking.state.lock().queue.push_back(Entry(task));
        self.staff_blocking();
        // The closer's drain pairs with this look: it takes the lock after setting the flag.
        if self.is_closed() {
            while let Some(task) = self.blocking.take_queued() {
                closing::cancel(task);
            }
            self.closing.signal();
        }
    }

    /// Requests a thread for the calls that wait, unless there are enough.
    pub(crate) fn staff_blocking(&self) {
        {
            let mut state = self.blocking.state.lock();
            if state.threads >= self.blocking.max || state.queue.is_empty() {
                return;
            }
            state.threads += 1;
            state.refused = false;
        }
        let engine = self.arc();
        if !engine.arrive() {
            self.blocking.state.lock().threads -= 1;
            return;
        }
        if let Err(error) = threads::request(threads::Job::Block(self.arc())) {
            let stranded = self.blocking.refuse();
            for task in stranded {
                self.push_foreign(task.0);
            }
            monitor::arm(self);
            // Last, as a logger may block. Relaxed: said once per engine.
            if !self.complained.swap(true, Ordering::Relaxed) {
                warning!(
                    "no thread for a blocking call: {error}; a worker runs it if no other is left"
                );
            }
            engine.depart();
        }
    }
}

/// A thread's stay: runs calls until none waits.
pub(super) fn serve(engine: Arc<Engine>) {
    let scope = Scope::enter(engine, Place::Blocking);
    scope.engine().config.greet();
    while let Some(task) = scope.engine().blocking.next() {
        context::set_task(Some(task));
        let mark = context::mark();
        // SAFETY: the entry just taken is the right to this turn.
        unsafe { task::run(task) };
        context::set_task(None);
        context::resume(&mark);
        context::set_place(Place::Blocking);
    }
    scope.engine().config.say_farewell();
    scope.leave().depart();
}
