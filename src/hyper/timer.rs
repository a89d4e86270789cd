//! Time limits for hyper.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::time;

/// Measures hyper's time limits with the timers of the current runtime.
///
/// # Panics
///
/// Making a sleep panics outside of a runtime, as [`time::sleep`] does. hyper makes them when it polls a connection.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let mut builder = hyper::server::conn::http1::Builder::new();
/// builder
///     .timer(heist::hyper::Timer::new())
///     .header_read_timeout(Duration::from_secs(5));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Timer;

impl Timer {
    /// The timer: there is one, and it takes no room.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl hyper::rt::Timer for Timer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep {
            inner: time::sleep(duration),
        })
    }

    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep {
            inner: time::sleep_until(deadline),
        })
    }

    #[track_caller]
    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(ours) => ours.project().inner.reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

pin_project! {
    // What hyper is given: it wants a type that implements its own trait.
    struct Sleep {
        #[pin]
        inner: time::Sleep,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().inner.poll(cx)
    }
}

impl hyper::rt::Sleep for Sleep {}
