//! A limit to sharing, by the same calls as in `scheduler/sharing.rs`. See `engine`.

use crate::engine::Engine;

impl Engine {
    pub fn has_work_beside(&self, worker: usize) -> bool {
        let mut others = self.idle.in_use(0).filter(|other| *other != worker);
        !self.injector.is_empty() || others.any(|other| self.is_shared(other))
    }

    /// In the real one more than enough company has to be awake, too: its worker is enough here.
    pub(crate) fn is_shared(&self, worker: usize) -> bool {
        worker == self.owner
            && !self.local.is_empty()
            && !(self.is_limited && self.is_awake(worker))
    }

    fn is_awake(&self, worker: usize) -> bool {
        !self.idle.is_asleep(worker) && self.parker(worker).is_some()
    }

    pub fn steal_local(&self, thief: usize) -> Option<usize> {
        let mut others = self.idle.in_use(0).filter(|other| *other != thief);
        (self.owner == thief || others.any(|other| self.is_shared(other)))
            .then(|| self.local.steal())
            .flatten()
    }

    pub fn has_queued(&self, worker: usize) -> bool {
        self.owner == worker && !self.local.is_empty()
    }

    pub fn leaves_driving(&self) -> bool {
        self.is_limited && (0..self.seats.len()).any(|worker| self.is_awake(worker))
    }
}
