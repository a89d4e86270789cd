//! A limit to how long a future is awaited.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::sleep::Sleep;
use crate::scheduler::context;

/// Awaits `future` for at most `duration`, counted from this call.
///
/// The future is polled before the clock is looked at: one that is ready gives its value, even if
/// `duration` is zero, and one that becomes ready at the very deadline does too: it is polled once more when the
/// time is over. Then the future is dropped before the error is returned, so whatever its destructor cleans up is
/// clean by then; children of a `gather` or a set that it held are cancelled at that moment, and dropped by the
/// workers soon after.
///
/// Only suspensions are interrupted: a future that never returns from one poll is not.
///
/// # Panics
///
/// When called outside a runtime. The future panics when it is polled after the end of the runtime it was
/// made in, unless the inner future is ready; and when it is polled after it was ready.
///
/// # Errors
///
/// [`Elapsed`] if the time was over first.
///
/// # Cancel safety
///
/// Dropping it drops the inner future: it is as cancel safe as that.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use heist::time::timeout;
///
/// heist::run(async {
///     assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
///     let never = std::future::pending::<()>();
///     assert!(timeout(Duration::from_millis(1), never).await.is_err());
/// });
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(Sleep::lasting("timeout", duration), future.into_future())
}

/// Awaits `future` until `deadline` at most. In all else the same as [`timeout`].
///
/// # Panics
///
/// When called outside a runtime. The future panics when it is polled after the end of the runtime it was
/// made in, unless the inner future is ready; and when it is polled after it was ready.
///
/// # Errors
///
/// [`Elapsed`] if the deadline came first.
///
/// # Cancel safety
///
/// Dropping it drops the inner future: it is as cancel safe as that.
///
/// # Examples
///
/// ```
/// use std::time::Instant;
/// use heist::time::timeout_at;
///
/// heist::run(async {
///     let past = Instant::now();
///     assert_eq!(timeout_at(past, async { 7 }).await, Ok(7));
///     assert!(timeout_at(past, std::future::pending::<()>()).await.is_err());
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(Sleep::new("timeout_at", deadline), future.into_future())
}

pin_project! {
    /// A future with a limit, made by [`timeout`] and [`timeout_at`].
    #[must_use = "futures do nothing unless awaited or polled"]
    pub struct Timeout<F> {
        // None: it has given its result.
        #[pin]
        future: Option<F>,
        sleep: Sleep,
        // The deadline was found past, and put off because the budget was used up.
        overdue: bool,
    }
}

impl<F> Timeout<F> {
    fn new(sleep: Sleep, future: F) -> Self {
        Self {
            future: Some(future),
            sleep,
            overdue: false,
        }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let had_budget = context::has_budget();
        let future = this.future.as_mut().as_pin_mut();
        let polled = future.expect("Timeout polled after it was ready").poll(cx);
        let result = match polled {
            Poll::Ready(value) => {
                this.sleep.cancel();
                Ok(value)
            }
            Poll::Pending => {
                ready!(this.sleep.poll_deadline(cx));
                // A future polled without budget may have been refused what was ready for it, so it gets
                // another turn. One that used up a whole turn since, and still is not done, goes on and on.
                let had_its_chance = context::has_budget() || (*this.overdue && had_budget);
                if !had_its_chance {
                    *this.overdue = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // The deadline may have come after the future was polled. What is ready at the deadline is in time.
                let future = this.future.as_mut().as_pin_mut();
                match future.expect("not ready yet").poll(cx) {
                    Poll::Ready(value) => Ok(value),
                    Poll::Pending => Err(Elapsed(())),
                }
            }
        };
        this.future.set(None);
        Poll::Ready(result)
    }
}

impl<F> fmt::Debug for Timeout<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("deadline", &self.sleep.deadline())
            .finish_non_exhaustive()
    }
}

/// The error of a [`timeout`]: the time was over before the future was ready.
///
/// It converts into an [`io::Error`] of the kind [`TimedOut`](io::ErrorKind::TimedOut).
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::time::Duration;
///
/// async fn impatient() -> io::Result<()> {
///     heist::time::timeout(Duration::from_millis(1), std::future::pending()).await?
/// }
///
/// let error = heist::run(impatient()).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was over before the future was ready")
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}
