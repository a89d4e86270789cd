//! Ticks at regular instants.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::{after, sleep::Sleep};

/// Up to this much a tick may be late without counting as missed: as late as a busy machine wakes a task.
const TOLERANCE: Duration = Duration::from_millis(5);

/// Ticks every `period`: at once, then at multiples of `period` from this call on.
///
/// # Panics
///
/// When called outside a runtime, and when `period` is zero. [`Interval::tick`] panics after the end of the
/// runtime that it was made in.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// heist::run(async {
///     let start = Instant::now();
///     let mut interval = heist::time::interval(Duration::from_millis(2));
///     interval.tick().await; // at once
///     interval.tick().await;
///     interval.tick().await;
///     assert!(start.elapsed() >= Duration::from_millis(4));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    Interval::new("interval", Instant::now(), period)
}

/// Ticks every `period`, at `start` for the first time.
///
/// # Panics
///
/// When called outside a runtime, and when `period` is zero. [`Interval::tick`] panics after the end of the
/// runtime that it was made in.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// heist::run(async {
///     let start = Instant::now() + Duration::from_millis(2);
///     let mut interval = heist::time::interval_at(start, Duration::from_millis(1));
///     assert_eq!(interval.tick().await, start);
///     assert_eq!(interval.tick().await, start + Duration::from_millis(1));
/// });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new("interval_at", start, period)
}

/// What an [`Interval`] does when nobody asked for a tick in time.
///
/// Say a tick is due at every tenth millisecond, 0, 10, 20 and so on, and the one due at 10 is taken at 35:
///
/// | behavior | next ticks |
/// |---|---|
/// | `Burst` | at once, at once, 40, 50 |
/// | `Delay` | 45, 55, 65 |
/// | `Skip`  | 40, 50, 60 |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedTickBehavior {
    /// Catches up: missed ticks come one after the other, without waiting, until none is missing. The default.
    #[default]
    Burst,
    /// Starts over: ticks at multiples of the period from the late tick on, so there is always a whole period
    /// between two. What is late by no more than 5 ms, nor by more than the period, counts as in time.
    Delay,
    /// Leaves missed ticks out: goes on at the next of the instants foreseen.
    Skip,
}

impl MissedTickBehavior {
    /// When the tick after the one due at `due` is due, if that was taken at `now`.
    pub(super) fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        let late = now.saturating_duration_since(due);
        match self {
            Self::Delay if late > TOLERANCE.min(period) => after(now, period),
            Self::Skip if late >= period => {
                let since = Duration::from_nanos_u128(late.as_nanos() % period.as_nanos());
                after(now, period - since)
            }
            _ => after(due, period),
        }
    }
}

/// Ticks at regular instants, made by [`interval`] and [`interval_at`].
pub struct Interval {
    /// Waits for the next tick.
    sleep: Sleep,
    period: Duration,
    behavior: MissedTickBehavior,
}

impl Interval {
    #[track_caller]
    fn new(name: &str, start: Instant, period: Duration) -> Self {
        assert!(
            !period.is_zero(),
            "heist::time::{name} needs a period above zero: every tick would be due at once"
        );
        Self {
            sleep: Sleep::new(name, start),
            period,
            behavior: MissedTickBehavior::default(),
        }
    }

    /// Waits for the next tick, and gives the instant at which it was due.
    ///
    /// # Panics
    ///
    /// The future panics when it is polled after the end of the runtime that the interval was made in.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a tick that is waited for in vain comes to the next call.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut interval = heist::time::interval(Duration::from_millis(1));
    ///     let first = interval.tick().await;
    ///     assert_eq!(interval.tick().await, first + Duration::from_millis(1));
    /// });
    /// ```
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self }
    }

    /// Takes the next tick if it is due, and gives the instant at which it was; otherwise has `cx`'s waker
    /// woken then. Of several callers only the last one is woken.
    ///
    /// # Panics
    ///
    /// When the runtime that the interval was made in has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let mut interval = heist::time::interval(Duration::from_millis(1));
    ///     poll_fn(|cx| interval.poll_tick(cx)).await;
    /// });
    /// ```
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let due = self.sleep.deadline();
        let next = self.behavior.next(due, Instant::now(), self.period);
        self.sleep.set_deadline(next);
        Poll::Ready(due)
    }

    /// The time between two ticks.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let interval = heist::time::interval(Duration::from_millis(1));
    ///     assert_eq!(interval.period(), Duration::from_millis(1));
    /// });
    /// ```
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// What happens when ticks are missed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use heist::time::MissedTickBehavior;
    ///
    /// heist::run(async {
    ///     let interval = heist::time::interval(Duration::from_millis(1));
    ///     assert_eq!(interval.missed_tick_behavior(), MissedTickBehavior::Burst);
    /// });
    /// ```
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.behavior
    }

    /// Chooses what happens when ticks are missed, from the next tick on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use heist::time::MissedTickBehavior;
    ///
    /// heist::run(async {
    ///     let mut interval = heist::time::interval(Duration::from_millis(1));
    ///     interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ///     interval.tick().await;
    /// });
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("next", &self.sleep.deadline())
            .field("period", &self.period)
            .field("missed_tick_behavior", &self.behavior)
            .finish_non_exhaustive()
    }
}

/// Waits for an [`Interval`]'s next tick; made by [`Interval::tick`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited or polled"]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.get_mut().interval.poll_tick(cx)
    }
}
