//! One turn of the loop for the others.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::task::current;

/// Lets the other runnable tasks of this worker go first, once.
///
/// All that wait in the worker's queue go before it. Tasks that are woken meanwhile do not wait for a round of those that yield: a few of
/// them go between two of these, so they do not keep them from running either. In the future given to `run` or `block_on` it lets one task go
/// first, not all.
///
/// # Cancel safety
///
/// Dropping it has no effect.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     heist::yield_now().await;
/// });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        current::wake(cx);
        Poll::Pending
    }
}
