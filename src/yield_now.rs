//! One turn of the loop for the others.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets the other runnable tasks of this worker go first, once.
///
/// All that were runnable before go first. Tasks that are woken meanwhile do not wait for a round of those that yield; as many
/// of them go before the first of these as wait when its turn comes, so they do not keep it from running either.
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
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
