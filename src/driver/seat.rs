//! The driver's seat: the right to look at the poller and the timers, held by one thread at a time.
//!
//! A notification is consumed by whoever looks, so a look beside a blocked wait would swallow it: every look holds the seat.
//! The word says who has it:
//!
//! - `FREE`;
//! - `LOOKING`: a busy worker has a quick look; `LOOKING_WANTED`: and a worker that wants to sleep in the seat was turned away
//!   meanwhile, so the looker wakes somebody when it gets up;
//! - otherwise the parker of the thread that blocks there, which is how it is interrupted.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::ptr;

use crate::sync::{AtomicPtr, Ordering};

/// `P` is what interrupts the holder: a parker.
#[derive(Debug)]
pub struct Seat<P>(AtomicPtr<P>);

/// What an attempt to sit down met.
#[derive(Debug, PartialEq, Eq)]
pub enum Sit {
    Seated,
    /// Somebody blocks there, or has been told to wake somebody.
    Taken,
}

fn free<P>() -> *mut P {
    ptr::null_mut()
}

fn looking<P>() -> *mut P {
    ptr::without_provenance_mut(1)
}

fn looking_wanted<P>() -> *mut P {
    ptr::without_provenance_mut(2)
}

impl<P> Seat<P> {
    pub fn new() -> Self {
        Self(AtomicPtr::new(free()))
    }

    /// Sits down to block. If a quick look is under way, leaves word that the seat is wanted.
    pub fn sit(&self, me: &'static P) -> Sit {
        let me = ptr::from_ref(me).cast_mut();
        loop {
            // Acquire: pairs with the Release in `leave`: the last holder's use of the poller comes before ours.
            let seen =
                match self
                    .0
                    .compare_exchange(free(), me, Ordering::Acquire, Ordering::Relaxed)
                {
                    Ok(_) => return Sit::Seated,
                    Err(seen) => seen,
                };
            if seen != looking() {
                return Sit::Taken;
            }
            // Relaxed: the looker's `leave` swaps, so it sees this or comes before it.
            if self
                .0
                .compare_exchange(
                    looking(),
                    looking_wanted(),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
            {
                return Sit::Taken;
            }
        }
    }

    /// Sits down for a quick look.
    pub fn look(&self) -> bool {
        // Acquire: pairs with the Release in `leave`.
        self.is_free()
            && self
                .0
                .compare_exchange(free(), looking(), Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }

    /// Gets up. True: somebody who wanted to sleep here was turned away, so somebody has to be woken for it.
    #[must_use]
    pub fn leave(&self) -> bool {
        // Release: pairs with the Acquire in `sit` and `look`. AcqRel also orders it after a `looking_wanted`.
        self.0.swap(free(), Ordering::AcqRel) == looking_wanted()
    }

    pub fn is_free(&self) -> bool {
        // Relaxed: whoever relies on it has a fence before.
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// The parker of the thread that blocks in the seat.
    pub fn holder(&self) -> Option<&'static P> {
        // Relaxed: whoever relies on it has a fence before; parkers are static and were made long ago.
        let holder = self.0.load(Ordering::Relaxed);
        if holder == free() || holder == looking() || holder == looking_wanted() {
            return None;
        }
        // SAFETY: every other value was stored by `sit` from a static reference.
        Some(unsafe { &*holder })
    }
}
