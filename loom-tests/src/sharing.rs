//! A limit to sharing, by the same calls as in `scheduler/sharing.rs`. See `engine`.

use loom::sync::atomic::Ordering;

use crate::engine::Engine;

impl Engine {
    pub fn has_work_beside(&self, worker: usize) -> bool {
        !self.injector.is_empty() || self.alone != Some(worker) && self.is_shared()
    }

    /// `local`. In the real one more than enough company has to be awake, too: its worker is enough here.
    pub(crate) fn is_shared(&self) -> bool {
        self.local_is_used.load(Ordering::Relaxed)
            && !self.local.is_empty()
            && self.alone.is_none_or(|worker| !self.is_awake(worker))
    }

    fn is_awake(&self, worker: usize) -> bool {
        self.parker(worker).is_some() && !self.idle.is_asleep(worker)
    }

    pub fn steal_local(&self, thief: usize) -> Option<usize> {
        (self.alone == Some(thief) || self.is_shared())
            .then(|| self.local.steal())
            .flatten()
    }

    pub fn has_queued(&self, worker: usize) -> bool {
        self.alone == Some(worker) && !self.local.is_empty()
    }

    pub fn leaves_driving(&self) -> bool {
        self.alone.is_some() && (0..self.seats.len()).any(|worker| self.is_awake(worker))
    }
}
