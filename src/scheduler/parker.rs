//! How one thread sleeps, and how others reach it.
//!
//! A parker belongs to a thread for as long as it serves; a worker points at the parker of its occupant. Parkers are never freed, only
//! used again, so a pointer to one is good for ever; at worst somebody is woken for nothing, and finds a kick that was not meant for it.
//!
//! Two things can be said to a parked thread:
//!
//! - a **token** (`unpark`): "your worker's bit was cleared, by me". Exactly one token follows each clearing of an occupied worker's bit by
//!   somebody else, and the occupant does nothing until it has taken it: so it never runs beside one that evicted it.
//! - a **kick**: "look again": the root was woken, an earlier deadline or a first source came. Kicks may be too many, and say nothing about the bit.
//!
//! Both are sticky: said to a thread that is awake, they end its next park at once.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

#[cfg(not(heist_loom))]
use std::cell::Cell;
use std::time::Duration;
#[cfg(not(heist_loom))]
use std::time::Instant;

use crate::sync::{AtomicU32, Condvar, Mutex, Ordering};
#[cfg(not(heist_loom))]
use crate::util::punctual::Punctual;

/// The thread waits on the condition variable.
const PARKED: u32 = 1;
/// The thread waits in the poller.
const DRIVING: u32 = 2;
const TOKEN: u32 = 4;
const KICK: u32 = 8;
/// It waits there with nothing in hand: once its worker is another's it only goes.
const RESTING: u32 = 16;
/// It was resting when it got the token, from who has said the rest for it.
const DISMISSED: u32 = 32;
/// It waits there for a moment, and attends to the driver after that.
const ABSENT: u32 = 64;

/// Parkers that no thread uses.
#[cfg(not(heist_loom))]
static POOL: Mutex<Vec<&'static Parker>> = Mutex::new(Vec::new());

/// The parker that a thread had last, which it leaves to others when it ends.
#[cfg(not(heist_loom))]
struct Last(Cell<Option<&'static Parker>>);

#[cfg(not(heist_loom))]
impl Drop for Last {
    fn drop(&mut self) {
        POOL.lock().extend(self.0.take());
    }
}

#[cfg(not(heist_loom))]
thread_local! {
    static LAST: Last = const { Last(Cell::new(None)) };
}

/// See the module's page.
#[derive(Debug)]
pub struct Parker {
    state: AtomicU32,
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Default for Parker {
    fn default() -> Self {
        Self {
            state: AtomicU32::new(0),
            lock: Mutex::new(()),
            condvar: Condvar::new(),
        }
    }
}

impl Parker {
    /// A parker for a thread that begins to serve, or for a caller.
    #[cfg(not(heist_loom))]
    pub(crate) fn acquire() -> &'static Self {
        // In the destructors of other thread-locals this one may be gone.
        if let Ok(Some(parker)) = LAST.try_with(|last| last.0.take()) {
            return parker;
        }
        let used = POOL.lock().pop();
        used.unwrap_or_else(|| Box::leak(Box::default()))
    }

    /// Gives it back, for others.
    #[cfg(not(heist_loom))]
    pub(crate) fn release(parker: &'static Self) {
        // Relaxed: this thread alone takes tokens.
        debug_assert!(
            parker.state.load(Ordering::Relaxed) & TOKEN == 0,
            "a token was left"
        );
        let surplus = LAST.try_with(|last| last.0.replace(Some(parker)));
        if let Some(surplus) = surplus.unwrap_or(Some(parker)) {
            POOL.lock().push(surplus);
        }
    }

    /// Hands over the token. `notify` ends a wait in the poller.
    pub fn unpark(&self, notify: impl FnOnce()) {
        self.post(TOKEN, notify);
    }

    /// Makes the thread look again.
    pub fn kick(&self, notify: impl FnOnce()) {
        self.post(KICK, notify);
    }

    fn post(&self, what: u32, notify: impl FnOnce()) {
        // Release: pairs with the Acquire in `wait_until`, `drive` and `take`: the thread sees what was done before.
        // Acquire: with the Release there; what the poller needs to be notified was set up before DRIVING.
        let before = self.state.fetch_or(what, Ordering::AcqRel);
        self.end_wait(before, what, notify);
    }

    /// Hands over the token. True: the thread was resting, and does nothing more but go, so that nobody has to wait for it; what is to be said
    /// when it has gone the caller says for it.
    pub fn dismiss(&self, notify: impl FnOnce()) -> bool {
        // Relaxed: the exchange decides.
        let mut before = self.state.load(Ordering::Relaxed);
        loop {
            let is_resting = before & RESTING != 0;
            let next = before | TOKEN | if is_resting { DISMISSED } else { 0 };
            // As in `post`.
            match self.state.compare_exchange_weak(
                before,
                next,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    self.end_wait(before, TOKEN, notify);
                    return is_resting;
                }
                Err(seen) => before = seen,
            }
        }
    }

    /// For a thread that goes: whether it was dismissed, and has nothing to say.
    pub fn take_dismissal(&self) -> bool {
        // Relaxed: it came with the token.
        let is_dismissed = self.state.load(Ordering::Relaxed) & DISMISSED != 0;
        if is_dismissed {
            self.take(DISMISSED);
        }
        is_dismissed
    }

    fn end_wait(&self, before: u32, what: u32, notify: impl FnOnce()) {
        if before & DRIVING != 0 {
            // Also if it was said before: perhaps by somebody late, who knew the thread in another runtime, and notified that one's poller.
            notify();
        } else if before & (PARKED | what) == PARKED {
            // The thread holds the lock from its last look at the state until it waits. If it was said before, that ended the wait.
            drop(self.lock.lock());
            self.condvar.notify_one();
        }
    }

    /// Sleeps until a token or a kick is there, or the time is over, more or less; either stays until taken.
    pub fn park(&self, timeout: Option<Duration>) {
        self.wait_until(TOKEN | KICK, PARKED, timeout);
    }

    /// The same for a thread that has nothing in hand and no root: if it gets a token there, and its worker is another's, it only goes.
    pub fn rest(&self, timeout: Option<Duration>) {
        self.wait_until(TOKEN | KICK, PARKED | RESTING, timeout);
    }

    /// Sleeps until then at most.
    #[cfg(not(heist_loom))]
    pub(crate) fn nap(&self, until: Instant) {
        self.nap_as(PARKED, until);
    }

    /// The same for a thread that attends to the driver after that, so that others are woken before it.
    #[cfg(not(heist_loom))]
    pub(crate) fn nap_beside_seat(&self, until: Instant) {
        self.nap_as(PARKED | ABSENT, until);
    }

    #[cfg(not(heist_loom))]
    fn nap_as(&self, meanwhile: u32, until: Instant) {
        let _punctual = Punctual::begin();
        let timeout = until.saturating_duration_since(Instant::now());
        self.wait_until(TOKEN | KICK, meanwhile, Some(timeout));
    }

    /// Sleeps in `wait` instead, which the `notify` of a post ends.
    pub fn drive(&self, wait: impl FnOnce()) {
        // AcqRel: pairs with `post`.
        if self.state.fetch_or(DRIVING, Ordering::AcqRel) & (TOKEN | KICK) == 0 {
            wait();
        }
        // AcqRel: as above.
        self.state.fetch_and(!DRIVING, Ordering::AcqRel);
    }

    /// Waits for the token and takes it. Called by an occupant whose bit somebody else has cleared: the token is on its way.
    pub fn take_token(&self) {
        self.wait_until(TOKEN, PARKED, None);
        self.take(TOKEN);
    }

    /// Whether a token or a kick is there.
    pub fn is_posted(&self) -> bool {
        // Relaxed: a hint; whoever is told so looks again.
        self.state.load(Ordering::Relaxed) & (TOKEN | KICK) != 0
    }

    pub fn has_token(&self) -> bool {
        // Acquire: pairs with the Release in `post`.
        self.state.load(Ordering::Acquire) & TOKEN != 0
    }

    /// Takes a kick, if there is one. What it was about is to be looked at after this.
    pub fn take_kick(&self) {
        // Relaxed: only this thread takes.
        if self.state.load(Ordering::Relaxed) & KICK != 0 {
            self.take(KICK);
        }
    }

    fn take(&self, what: u32) {
        // Acquire: pairs with the Release in `post`.
        self.state.fetch_and(!what, Ordering::AcqRel);
    }

    fn wait_until(&self, what: u32, meanwhile: u32, timeout: Option<Duration>) {
        // AcqRel: pairs with `post`: one of the two sees the other.
        if self.state.fetch_or(meanwhile, Ordering::AcqRel) & what == 0 {
            self.wait_slow(what, timeout);
        }
        // AcqRel: as above.
        self.state.fetch_and(!meanwhile, Ordering::AcqRel);
    }

    #[cfg(not(heist_loom))]
    fn wait_slow(&self, what: u32, timeout: Option<Duration>) {
        // A time too far to be an instant is never.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut guard = self.lock.lock();
        // Acquire: pairs with the Release in `post`.
        while self.state.load(Ordering::Acquire) & what == 0 {
            guard = match deadline {
                None => self.condvar.wait(guard),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return;
                    }
                    self.condvar.wait_timeout(guard, left)
                }
            };
        }
    }

    /// In a model nothing times out: a timeout is a thread of its own, that kicks.
    #[cfg(heist_loom)]
    fn wait_slow(&self, what: u32, _timeout: Option<Duration>) {
        let mut guard = self.lock.lock();
        // Acquire: pairs with the Release in `post`.
        while self.state.load(Ordering::Acquire) & what == 0 {
            guard = self.condvar.wait(guard);
        }
    }

    /// For choosing whom to wake: a thread in the poller, or one that goes there soon, is the second choice.
    pub fn is_driving(&self) -> bool {
        // Relaxed: a hint.
        self.state.load(Ordering::Relaxed) & (DRIVING | ABSENT) != 0
    }
}

impl crate::driver::Sleeper for Parker {
    fn park(&self, timeout: Option<Duration>) {
        #[cfg(not(heist_loom))]
        let _punctual = timeout.map(|_| Punctual::begin());
        Parker::park(self, timeout);
    }

    fn drive(&self, wait: impl FnOnce()) {
        Parker::drive(self, wait);
    }

    fn kick(&self, notify: impl FnOnce()) {
        Parker::kick(self, notify);
    }
}
