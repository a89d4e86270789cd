//! What the caller of a transition has to do next.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

/// What follows a poll that returned `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Pause {
    /// The task is idle and may already be gone: do not touch it any more.
    Idle,
    /// It was woken during the poll: put it into a queue.
    Requeue,
    /// It was aborted during the poll: the turn goes on. Call [`State::start`](super::State::start) and cancel it.
    Cancel,
}

/// What a waker has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Wake {
    /// Put the task into a queue. The caller's own reference is still held, if the call was not to give it back.
    Push,
    /// Nothing; where the call was to give a reference back, it did.
    Done,
    /// Nothing, and that reference was the last: free the cell.
    Free,
}

/// What the completer has to do, after the output was stored.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Complete {
    /// Nothing: the handle will read the output.
    Nothing,
    /// Take the join waker and wake it.
    WakeJoiner,
    /// Nobody will read the output: drop it.
    DropOutput,
}

/// What has become of the runtime's reference.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Rest {
    /// The completer has it, and calls [`State::release`](super::State::release) in the end.
    Held,
    /// It was given back.
    Given,
    /// It was given back, and was the last: the completer frees the cell in the end.
    Last,
}

/// What the dropped `JoinHandle` has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum DropHandle {
    /// Nothing.
    Released,
    /// Drop the join waker, then [`State::release`](super::State::release).
    DropWaker,
    /// Drop the output, then [`State::release`](super::State::release).
    DropOutput,
}

/// What a walk found that takes idle tasks.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// The task was idle and is now the caller's to cancel.
    Claimed,
    /// It is in a queue or being polled; it was marked and will be cancelled there.
    Busy,
    /// It is complete.
    Complete,
}
