//! Waiting for a moment: sleeps, timeouts, intervals.
//!
//! Instants are [`std::time::Instant`]s, durations are [`std::time::Duration`]s, and nothing is ever early: what
//! waits for an instant is ready when the clock has reached it, and a little later as a rule, for a task has
//! to be woken and to find a worker.
//!
//! The functions here belong to the runtime they are called in: that of the task or root that runs, or the
//! one entered with `Runtime::enter`. They panic where there is none. Its driver watches their deadlines, so
//! what they return can be awaited anywhere for as long as that runtime lives, and panics when it is polled
//! after that. Dropping it is always fine.
//!
//! ```
//! use std::time::Duration;
//! use heist::time;
//!
//! heist::run(async {
//!     time::sleep(Duration::from_millis(1)).await;
//!
//!     let never = std::future::pending::<()>();
//!     assert!(time::timeout(Duration::from_millis(1), never).await.is_err());
//!
//!     let mut interval = time::interval(Duration::from_millis(1));
//!     for _ in 0..3 {
//!         interval.tick().await;
//!     }
//! });
//! ```

mod interval;
mod sleep;
mod timeout;

use std::time::{Duration, Instant};

pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

/// Thirty years: stands in for what the clock cannot express.
const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// `duration` after `instant`, or a very long time after it where that can't be expressed.
fn after(instant: Instant, duration: Duration) -> Instant {
    instant
        .checked_add(duration)
        .or_else(|| instant.checked_add(FAR))
        .unwrap_or(instant)
}

#[cfg(test)]
mod tests;
