//! The state word of a task: four bits, a count of wakes and a count of references; and every transition between them.
//!
//! | bit | meaning |
//! |---|---|
//! | `COMPLETE` | the future is gone; the output is stored, taken, or dropped |
//! | `CANCELLED` | the future is to be dropped instead of polled |
//! | `JOIN_INTEREST` | the `JoinHandle` lives: the output belongs to it |
//! | `JOIN_WAKER` | the join-waker field is filled and shared: the completer may take it |
//!
//! The **wakes** that no turn has answered yet. None: the task is *idle*. Whoever makes them one has made it *due*, and puts it into a queue. From
//! then on the *turn* is somebody's: of the queue's entry, then of the thread that took it, which has the exclusive right to the future and answers,
//! when its poll is over, as many wakes as it saw before. If others have come meanwhile the turn stays where it is, and the task goes into a queue
//! again. So a turn begins with a load, every wake is one addition, and one that finds others before it has nothing else to do.
//!
//! The **references**: *the runtime's*, from spawn until completion (it is what a queue entry, a turn and the registry stand on, so that queueing and
//! unqueueing a task count nothing), with some *spare* ones; one of the `JoinHandle`, one per waker and per `AbortHandle`. A waker that is made on the
//! thread that has the turn takes a spare one, which only that thread counts, until the turn's last step makes up for it.
//!
//! ```text
//!               wake (3), the first              start (1)
//!    ┌──────┐ ─────────────────────▶ ┌────────┐ ───────────▶ ┌────────┐ complete (4) ┌──────────┐
//!    │ idle │                        │ queued │              │ polled │ ───────────▶ │ COMPLETE │
//!    └──────┘ ◀──────┐               └────────┘ ◀──────┐     └────────┘              └──────────┘
//!        │           │                                 │       │  ▲ │
//!        │           └─────────────────────────────────┼───────┘  │ │
//!        │             pause (2), all wakes answered   └──────────┼─┘ pause (2), others came
//!        └────────────────────────────────────────────────────────┘ claim_idle (5)
//! ```
//!
//! A count of wakes, of which a turn loads how many it answers, is what the tasks of nexosim's executor have as well.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

mod outcome;
mod overflow;
mod references;
mod snapshot;

use crate::sync::{AtomicU64, Ordering};
pub use outcome::{Claim, Complete, DropHandle, Pause, Rest, Wake};
pub use snapshot::Snapshot;

const COMPLETE: u64 = 1 << 0;
const CANCELLED: u64 = 1 << 1;
const JOIN_INTEREST: u64 = 1 << 2;
const JOIN_WAKER: u64 = 1 << 3;
const WAKE: u64 = 1 << 4;
/// In a model few wakes are many.
const REF: u64 = if cfg!(heist_loom) { 1 << 9 } else { 1 << 34 };
const WAKES: u64 = REF - WAKE;

/// How many spare references the runtime has, for wakers made in a turn.
pub const SPARE: usize = 3;
const RUNTIME: u64 = (1 + SPARE as u64) * REF;

/// What a spawned task begins with.
const SPAWNED: u64 = JOIN_INTEREST + WAKE + RUNTIME + REF;

/// The state word. See the module's page for what is in it.
pub struct State(AtomicU64);

/// Which wakes a turn answers.
#[must_use]
#[derive(Clone, Copy, Debug)]
pub struct Turn(u64);

impl Turn {
    /// Of a task that was published without a way through a queue.
    pub const FIRST: Self = Self(WAKE);

    /// The future is to be dropped, and the task completed as cancelled.
    #[inline]
    pub fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
}

/// How many spare references were taken in a turn.
#[derive(Clone, Copy, Debug)]
pub struct Taken(u64);

impl Taken {
    pub const NONE: Self = Self(0);

    #[inline]
    pub fn new(count: usize) -> Self {
        debug_assert!(count <= SPARE, "{count} spare references");
        Self(count as u64 * REF)
    }

    /// What is left of the runtime's.
    #[inline]
    fn left(self) -> u64 {
        RUNTIME - self.0
    }
}

impl State {
    /// A free cell.
    pub fn free() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Publishes a new task: due, with references of the runtime and of its `JoinHandle`.
    pub fn publish_spawned(&self) {
        // Release: pairs with the Acquire in `retain_if_alive`: a walker that sees a reference sees every field.
        self.0.store(SPAWNED, Ordering::Release);
    }

    /// Publishes a cell that only its owner runs (a root): due, with the runtime's references, which are the owner's.
    pub fn publish_owned(&self) {
        // Release: pairs with the Acquire in `retain_if_alive`.
        self.0.store(WAKE + RUNTIME, Ordering::Release);
    }

    /// Publishes a cell that waits: idle, with references of the runtime and of its owner.
    pub fn publish_idle(&self) {
        // Release: pairs with the Acquire in `retain_if_alive`.
        self.0.store(RUNTIME + REF, Ordering::Release);
    }

    /// Publishes an element of a batch that is polled at once, in [`Turn::FIRST`], with the runtime's references.
    #[inline]
    pub fn publish_running(&self) {
        // Release: pairs with the Acquire in `claim_idle`, for who has no reference.
        self.0.store(WAKE + RUNTIME, Ordering::Release);
    }

    /// (1) The holder of the queue entry begins a turn. Again, it looks whether there are more wakes.
    #[inline]
    pub fn start(&self) -> Turn {
        // Acquire: pairs with the Release in `wake`, `abort` and `pause`: this poll sees what the last poll wrote, and the wakers whose wakes it
        // answers. What it does not see of the latest ones is left for the next turn.
        let now = self.0.load(Ordering::Acquire);
        debug_assert!(
            now & WAKES != 0 && now & COMPLETE == 0,
            "start from {}",
            Snapshot(now)
        );
        if now & overflow::TO_BE_ANSWERED != 0 {
            return self.start_anew();
        }
        Turn(now)
    }

    /// (2) The poll returned `Pending`.
    #[inline]
    pub fn pause(&self, turn: Turn, taken: Taken) -> Pause {
        let answered = turn.0 & WAKES;
        // Release: pairs with the Acquire in `start` and `claim_idle`: the next poll sees what this one wrote.
        let before = self
            .0
            .fetch_sub(answered.wrapping_sub(taken.0), Ordering::Release);
        debug_assert!(
            before & WAKES >= answered,
            "pause from {}",
            Snapshot(before)
        );
        overflow::check_made_up(before, taken);
        if before & WAKES == answered {
            Pause::Idle
        } else if before & CANCELLED == 0 {
            Pause::Requeue
        } else {
            Pause::Cancel
        }
    }

    /// (2) The poll returned `Pending`, and the future has noted with the runner that the task is to be queued again: nothing is answered, so the turn
    /// stays.
    #[inline]
    pub fn pause_yielded(&self, taken: Taken) -> Pause {
        // Relaxed (both): the runner queues the task, and the queue shows the next one what this poll wrote. An abort that comes later is a wake, which the
        // next turn finds.
        let now = if taken.0 == 0 {
            self.0.load(Ordering::Relaxed)
        } else {
            let before = self.0.fetch_add(taken.0, Ordering::Relaxed);
            overflow::check_made_up(before, taken);
            before
        };
        if now & CANCELLED == 0 {
            Pause::Requeue
        } else {
            Pause::Cancel
        }
    }

    /// (3) Wakes the task by reference.
    #[inline]
    pub fn wake(&self) -> Wake {
        // Release: pairs with the Acquire in `start`. Written also when others came before: each wake publishes.
        let before = self.0.fetch_add(WAKE, Ordering::Release);
        if before & overflow::MANY != 0 {
            self.relieve();
        }
        Self::pushed(before)
    }

    /// (3) Wakes the task and gives the waker's reference back.
    #[inline]
    pub fn wake_and_release(&self) -> Wake {
        // Release: pairs with the Acquire in `start`. Acquire: pairs with the other Releases, for who frees.
        let before = self.0.fetch_sub(REF - WAKE, Ordering::AcqRel);
        debug_assert!(before >= REF, "wake from {}", Snapshot(before));
        if before < 2 * REF {
            Wake::Free
        } else {
            Self::pushed(before)
        }
    }

    /// Asks for cancellation: the task is woken, and dropped instead of polled.
    pub fn abort(&self) -> Wake {
        let mut now = self.0.load(Ordering::Relaxed); // Relaxed: the exchange decides.
        loop {
            // Release: pairs with the Acquire in `start`.
            match self.0.compare_exchange_weak(
                now,
                overflow::with_wake(now | CANCELLED),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Self::pushed(now),
                Err(seen) => now = seen,
            }
        }
    }

    /// An idle task became due. One that is complete has the wakes of its last turn.
    fn pushed(before: u64) -> Wake {
        if before & WAKES == 0 {
            Wake::Push
        } else {
            Wake::Done
        }
    }

    /// (5) The closing walk, or a batch's reaper, takes an idle task for itself, and the runtime's references with it. The caller needs none, where
    /// cells stay.
    pub fn claim_idle(&self) -> Claim {
        let mut now = self.0.load(Ordering::Relaxed); // Relaxed: the exchange decides; of a complete one nothing is read.
        loop {
            if now & COMPLETE != 0 || now < REF {
                return Claim::Complete;
            }
            // Acquire: pairs with the Release in `pause`: the claimer sees the future as the last poll left it.
            // Release: keeps the chain of wakers' writes whole for `start`.
            match self.0.compare_exchange_weak(
                now,
                overflow::with_wake(now | CANCELLED),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) if now & WAKES == 0 => return Claim::Claimed,
                Ok(_) => return Claim::Busy,
                Err(seen) => now = seen,
            }
        }
    }

    /// (4) The future is dropped and the output stored. `owns`: this thread owns the pages that the cell lies in, so that nobody else gives it
    /// out again, and output and join waker can be taken from it when it is free already.
    #[inline]
    pub fn complete(&self, owns: bool, taken: Taken) -> (Complete, Rest) {
        let left = taken.left();
        if owns {
            // COMPLETE is clear: adding sets it. Orderings: as below.
            let before = self.0.fetch_sub(left - COMPLETE, Ordering::AcqRel);
            debug_assert!(before & COMPLETE == 0, "complete from {}", Snapshot(before));
            let rest = if before - left < REF {
                Rest::Last
            } else {
                Rest::Given
            };
            return (Self::completed(before), rest);
        }
        let mut now = self.0.load(Ordering::Relaxed); // Relaxed: the exchange decides.
        loop {
            debug_assert!(now & COMPLETE == 0, "complete from {}", Snapshot(now));
            let todo = Self::completed(now);
            // The handle's own reference keeps the count above zero.
            let (kept, rest) = match todo {
                Complete::Nothing => (0, Rest::Given),
                _ => (REF, Rest::Held),
            };
            // Release: pairs with the Acquire in `is_complete`, `set_join_waker` and `unset_join_waker`: the joiner
            // sees the output. Acquire: pairs with the Release in `set_join_waker`: the completer sees the waker.
            match self.0.compare_exchange_weak(
                now,
                now - (left - kept) + COMPLETE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return (todo, rest),
                Err(seen) => now = seen,
            }
        }
    }

    fn completed(before: u64) -> Complete {
        match before & (JOIN_INTEREST | JOIN_WAKER) {
            0 => Complete::DropOutput,
            JOIN_INTEREST => Complete::Nothing,
            _ => Complete::WakeJoiner,
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
    pub fn complete_and_release(&self, taken: Taken) -> bool {
        let left = taken.left();
        // COMPLETE is clear: adding sets it. Orderings: as in `complete` and `release`.
        let before = self.0.fetch_sub(left - COMPLETE, Ordering::AcqRel);
        debug_assert!(
            before & COMPLETE == 0 && before >= left,
            "complete from {}",
            Snapshot(before)
        );
        before - left < REF
    }

    /// (4) The same for a task that no walk retains, in its first turn.
    #[inline]
    pub fn complete_unknown(&self, taken: Taken) -> bool {
        // Acquire: pairs with the Releases that gave references back: what those had done comes before the cell is used again.
        if self.0.load(Ordering::Acquire) & !(REF - 1) != taken.left() {
            return self.complete_and_release(taken);
        }
        // Nobody else has a reference, from which others could be made. A mark of `claim_idle` may be lost here, which came too late.
        // Relaxed: whoever sees it leaves the cell alone.
        if cfg!(heist_loom) {
            // As the mark may. Loom would let it come after a store that it has not read, where it comes before.
            self.0.swap(COMPLETE, Ordering::Relaxed);
        } else {
            self.0.store(COMPLETE, Ordering::Relaxed);
        }
        true
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

    /// Whether there are wakes, of a task that nobody polls.
    #[inline]
    pub fn is_due(&self) -> bool {
        // Relaxed: the `start` that follows a true answer synchronises; a false one is looked at again before parking.
        self.0.load(Ordering::Relaxed) & WAKES != 0
    }

    /// For models.
    #[cfg(heist_loom)]
    pub fn wakes(&self) -> u64 {
        (self.0.load(Ordering::Relaxed) & WAKES) / WAKE
    }
}
