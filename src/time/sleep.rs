//! Futures that wait for an instant.

use std::fmt;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::after;
use crate::scheduler::context;
use crate::scheduler::hold::Hold;
use crate::timer::{Reset, TimerKey, Timers};
use crate::util::clock;

/// Waits until `duration` has passed since this call.
///
/// A duration of zero is over at once. One that the clock cannot express, such as [`Duration::MAX`], counts as
/// thirty years.
///
/// # Panics
///
/// When called outside a runtime. The future panics when it is polled after the end of the runtime it was
/// made in.
///
/// # Cancel safety
///
/// Dropping the future removes its timer; nothing else is lost.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// heist::run(async {
///     let start = Instant::now();
///     heist::time::sleep(Duration::from_millis(2)).await;
///     assert!(start.elapsed() >= Duration::from_millis(2));
/// });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::lasting("sleep", duration)
}

/// Waits until `deadline`. One that has passed already is over at once.
///
/// # Panics
///
/// When called outside a runtime. The future panics when it is polled after the end of the runtime it was
/// made in.
///
/// # Cancel safety
///
/// Dropping the future removes its timer; nothing else is lost.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// heist::run(async {
///     let deadline = Instant::now() + Duration::from_millis(2);
///     heist::time::sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new("sleep_until", deadline)
}

/// A wait for an instant, made by [`sleep`] and [`sleep_until`].
///
/// It registers a timer when it is first polled before its deadline, not earlier, and takes it out when it
/// is dropped. Once its deadline has passed it stays ready, until [`reset`](Sleep::reset) gives it another.
///
/// One exception saves a look at the clock: a `sleep` of a millisecond or more is taken to be in the future when the very poll
/// that made it polls it too. If that poll has lasted for longer than the sleep by then, the timer fires soon after it.
#[must_use = "futures do nothing unless awaited or polled"]
pub struct Sleep {
    engine: Hold,
    deadline: Deadline,
    /// The timer, from the first poll on. It may have fired: only the queue knows.
    key: Option<TimerKey>,
    /// The poll that made it, up to its own first poll, if its deadline was no less than [`LONG`] away then.
    made_in: Option<NonZeroU64>,
}

/// As it is at hand: one that is a while from now has its tick for less than its instant, and a pending sleep needs nothing else.
#[derive(Clone, Copy)]
enum Deadline {
    At(Instant),
    /// In ticks of the engine's timers, and not clamped.
    Tick(u64),
}

/// A sleep of this length is taken to be in the future for the rest of the poll that made it, without another look at the
/// clock, which costs as much as all the rest of a timer. If that poll lasts longer than the sleep, the timer is
/// registered all the same, and fires the next time that the driver looks.
const LONG: Duration = Duration::from_millis(1);

impl Sleep {
    /// `name` is the public function that is being called, for the message of the panic.
    #[track_caller]
    pub(super) fn new(name: &str, deadline: Instant) -> Self {
        Self {
            engine: here(name),
            deadline: Deadline::At(deadline),
            key: None,
            made_in: None,
        }
    }

    /// A sleep that begins now.
    #[track_caller]
    pub(super) fn lasting(name: &str, duration: Duration) -> Self {
        if duration.is_zero() {
            return Self::new(name, Instant::now());
        }
        let now = clock::now();
        let engine = here(name);
        let Some(tick) = Timers::tick_after(now, duration) else {
            return Self::lasting_long(name, duration);
        };
        let made_in = if duration >= LONG {
            context::turn_of(&*engine)
        } else {
            None
        };
        Self {
            engine,
            deadline: Deadline::Tick(tick),
            key: None,
            made_in,
        }
    }

    /// Where ticks don't reach.
    #[cold]
    #[track_caller]
    fn lasting_long(name: &str, duration: Duration) -> Self {
        Self::new(name, after(Instant::now(), duration))
    }

    /// The instant that this waits for.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// heist::run(async {
    ///     let now = Instant::now();
    ///     assert_eq!(heist::time::sleep_until(now).deadline(), now);
    /// });
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match self.deadline {
            Deadline::At(instant) => instant,
            Deadline::Tick(tick) => {
                let instant = self.engine.timers().instant(tick);
                instant.expect("not clamped")
            }
        }
    }

    fn tick(&self) -> u64 {
        match self.deadline {
            Deadline::At(instant) => self.engine.timers().tick(instant),
            Deadline::Tick(tick) => tick,
        }
    }

    /// Whether the deadline has passed, by the clock: true even if nobody has polled it since.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     assert!(heist::time::sleep(Duration::ZERO).is_elapsed());
    ///     assert!(!heist::time::sleep(Duration::MAX).is_elapsed());
    /// });
    /// ```
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        Instant::now() >= self.deadline()
    }

    /// Waits for another instant from now on, earlier or later, be the old one past or not.
    ///
    /// A task that was waiting is woken at the new deadline without having to poll again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::time::{Duration, Instant};
    ///
    /// heist::run(async {
    ///     let mut sleep = pin!(heist::time::sleep(Duration::from_secs(3600)));
    ///     sleep.as_mut().reset(Instant::now() + Duration::from_millis(1));
    ///     sleep.await;
    /// });
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.get_mut().set_deadline(deadline);
    }

    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Deadline::At(deadline);
        self.made_in = None;
        let Some(key) = self.key else { return };
        // SAFETY: used at once.
        let own = unsafe { self.engine.own_shard() };
        let tick = self.tick();
        match self.engine.timers().reset(own, key, tick) {
            Reset::Moved => {}
            Reset::Lowered => self.engine.deadline_lowered(tick),
            Reset::Gone => self.key = None,
        }
    }

    /// Ready once the deadline has passed. Takes no budget.
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(key) = self.key {
            // SAFETY: used at once.
            let own = || unsafe { self.engine.own_shard() };
            if self.engine.timers().update(own, key, cx.waker()) {
                return match self.poll_clock() {
                    Poll::Ready(()) => Poll::Ready(()),
                    Poll::Pending => self.poll_open(),
                };
            }
            self.key = None;
            // It has fired, or was taken out at the end of the runtime, which is closed before.
            if !self.engine.is_closed() {
                return Poll::Ready(());
            }
        }
        let made_in = self.made_in.take();
        let is_new = made_in.is_some() && made_in == context::turn_of(&*self.engine);
        if !is_new && self.is_elapsed() {
            return Poll::Ready(());
        }
        self.register(cx)
    }

    /// Ready, and the timer taken out, if the clock has reached the deadline and the driver has not come by yet.
    fn poll_clock(&mut self) -> Poll<()> {
        if !self.is_elapsed() {
            return Poll::Pending;
        }
        self.cancel();
        Poll::Ready(())
    }

    fn register(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // First: it is somebody's code, which may take this thread away from its worker.
        let waker = cx.waker().clone();
        // SAFETY: used at once.
        let own = unsafe { self.engine.own_shard() };
        let tick = self.tick();
        let (key, lowered) = self.engine.timers().insert(own, tick, waker);
        self.key = Some(key);
        if lowered {
            self.engine.deadline_lowered(tick);
        }
        // After the insertion: either the closing runtime finds the timer and wakes us, or
        // it was through with this shard, and having taken its lock after it, we see it closed.
        self.poll_open()
    }

    /// Pending while there is still a driver to wait for.
    fn poll_open(&self) -> Poll<()> {
        if !self.engine.is_closed() {
            return Poll::Pending;
        }
        let own = context::with_engine(|engine| {
            engine.is_some_and(|engine| ptr::eq(engine, &*self.engine))
        });
        if own && context::in_task() {
            // A task of the runtime that is ending, whose future is dropped when this poll returns.
            return Poll::Pending;
        }
        panic!(
            "the runtime that this heist::time future was made in has ended, so it would wait forever: \
             make it in the runtime that awaits it, or keep that runtime alive"
        );
    }

    /// Removes the timer. The deadline stays what it is.
    pub(super) fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            // SAFETY: used at once, and last.
            let own = unsafe { self.engine.own_shard() };
            self.engine.timers().remove(own, key);
        }
    }
}

/// Holds the engine that this thread is inside of.
#[inline]
#[track_caller]
fn here(name: &str) -> Hold {
    let Some(engine) = Hold::current() else {
        panic!(
            "heist::time::{name} must be called from inside a runtime: call it in a task or in the \
             future given to heist::run, or hold the guard of Runtime::enter"
        );
    };
    engine
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.get_mut().poll_deadline(cx));
        context::poll_budget(cx)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline())
            .field("registered", &self.key.is_some())
            .finish_non_exhaustive()
    }
}
