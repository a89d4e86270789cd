//! The cooperative budget: how many steps of heist's own futures one poll may take before they make it yield.
//!
//! Without it a socket that is always ready, or a channel that is always full, would hold its worker for ever. The idea is
//! that of Tokio's "coop", and before it of reductions in the Erlang runtime.

use std::cell::Cell;
use std::task::{Context, Poll};

/// Units per poll. Tasks that hand over to one another through the next slot share one allowance.
const UNITS: u8 = 128;

/// Outside of a poll by heist nothing is counted.
const UNLIMITED: u8 = u8::MAX;

thread_local! {
    static LEFT: Cell<u8> = const { Cell::new(UNLIMITED) };
}

/// A fresh allowance for the poll about to begin.
#[inline]
pub(crate) fn refill() {
    LEFT.set(UNITS);
}

/// Lifts the limit on this thread, and returns what was left, for [`restore`].
pub(crate) fn suspend() -> u8 {
    LEFT.replace(UNLIMITED)
}

pub(crate) fn restore(left: u8) {
    LEFT.set(left);
}

/// Whether the running poll may still take a step.
#[inline]
pub(crate) fn has_budget() -> bool {
    LEFT.get() != 0
}

/// Pending, and the task woken, if the running poll has used its allowance up.
#[inline]
pub(crate) fn poll_has_budget(cx: &mut Context<'_>) -> Poll<()> {
    if has_budget() {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Takes one unit. Call it when a step was made, after [`poll_has_budget`] said that it may be.
#[inline]
pub(crate) fn spend() {
    let left = LEFT.get();
    if left != UNLIMITED {
        LEFT.set(left.saturating_sub(1));
    }
}

/// Both in one: for a future that makes a step whenever it is polled.
#[inline]
pub(crate) fn poll_budget(cx: &mut Context<'_>) -> Poll<()> {
    let may = poll_has_budget(cx);
    if may.is_ready() {
        spend();
    }
    may
}
