//! An occupant's stay at a worker, by the same calls in the same order as in `scheduler/occupant.rs`. See `engine`.

use std::sync::atomic::Ordering as Any;

use heist::model::Parker;
use loom::sync::atomic::Ordering;

use crate::engine::Engine;

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
    pub fn work(&self) {
        self.engine.work_at(self.worker);
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
            .or_else(|| self.engine.steal_local(self.worker))
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

    /// One that searched in vain looks at the poller, and has something to do then.
    pub fn look_once_more(&mut self) {
        self.stop_searching();
        if self.engine.driver.look(&mut Vec::new()) {
            self.engine.notify();
        }
    }

    /// For a model whose bit is set from the beginning: what comes before that.
    pub fn falls_asleep(&self) {
        self.engine.idle.put_out_of_use(self.worker);
    }

    pub fn sleep(
        &mut self,
        recalled: &dyn Fn() -> bool,
        wait: &dyn Fn(&'static Parker) -> Wait,
    ) -> bool {
        self.work();
        let searching = std::mem::take(&mut self.searching);
        let queued = self.engine.has_queued(self.worker);
        if !queued {
            self.engine.idle.put_out_of_use(self.worker);
        }
        self.engine.idle.sleep(self.worker, searching);
        if queued || self.engine.has_work_beside(self.worker) {
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
            if self.engine.is_closed() {
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
        } else if !self.engine.is_closed() && self.engine.driver.is_unattended() {
            self.engine.notify();
        }
        stays
    }

    fn called(&mut self) -> bool {
        self.parker.take_token();
        self.engine.tokens_taken.fetch_add(1, Any::Relaxed);
        self.searching = self.is_seated();
        if self.searching {
            self.engine.idle.put_to_use(self.worker);
        }
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
        self.engine.idle.put_to_use(self.worker);
        if as_searcher {
            self.engine.idle.start_searching();
            self.searching = true;
        }
        true
    }

    pub fn leave(&mut self) {
        self.work();
        let searching = std::mem::take(&mut self.searching);
        let queued = self.engine.has_queued(self.worker);
        if !queued {
            self.engine.idle.put_out_of_use(self.worker);
        }
        self.engine.vacate(self.worker);
        self.engine.idle.sleep(self.worker, searching);
        if self.engine.is_closed() {
            self.engine.decommission(self.worker);
            return;
        }
        let has_work = queued || self.engine.has_work_beside(self.worker);
        if has_work || self.engine.driver.is_unattended() {
            self.engine.notify();
        }
        self.engine.offer_to_guest();
    }

    /// What `turn` begins with. True: the engine closes, and the worker was left.
    pub fn heeds(&mut self) -> bool {
        let closes = self.engine.attention[self.worker].load(Ordering::Acquire);
        if closes {
            self.stop_searching();
            self.work();
            // What is dropped here may spawn, or wait for what ended.
            assert!(self.engine.is_closed(), "closed, as it was told");
            self.engine.idle.put_out_of_use(self.worker);
            self.engine.vacate(self.worker);
        }
        closes
    }
}

fn park(parker: &'static Parker) -> Wait {
    parker.park(None);
    Wait::Again
}
