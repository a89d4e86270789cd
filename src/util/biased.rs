//! A lock that is biased: towards an owner, who goes in and out without a read-modify-write for as long as nobody else comes.
//!
//! The owner says that it is in, and looks whether the lock is shared; whoever else comes says that it is, and waits until the owner is out, both around
//! the heavy half of an [asymmetric fence](super::asymmetric). From then on the owner takes the lock as others do, until it has gone in so often
//! without meeting anybody that this has cost as much as the fence.
//!
//! After Dice, Moir and Scherer, "Quickly reacquirable locks" (2003).
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::time::{Duration, Instant};

use crate::sync::{AtomicBool, Mutex, Ordering, UnsafeCell, give_way};
use crate::util::asymmetric;

/// So often the owner takes the lock before it is biased, which takes about as long as a barrier. Each time that somebody comes soon then, twice as often.
const STREAK: u32 = if cfg!(heist_loom) { 4 } else { 256 };
const LONGEST: u32 = if cfg!(heist_loom) { 4 } else { 1 << 14 };

/// After that long it is taken to have paid that the lock was biased.
const SOON: Duration = Duration::from_millis(1);

/// As long as the owner may well be in without having lost its processor.
const SPINS: u32 = if cfg!(heist_loom) { 1 } else { 100 };

/// A value under such a lock.
#[derive(Debug)]
pub struct Biased<T> {
    /// The owner has to take the lock.
    shared: AtomicBool,
    /// The owner is in, without the lock.
    busy: AtomicBool,
    lock: Mutex<Streak>,
    value: UnsafeCell<T>,
}

#[derive(Debug)]
struct Streak {
    /// How often the owner has taken the lock since others did.
    so_far: u32,
    /// How often it does.
    wanted: u32,
    /// When the lock was biased the last time.
    biased_at: Option<Instant>,
}

impl Streak {
    /// Somebody else comes while the lock is biased.
    fn breaks_off(&mut self) {
        // To a model all that happens is soon, as it has no clock.
        let has_paid = !cfg!(heist_loom) && self.biased_at.is_some_and(|at| at.elapsed() >= SOON);
        self.wanted = if has_paid {
            STREAK
        } else {
            LONGEST.min(2 * self.wanted)
        };
    }
}

// SAFETY: one thread at a time gets to the value: see `own` and `share`.
unsafe impl<T: Send> Sync for Biased<T> {}

impl<T> Biased<T> {
    /// Shared, to begin with.
    pub fn new(value: T) -> Self {
        Self {
            shared: AtomicBool::new(true),
            busy: AtomicBool::new(false),
            lock: Mutex::new(Streak {
                so_far: 0,
                wanted: STREAK,
                biased_at: None,
            }),
            value: UnsafeCell::new(value),
        }
    }

    /// For the owner. `f` must not come back here.
    ///
    /// # Safety
    /// One thread is the owner at a time, and whoever becomes the owner comes after what the last one did.
    #[inline]
    pub unsafe fn own<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // Relaxed: only the owner takes the flag back.
        if self.shared.load(Ordering::Relaxed) {
            return self.own_shared(f);
        }
        debug_assert!(!self.busy.load(Ordering::Relaxed), "`f` came back");
        // Relaxed: ordered by the fence.
        self.busy.store(true, Ordering::Relaxed);
        let out = Out(&self.busy);
        // Pairs with the heavy one in `share`: either that finds us in, or we find the lock shared.
        asymmetric::light();
        // Relaxed: ordered by the fence.
        if self.shared.load(Ordering::Relaxed) {
            drop(out);
            return self.own_shared(f);
        }
        // SAFETY: the owner is in, and alone: others have the lock shared first, and then wait until the owner is out.
        self.value.with_mut(|value| f(unsafe { &mut *value }))
    }

    #[inline(never)]
    fn own_shared<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let mut streak = self.lock.lock();
        streak.so_far += 1;
        if streak.so_far > streak.wanted {
            streak.biased_at = Some(Instant::now());
            // Relaxed: the owner alone heeds it, and others look under the lock.
            self.shared.store(false, Ordering::Relaxed);
        }
        // SAFETY: by the lock. The owner is here, and so not in without it.
        self.value.with_mut(|value| f(unsafe { &mut *value }))
    }

    /// For anybody. `f` must not come back here.
    pub fn share<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let mut streak = self.lock.lock();
        // Relaxed: it becomes false under the lock only.
        if !self.shared.load(Ordering::Relaxed) {
            self.exclude();
            streak.breaks_off();
        }
        streak.so_far = 0;
        // SAFETY: by the lock, and the owner takes it too.
        self.value.with_mut(|value| f(unsafe { &mut *value }))
    }

    /// Makes the owner take the lock. Under the lock.
    #[cold]
    fn exclude(&self) {
        // Relaxed: ordered by the fence.
        self.shared.store(true, Ordering::Relaxed);
        // Pairs with the light one in `own`.
        asymmetric::heavy();
        // Acquire: pairs with the Release of `Out`.
        for _ in 0..SPINS {
            if !self.busy.load(Ordering::Acquire) {
                return;
            }
            std::hint::spin_loop();
        }
        while self.busy.load(Ordering::Acquire) {
            // Longer only if the owner's thread lost its processor in there.
            give_way();
        }
    }
}

/// The owner goes out.
struct Out<'a>(&'a AtomicBool);

impl Drop for Out<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `exclude`.
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_since_when_the_lock_is_biased() {
        let lock = Biased::new(0);
        for _ in 0..=STREAK {
            assert!(lock.lock.lock().biased_at.is_none());
            // SAFETY: there is one thread.
            unsafe { lock.own(|value| *value += 1) };
        }
        assert!(lock.lock.lock().biased_at.is_some());
        assert!(!lock.shared.load(Ordering::Relaxed));
    }

    #[test]
    fn who_comes_soon_makes_the_owner_wait_for_longer_and_who_comes_late_does_not() {
        let now = Instant::now();
        let mut streak = Streak {
            so_far: 0,
            wanted: STREAK,
            biased_at: Some(now + Duration::from_secs(3600)),
        };
        streak.breaks_off();
        assert_eq!(streak.wanted, 2 * STREAK);
        for _ in 0..20 {
            streak.breaks_off();
        }
        assert_eq!(streak.wanted, LONGEST);
        streak.biased_at = now.checked_sub(SOON);
        streak.breaks_off();
        assert_eq!(streak.wanted, STREAK);
    }
}
