//! How tasks are queued, and a thread is called for them.

use std::ptr::NonNull;
use std::sync::Arc;

use super::engine::Engine;
use super::worker::Worker;
use super::{context, monitor, threads};
use crate::sync::{Ordering, fence};
use crate::task::Header;
use crate::util::report::warning;

impl Engine {
    /// Queues a task from a thread that sits at no worker.
    pub(crate) fn push_foreign(&self, task: NonNull<Header>) {
        self.injector.push(task);
        if self.idle.wants_call_behind_rmw() {
            self.call();
        }
        monitor::arm(self);
        // The fence behind the push pairs with the closer's: it sees our push, or we see that it closed.
        if self.is_closed() {
            self.drain_injector();
        }
    }

    /// Queues a task on the caller's worker, to run next.
    ///
    /// # Safety
    /// The caller occupies `worker`.
    #[inline]
    pub(crate) unsafe fn push_next(&self, worker: &Worker, task: NonNull<Header>) {
        if let Some(displaced) = worker.next.replace(task) {
            // SAFETY: as the caller promises.
            unsafe { worker.local.push(displaced) };
            // SAFETY: as above.
            unsafe { self.notify_of(worker) };
        }
        // Last, as a logger may block, and this thread lose its worker.
        if context::needs_arming() {
            monitor::arm(self);
        }
    }

    /// Queues a task that lets others go first.
    ///
    /// # Safety
    /// The caller occupies `worker`.
    #[inline]
    pub(crate) unsafe fn push_yielded(&self, worker: &Worker, task: NonNull<Header>) {
        // One task that goes on here needs nobody; a backlog does.
        // SAFETY: as the caller promises.
        if unsafe { worker.local.push_yielded(task, !worker.next.is_empty()) } {
            // SAFETY: as above.
            unsafe { self.notify_of(worker) };
        }
    }

    /// Queues a joiner, behind the neighbours of the completed task and what that left in the next slot.
    ///
    /// # Safety
    /// The caller occupies `worker`.
    #[inline]
    pub(crate) unsafe fn push_joiner(&self, worker: &Worker, task: NonNull<Header>) {
        // SAFETY: as the caller promises.
        unsafe { worker.local.push_behind_taken(task) };
        // SAFETY: as above.
        if unsafe { worker.local.len() } >= 2 || !worker.next.is_empty() {
            // SAFETY: as above.
            unsafe { self.notify_of(worker) };
        }
    }

    /// Queues an entry that stands for so many tasks: wakes a worker also if it is the only one.
    ///
    /// # Safety
    /// The caller occupies `worker`.
    #[inline]
    pub(crate) unsafe fn push_range(&self, worker: &Worker, entry: NonNull<Header>, tasks: usize) {
        // SAFETY: as the caller promises.
        unsafe { worker.local.push_range(entry) };
        self.sharing.suspend_for(tasks);
        // SAFETY: as above.
        unsafe { self.notify_of(worker) };
    }

    /// After a push: wakes a worker if one sleeps and none searches.
    #[inline]
    pub(crate) fn notify(&self) {
        if self.idle.wants_call() {
            self.call();
        }
    }

    /// After a push into the queue of a worker, by its occupant, who may be left to do it alone.
    ///
    /// # Safety
    /// The caller occupies `worker`.
    #[inline]
    pub(super) unsafe fn notify_of(&self, worker: &Worker) {
        // SAFETY: as the caller promises.
        if self.idle.wants_call() && unsafe { self.wants_company(worker) } {
            self.call();
        }
    }

    #[cold]
    fn call(&self) {
        let rank = |worker| self.sleepiness(worker);
        if let Some(worker) = self.idle.call(rank, || self.has_work()) {
            self.rouse(worker);
        }
    }

    /// Whom to wake first: a parked thread, then the one in the poller, then a vacant worker.
    fn sleepiness(&self, worker: usize) -> u8 {
        match self.workers[worker].parker() {
            Some(parker) if !parker.is_driving() => 0,
            Some(_) => 1,
            None => 2,
        }
    }

    /// Gets a worker going whose bit the caller has cleared, and that counts as a searcher already.
    #[cold]
    pub(crate) fn rouse(&self, worker: usize) {
        match self.workers[worker].parker() {
            Some(parker) => parker.unpark(|| self.driver.interrupt()),
            None => self.staff(worker),
        }
    }

    /// Requests a thread for a vacant worker that the caller owns, and that counts as a searcher already.
    pub(crate) fn staff(&self, worker: usize) {
        let engine = self.arc();
        if !engine.arrive() {
            self.idle.stop_searching();
            return;
        }
        let seat = &self.workers[worker];
        seat.set_coming(true);
        let Err(error) = threads::request(threads::Job::Serve(self.arc(), worker)) else {
            return;
        };
        seat.set_coming(false);
        self.stop_searching();
        // From here on it is the monitor's, or a caller's.
        seat.set_refused();
        // Pairs with the fence in `Closing::arrive`: see `Guests::add`.
        fence(Ordering::SeqCst);
        self.offer_to_guest();
        monitor::arm(self);
        // Last, as a logger may block. Relaxed: said once per engine.
        if !self.complained.swap(true, Ordering::Relaxed) {
            warning!("no thread for worker {worker}: {error}; trying again until there is one");
        }
        engine.depart();
    }

    /// Takes the threads back that were requested and have not come yet. For the end of a run, which looks at the queues afterwards.
    pub(crate) fn recall_threads(self: &Arc<Self>) {
        while let Some(worker) = threads::recall(self) {
            self.workers[worker].set_coming(false);
            // Vacant again, and one searcher less.
            if worker < self.regular() {
                self.idle.sleep(worker, true);
            } else {
                // A vacant spare has no bit.
                self.idle.stop_searching();
            }
            self.depart();
        }
    }

    /// The caller counts as a searcher and is none any more: hands over to another if it was the last and work is left.
    pub(crate) fn stop_searching(&self) {
        if self.idle.stop_searching() && self.has_work() {
            self.notify();
        }
    }
}
