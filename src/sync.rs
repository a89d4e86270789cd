//! The one place that chooses between the standard library's primitives and loom's.
//!
//! Everything else in the crate takes its atomics, locks and cells from here, so that building with
//! `--cfg heist_loom` puts the very code that ships under the model checker.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

#[cfg(not(heist_loom))]
use std::sync as imp;

#[cfg(heist_loom)]
use loom::sync as imp;

#[cfg(not(heist_loom))]
pub use imp::atomic::fence;
pub use imp::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

#[cfg(heist_loom)]
pub use loom::cell::UnsafeCell;

#[cfg(heist_loom)]
loom::lazy_static! {
    static ref FENCES: AtomicUsize = AtomicUsize::new(0);
}

/// loom takes a fence in one step with what the thread does before it, so that nobody would see the one without the other. The store between them makes it another
/// step. All fences store to the same place, as loom tries two orders of those only that have to do with each other. Nobody reads it: that orders nothing.
#[cfg(heist_loom)]
pub fn fence(order: Ordering) {
    FENCES.store(0, Ordering::Relaxed);
    imp::atomic::fence(order);
}

/// A process-wide flag, likewise.
pub use std::sync::atomic::AtomicBool as Flag;
/// A process-wide count that carries no protocol: never modelled, so that it can be a static.
pub use std::sync::atomic::AtomicU64 as Counter;
/// For those who leave a fence to the system or the processor.
pub use std::sync::atomic::compiler_fence;

pub use imp::MutexGuard;

/// Lets a thread go on that has lost its processor in a section so short that it wakes nobody at its end. Asleep, as one of a lower priority would get
/// nothing from a yield.
pub fn give_way() {
    #[cfg(heist_loom)]
    loom::thread::yield_now();
    #[cfg(not(heist_loom))]
    std::thread::sleep(Duration::from_micros(1));
}

use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

/// A `SeqCst` fence behind a read-modify-write, with nothing in between. On x86 that was one already, as its instruction is locked; so the compiler alone has
/// to be told.
#[inline(always)]
pub fn fence_behind_rmw() {
    let is_x86 = cfg!(any(target_arch = "x86", target_arch = "x86_64"));
    if is_x86 && !cfg!(any(heist_loom, miri)) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// A lock that does not poison: every critical section in the crate leaves its data whole, and user code
/// never runs inside one.
#[derive(Debug)]
pub struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    #[cfg(not(heist_loom))]
    pub const fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    #[cfg(heist_loom)]
    pub fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    /// None: somebody holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Of who has the only reference.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A condition variable to go with [`Mutex`].
#[derive(Debug)]
pub struct Condvar(imp::Condvar);

impl Condvar {
    #[cfg(not(heist_loom))]
    pub const fn new() -> Self {
        Self(imp::Condvar::new())
    }

    #[cfg(heist_loom)]
    pub fn new() -> Self {
        Self(imp::Condvar::new())
    }

    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most `timeout`. Spurious returns happen; callers look at their condition and the clock.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        match self.0.wait_timeout(guard, timeout) {
            Ok((guard, _)) => guard,
            Err(poisoned) => poisoned.into_inner().0,
        }
    }
}

/// `std::cell::UnsafeCell` with loom's interface, which reports each access to the checker.
#[cfg(not(heist_loom))]
#[derive(Debug)]
#[repr(transparent)]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(heist_loom))]
impl<T> UnsafeCell<T> {
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline(always)]
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
