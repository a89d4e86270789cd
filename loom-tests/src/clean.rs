//! The end of a run that looks whether anything is left, by the same calls as in `scheduler/cache.rs`. See `engine`.

use heist::model::fence;
use loom::sync::atomic::Ordering;

use crate::engine::Engine;

impl Engine {
    /// From a thread at no worker, which has an Arc.
    pub fn use_foreign_set(&self) {
        let _gate = self.gate.lock().unwrap();
        self.foreign.with_mut(|_| ());
    }

    /// A handle, for another thread.
    pub fn hand_out(&self) {
        self.arcs.fetch_add(1, Ordering::Relaxed);
    }

    pub fn give_back(&self) {
        self.arcs.fetch_sub(1, Ordering::Release);
    }

    /// `cache::is_clean`. The second look leaves out the fence, which would hide what the claim orders.
    pub fn is_clean(&self) -> bool {
        let all = self.seats.len();
        if !self.is_deserted() || !self.idle.claim_all(all) {
            return false;
        }
        let none = self.closing.is_deserted() && self.has_no_cells_out();
        self.idle.give_all_back(all);
        none
    }

    fn is_deserted(&self) -> bool {
        let is_one = self.arcs.load(Ordering::Relaxed) == 1;
        fence(Ordering::Acquire);
        is_one && self.closing.is_deserted()
    }

    fn has_no_cells_out(&self) -> bool {
        (0..self.seats.len()).for_each(|worker| self.work_at(worker));
        self.foreign.with_mut(|_| ());
        self.cells_out.load(Ordering::Acquire) == 0
    }
}
