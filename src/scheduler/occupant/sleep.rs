//! How an occupant sleeps, is called, and leaves. The protocol is in the README of the scheduler.

use std::time::{Duration, Instant};

use super::Occupant;
use crate::driver::Handover;
use crate::scheduler::closing;
use crate::scheduler::context;
use crate::scheduler::engine::Engine;
use crate::scheduler::monitor;
use crate::scheduler::worker::Worker;
use crate::sync::{Ordering, fence};

/// A sleep that was over sooner was none: what it waited for was there already.
const BRIEF: Duration = Duration::from_micros(5);

impl Occupant<'_> {
    /// Sleeps until there is something to do. False: the worker is no longer this thread's. `recalled` says whether the root on
    /// this thread was woken.
    pub(crate) fn sleep(&mut self, recalled: &dyn Fn() -> bool) -> bool {
        if self.engine.is_dispensable(self.worker) {
            self.leave();
            return false;
        }
        if self.naps(recalled) {
            return true;
        }
        if self.brief && self.look_once_more() {
            return true;
        }
        let index = self.worker.index;
        self.worker.stats.parks.add(1);
        let began = Instant::now();
        let in_vain = u64::from(self.was_called_in_vain() || self.is_disturbed(began));
        self.worker.stats.parks_in_vain.add(in_vain);
        self.timed = None;
        self.worker.stats.falls_asleep();
        context::set_worker(None);
        // SAFETY: this thread still occupies the worker.
        if unsafe { self.worker.pages.has_surplus(|| began) } {
            // That takes its time, in which nobody should rely on a searcher.
            self.end_search();
            // SAFETY: as above.
            unsafe { self.worker.pages.trim() };
        }
        let searching = std::mem::take(&mut self.searching);
        // SAFETY: as above.
        let queued = unsafe { self.worker.local.len() } > 0;
        if !queued {
            self.engine.idle.put_out_of_use(index);
        }
        // From here on the worker belongs to whoever clears its bit.
        self.engine.idle.sleep(index, searching);
        if queued || self.engine.has_work_beside(self.worker) {
            self.engine.notify();
        }
        let stays = loop {
            if self.parker.has_token() {
                break self.called();
            }
            self.parker.take_kick();
            if recalled() {
                break self.take_back(false);
            }
            if self.engine.is_closed() {
                // The closer may have passed by before the bit was set.
                break self.take_back(false);
            }
            if let Some(stays) = self.wait(began) {
                break stays;
            }
        };
        if stays {
            self.worker.stats.wakeups.add(1);
            self.worker.stats.wakes();
            self.brief = began.elapsed() < BRIEF;
            context::set_worker(Some(self.worker));
            monitor::arm(self.engine);
            if !self.searching {
                self.hands_the_seat_over();
            }
        }
        // After an eviction these go to the injector.
        self.wake_all();
        // If it was this thread who sat in the driver's seat, there was a fence after it got up (`Driver::sleep`).
        if !stays && !self.engine.is_closed() && self.engine.driver.is_unattended() {
            self.engine.notify();
        }
        stays
    }

    /// Looks at the poller instead of sleeping, where the last sleep was none: all that sleeping takes is more than the system call. Whether
    /// there may be something to run. If nobody was woken, the next look is put off until another sleep was brief.
    fn look_once_more(&mut self) -> bool {
        // Nobody would be called while this is a searcher, neither for the seat nor for the tasks that are woken.
        self.end_search();
        self.brief = self.look();
        // A logger that had something to report may have queued a task as well.
        // SAFETY: this thread occupies the worker.
        let queued = unsafe { self.worker.local.len() } > 0;
        self.brief || queued || !self.worker.next.is_empty()
    }

    /// Waits once, in the driver's seat or beside it. None: look again.
    fn wait(&mut self, began: Instant) -> Option<bool> {
        if !self.engine.driver.has_duties() || self.engine.leaves_driving() {
            return self.park(began);
        }
        let nap = self.naps_beside_the_seat();
        let driver = &self.engine.driver;
        if let Some(is_attended) = nap
            && (is_attended || self.parker.is_posted() || !driver.is_unattended())
        {
            return None;
        }
        // After a nap it only looks.
        let has_napped = nap.is_some();
        let until = has_napped.then(Instant::now);
        let events = driver.events();
        match driver.sleep(self.parker, until, &mut self.woken) {
            Some(Handover::Wanted) => self.engine.notify(),
            Some(Handover::NotNeeded) => {}
            None if has_napped => return None,
            None => return self.park(began),
        }
        if !has_napped {
            self.has_sat(driver.events() != events);
        }
        if self.woken.is_empty() {
            return None;
        }
        let stays = self.take_back(true);
        self.is_wanted();
        Some(stays)
    }

    /// Parks beside the seat. A pool thread that nobody wants for long leaves.
    fn park(&mut self, began: Instant) -> Option<bool> {
        if !self.worker.is_by_pool() {
            self.parker.park(None);
            return None;
        }
        let keep_alive = self.engine.config.keep_alive;
        self.parker
            .rest(Some(keep_alive.saturating_sub(began.elapsed())));
        if began.elapsed() < keep_alive || self.parker.has_token() {
            return None;
        }
        let stays = self.take_back(false);
        if stays && !self.searching {
            // Nobody called at the last moment.
            self.leave();
            return Some(false);
        }
        Some(stays)
    }

    /// The token is there, or on its way: somebody cleared the bit, either a waker, who counted us as a searcher, or
    /// somebody who took the worker.
    fn called(&mut self) -> bool {
        self.parker.take_token();
        self.searching = self.is_seated();
        if self.searching {
            self.engine.idle.put_to_use(self.worker.index);
        }
        self.gets_up();
        self.searching
    }

    /// Clears the own bit, unless somebody was faster.
    fn take_back(&mut self, as_searcher: bool) -> bool {
        let index = self.worker.index;
        if !self.engine.idle.claim(index) {
            return self.called();
        }
        if !self.is_seated() {
            // The worker was taken, and its new occupant sleeps already: that was its bit. An ordinary wake for it.
            self.engine.idle.start_searching();
            self.engine.rouse(index);
            return self.called();
        }
        self.engine.idle.put_to_use(index);
        if as_searcher {
            self.engine.idle.start_searching();
            self.searching = true;
        }
        true
    }

    /// A searcher leaves the search before it polls anything, also where it found nothing but its root.
    pub(crate) fn end_search(&mut self) {
        if std::mem::take(&mut self.searching) {
            self.engine.stop_searching();
            self.hands_the_seat_over();
        }
    }

    /// Gives the worker up for good.
    pub(crate) fn leave(&mut self) {
        let searching = std::mem::take(&mut self.searching);
        self.engine.leave(self.worker, searching);
    }

    /// Leaves a worker of a closed engine: what is queued is the closer's.
    pub(super) fn step_out(&mut self) {
        self.end_search();
        // What is queued here may be what a blocking call waits for.
        // SAFETY: this thread occupies the worker.
        while let Some(task) = unsafe { self.worker.drain() } {
            closing::cancel(task);
        }
        self.engine.idle.put_out_of_use(self.worker.index);
        self.worker.vacate();
        self.worker.stats.falls_asleep();
        context::set_worker(None);
    }
}

impl Engine {
    /// The occupant of `worker`, who is awake, leaves it for good: to whoever clears its bit. Nothing queued there is stranded.
    pub(crate) fn leave(&self, worker: &Worker, searching: bool) {
        // SAFETY: the caller is the occupant.
        unsafe { worker.flush_next() };
        if worker.is_in_poll() {
            worker.turns.add(1); // In the middle of a poll, which goes on without the worker.
        }
        worker.stats.falls_asleep();
        context::set_worker(None);
        // SAFETY: as above.
        let queued = unsafe { worker.local.len() } > 0;
        // That of a caller stays in use: the next run is likely to begin there.
        if !queued && worker.is_by_pool() {
            self.idle.put_out_of_use(worker.index);
        }
        worker.vacate();
        if worker.index < self.regular() {
            self.idle.sleep(worker.index, searching);
        } else if searching {
            // A vacant spare has no bit: only the monitor fills it.
            self.idle.stop_searching();
        } else {
            // As in `Idle::sleep`: the look below comes after the queue was left.
            fence(Ordering::SeqCst);
        }
        if self.is_closed() {
            // The closer may have passed by before the bit was set.
            self.decommission(worker);
            return;
        }
        if queued || self.has_work_beside(worker) || self.driver.is_unattended() {
            self.notify();
        }
        self.offer_to_guest();
    }

    /// A spare that found nothing to do while a regular worker could take over.
    fn is_dispensable(&self, worker: &Worker) -> bool {
        worker.index >= self.regular()
            && self.workers[..self.regular()]
                .iter()
                .any(|regular| !regular.is_stuck())
    }
}
