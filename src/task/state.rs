//! The state word of a task: six bits and a reference count, and every transition between them.
//!
//! | bit | meaning |
//! |---|---|
//! | `SCHEDULED` | a queue holds the task, or, while it is `RUNNING`, it is to be queued when the poll ends |
//! | `RUNNING` | one thread has the exclusive right to the future |
//! | `COMPLETE` | the future is gone; the output is stored, taken, or dropped |
//! | `CANCELLED` | the future is to be dropped instead of polled |
//! | `JOIN_INTEREST` | the `JoinHandle` lives: the output belongs to it |
//! | `JOIN_WAKER` | the join-waker field is filled and shared: the completer may take it |
//!
//! The references above the bits: **one of the runtime**, from spawn until completion (it is what a queue entry, a
//! running poll and the registry stand on, so that queueing and unqueueing a task count nothing), one of the
//! `JoinHandle`, one per waker and per `AbortHandle`. A count of zero is a free cell.
//!
//! ```text
//!                      wake (3)                   start (1)
//!        ┌────────┐ ───────────────▶ ┌───────────┐ ───────────▶ ┌─────────┐ complete (4) ┌──────────┐
//!        │  idle  │                  │ SCHEDULED │              │ RUNNING │ ───────────▶ │ COMPLETE │
//!        └────────┘ ◀─────┐          └───────────┘ ◀──────┐     └─────────┘              └──────────┘
//!             │           │                               │       │  ▲  │
//!             │           └───────────────────────────────┼───────┘  │  │
//!             │                pause (2), not SCHEDULED   └──────────┼──┘ pause (2), SCHEDULED meanwhile
//!             └──────────────────────────────────────────────────────┘ claim_idle (5)
//! ```
//!
//! Every transition is one read-modify-write, also where it seems to change nothing: a wake that finds the task
//! already scheduled still writes, so that what the waker stored before it is visible to the poll that follows.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

mod outcome;

use std::fmt;

use crate::sync::{AtomicUsize, Ordering};
pub use outcome::{Claim, Complete, DropHandle, Pause, Start, Wake};

const SCHEDULED: usize = 1 << 0;
const RUNNING: usize = 1 << 1;
const COMPLETE: usize = 1 << 2;
const CANCELLED: usize = 1 << 3;
const JOIN_INTEREST: usize = 1 << 4;
const JOIN_WAKER: usize = 1 << 5;
const REF: usize = 1 << 6;

/// Above this many references the process aborts: only a leak in a loop gets there.
const MAX_REFS: usize = isize::MAX as usize;

/// The state word. See the module's page for its bits.
pub struct State(AtomicUsize);

impl State {
    /// A free cell.
    pub fn free() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Publishes a new task: scheduled, with references of the runtime and of its `JoinHandle`.
    pub fn publish_spawned(&self) {
        // Release: pairs with the Acquire in `retain_if_alive`: a walker that sees a reference sees every field.
        self.0
            .store(SCHEDULED | JOIN_INTEREST | (2 * REF), Ordering::Release);
    }

    /// Publishes a cell that only its owner runs (a root): scheduled, one reference.
    pub fn publish_owned(&self) {
        // Release: pairs with the Acquire in `retain_if_alive`.
        self.0.store(SCHEDULED | REF, Ordering::Release);
    }

    /// Publishes a cell that waits: idle, with references of the runtime and of its owner.
    pub fn publish_idle(&self) {
        // Release: pairs with the Acquire in `retain_if_alive`.
        self.0.store(2 * REF, Ordering::Release);
    }

    /// Publishes an element of a batch that is polled at once: running, with the runtime's reference.
    #[inline]
    pub fn publish_running(&self) {
        // Release: pairs with the Acquire in `retain_if_alive`.
        self.0.store(RUNNING | REF, Ordering::Release);
    }

    /// (1) The holder of the queue entry begins a turn.
    #[inline]
    pub fn start(&self) -> Start {
        // SCHEDULED is set and RUNNING clear, so adding their difference swaps them in one addition.
        // Acquire: pairs with the Release in `wake`, `abort` and `pause`: this poll sees what the wakers and the
        // last poll wrote.
        let before = self.0.fetch_add(RUNNING - SCHEDULED, Ordering::Acquire);
        debug_assert!(
            before & (SCHEDULED | RUNNING | COMPLETE) == SCHEDULED,
            "start from {}",
            Snapshot(before)
        );
        if before & CANCELLED == 0 {
            Start::Poll
        } else {
            Start::Cancel
        }
    }

    /// (2) The poll returned `Pending`.
    #[inline]
    pub fn pause(&self) -> Pause {
        // Release: pairs with the Acquire in `start` and `claim_idle`: the next poll sees what this one wrote.
        let before = self.0.fetch_sub(RUNNING, Ordering::Release);
        debug_assert!(before & RUNNING != 0, "pause from {}", Snapshot(before));
        if before & SCHEDULED == 0 {
            Pause::Idle
        } else if before & CANCELLED == 0 {
            Pause::Requeue
        } else {
            Pause::Cancel
        }
    }

    /// (2) The poll returned `Pending`, and the future has noted with the runner that the task is to be queued again.
    #[inline]
    pub fn pause_yielded(&self) -> Pause {
        loop {
            // RUNNING is set, so subtracting the difference swaps it for a SCHEDULED that is clear. One that was set carries over into RUNNING:
            // the runner has then taken over the wake that set it, for which the same turn will do, and tries again.
            // Relaxed: the runner queues the task, and the queue shows the next one what this poll wrote; what the waker stored is seen through
            // these steps, which continue what its Release began.
            let before = self.0.fetch_sub(RUNNING - SCHEDULED, Ordering::Relaxed);
            debug_assert!(before & RUNNING != 0, "pause from {}", Snapshot(before));
            if before & SCHEDULED == 0 {
                return if before & CANCELLED == 0 {
                    Pause::Requeue
                } else {
                    Pause::Cancel
                };
            }
        }
    }

    /// (3) Wakes the task by reference.
    #[inline]
    pub fn wake(&self) -> Wake {
        // Release: pairs with the Acquire in `start`. Written also when nothing changes: a coalesced wake publishes.
        Self::pushed(self.0.fetch_or(SCHEDULED, Ordering::Release))
    }

    /// (3) Wakes the task and gives the waker's reference back. If `keeps`, not when the task has to be pushed: then the caller keeps the
    /// reference until it is done with the scheduler.
    #[inline]
    pub fn wake_and_release(&self, keeps: bool) -> Wake {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let idle = now & (SCHEDULED | RUNNING | COMPLETE) == 0;
            // An idle task has the runtime's reference besides.
            let next = (now | SCHEDULED) - if idle && keeps { 0 } else { REF };
            // Release: pairs with the Acquire in `start`. Acquire: pairs with the other Releases, for who frees.
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if idle => return Wake::Push,
                Ok(_) if next < REF => return Wake::Free,
                Ok(_) => return Wake::Done,
                Err(seen) => now = seen,
            }
        }
    }

    /// Asks for cancellation: the task is woken, and dropped instead of polled.
    pub fn abort(&self) -> Wake {
        // Release: pairs with the Acquire in `start`.
        Self::pushed(self.0.fetch_or(SCHEDULED | CANCELLED, Ordering::Release))
    }

    fn pushed(before: usize) -> Wake {
        if before & (SCHEDULED | RUNNING | COMPLETE) == 0 {
            Wake::Push
        } else {
            Wake::Done
        }
    }

    /// (5) The closing walk, or a batch's reaper, takes an idle task for itself.
    pub fn claim_idle(&self) -> Claim {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now & COMPLETE != 0 {
                return Claim::Complete;
            }
            let idle = now & (SCHEDULED | RUNNING) == 0;
            let next = now | CANCELLED | if idle { RUNNING } else { SCHEDULED };
            // Acquire: pairs with the Release in `pause`: the claimer sees the future as the last poll left it.
            // Release: keeps the chain of wakers' writes whole for `start`.
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if idle => return Claim::Claimed,
                Ok(_) => return Claim::Busy,
                Err(seen) => now = seen,
            }
        }
    }

    /// (4) The future is dropped and the output stored. `owns`: this thread owns the pages that the cell lies in, so that nobody else gives it
    /// out again, and the join waker can be taken from it when it is free already.
    #[inline]
    pub fn complete(&self, owns: bool) -> Complete {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(now & RUNNING != 0, "complete from {}", Snapshot(now));
            let next = (now & !RUNNING) | COMPLETE;
            let (next, todo) = match now & (JOIN_INTEREST | JOIN_WAKER) {
                0 => (next, Complete::DropOutput),
                // The handle's own reference keeps the count above zero.
                JOIN_INTEREST => (next - REF, Complete::Released),
                _ if owns => (next - REF, Complete::WakeJoiner { released: true }),
                _ => (next, Complete::WakeJoiner { released: false }),
            };
            // Release: pairs with the Acquire in `is_complete`, `set_join_waker` and `unset_join_waker`: the joiner
            // sees the output. Acquire: pairs with the Release in `set_join_waker`: the completer sees the waker.
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return todo,
                Err(seen) => now = seen,
            }
        }
    }

    /// Whether the `JoinHandle` is gone, so that nobody will ever ask for the output.
    #[inline]
    pub fn is_detached(&self) -> bool {
        // Relaxed: the bit is never set again, and nothing is read that the handle wrote.
        self.0.load(Ordering::Relaxed) & JOIN_INTEREST == 0
    }

    /// (4) The same for a task without a handle, after which the runner touches the cell only if it frees it, or stands on something else than the
    /// runtime's reference, which is given back in the same step. True: it was the last.
    #[inline]
    pub fn complete_and_release(&self) -> bool {
        // RUNNING is set and COMPLETE clear, so their difference swaps them. Orderings: as in `complete` and `release`.
        let before = self
            .0
            .fetch_sub(REF - (COMPLETE - RUNNING), Ordering::AcqRel);
        debug_assert!(
            before & (RUNNING | COMPLETE) == RUNNING && before >= REF,
            "complete from {}",
            Snapshot(before)
        );
        before < 2 * REF
    }

    /// The joiner stored its waker. False: the task is complete, and the waker is the joiner's again.
    pub fn set_join_waker(&self) -> bool {
        // The joiner alone changes the bit, and it is clear: adding sets it.
        // Release: pairs with the Acquire in `complete` (the waker). Acquire: with its Release (the output).
        let before = self.0.fetch_add(JOIN_WAKER, Ordering::AcqRel);
        debug_assert!(before & JOIN_WAKER == 0, "a waker in {}", Snapshot(before));
        before & COMPLETE == 0
    }

    /// The joiner wants to replace its waker. False: the task is complete, and the completer has the waker.
    pub fn unset_join_waker(&self) -> bool {
        // As above: it is set, and subtracting clears it.
        // Acquire: pairs with the Release in `complete` (the output).
        let before = self.0.fetch_sub(JOIN_WAKER, Ordering::AcqRel);
        debug_assert!(before & JOIN_WAKER != 0, "no waker in {}", Snapshot(before));
        before & COMPLETE == 0
    }

    /// Whether a join waker is stored. Only the joiner asks, and only the joiner changes the bit.
    pub fn has_join_waker(&self) -> bool {
        self.0.load(Ordering::Relaxed) & JOIN_WAKER != 0
    }

    /// The `JoinHandle` is dropped.
    #[inline]
    pub fn drop_handle(&self) -> DropHandle {
        let mut now = self.0.load(Ordering::Acquire);
        loop {
            if now & COMPLETE != 0 {
                // Acquire (above, and on failure below): pairs with the Release in `complete`: the output.
                return DropHandle::DropOutput;
            }
            let waker = now & JOIN_WAKER != 0;
            let next = (now & !(JOIN_INTEREST | JOIN_WAKER)) - if waker { 0 } else { REF };
            // Release: whatever the handle's owner did comes before the freeing of the cell (`release`).
            match self
                .0
                .compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) if waker => return DropHandle::DropWaker,
                Ok(_) => return DropHandle::Released,
                Err(seen) => now = seen,
            }
        }
    }

    /// One more reference, made from one that the caller holds.
    #[inline]
    pub fn retain(&self) {
        // Relaxed: the caller's reference keeps the cell; nothing is published by counting.
        if self.0.fetch_add(REF, Ordering::Relaxed) > MAX_REFS {
            std::process::abort();
        }
    }

    /// One more reference, if the cell is a living task: for a walker, who holds none yet.
    pub fn retain_if_alive(&self) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now < REF {
                return false;
            }
            // Acquire: pairs with the Release in `publish_spawned`: the walker sees the fields of this very task.
            match self
                .0
                .compare_exchange_weak(now, now + REF, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(seen) => now = seen,
            }
        }
    }

    /// Gives a reference back. True: it was the last, and the caller frees the cell.
    #[inline]
    pub fn release(&self) -> bool {
        // Release: what this holder did comes before the freeing. Acquire: who frees comes after what all did.
        let before = self.0.fetch_sub(REF, Ordering::AcqRel);
        debug_assert!(before >= REF, "release from {}", Snapshot(before));
        before < 2 * REF
    }

    /// Whether the task is complete, and its output visible.
    #[inline]
    pub fn is_complete(&self) -> bool {
        // Acquire: pairs with the Release in `complete`.
        self.0.load(Ordering::Acquire) & COMPLETE != 0
    }

    /// Whether cancellation was asked for. For who did so itself, or has an entry from who did.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        // Relaxed: `start` decides for tasks; what comes out of a queue was ordered by the queue.
        self.0.load(Ordering::Relaxed) & CANCELLED != 0
    }

    /// Whether a wake is waiting for its turn.
    #[inline]
    pub fn is_scheduled(&self) -> bool {
        // Relaxed: the `start` that follows a true answer synchronises; a false one is looked at again before parking.
        self.0.load(Ordering::Relaxed) & SCHEDULED != 0
    }

    /// A look for debug output.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.snapshot(), f)
    }
}

/// A state word as it was at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot(usize);

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (SCHEDULED, "SCHEDULED "),
            (RUNNING, "RUNNING "),
            (COMPLETE, "COMPLETE "),
            (CANCELLED, "CANCELLED "),
            (JOIN_INTEREST, "JOIN_INTEREST "),
            (JOIN_WAKER, "JOIN_WAKER "),
        ];
        for (bit, name) in names {
            if self.0 & bit != 0 {
                f.write_str(name)?;
            }
        }
        write!(f, "refs {}", self.0 / REF)
    }
}
