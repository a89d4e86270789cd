//! A place for one `Arc`, which whoever comes first takes.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;

use crate::sync::{AtomicPtr, Ordering};

/// Holds one `Arc`, or none. One that is left there for good is never dropped.
#[derive(Debug)]
pub struct Berth<T>(AtomicPtr<T>, PhantomData<Arc<T>>);

impl<T> Berth<T> {
    #[cfg(not(heist_loom))]
    pub const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()), PhantomData)
    }

    #[cfg(heist_loom)]
    pub fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()), PhantomData)
    }

    /// Puts one in, and gives the one that was there.
    pub fn replace(&self, arc: Arc<T>) -> Option<Arc<T>> {
        let new = Arc::into_raw(arc).cast_mut();
        // Release: pairs with the Acquires here and in `take`: what was done with it before comes before what is done with it next.
        self.own(self.0.swap(new, Ordering::AcqRel))
    }

    pub fn take(&self) -> Option<Arc<T>> {
        // Acquire: pairs with the Release in `replace`.
        self.own(self.0.swap(ptr::null_mut(), Ordering::Acquire))
    }

    fn own(&self, taken: *mut T) -> Option<Arc<T>> {
        // SAFETY: `replace` made it of an Arc, and the swap gave it to nobody else.
        (!taken.is_null()).then(|| unsafe { Arc::from_raw(taken) })
    }
}
