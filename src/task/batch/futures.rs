//! The futures of a batch that nobody has begun: side by side, in the order of the input.

use std::mem;

use crate::sync::{AtomicUsize, Ordering, UnsafeCell};
use crate::util::contain::contain;

/// More than this cannot be numbered.
const MOST: usize = (u32::MAX / 2) as usize;

/// Before the batch is made.
pub(crate) struct Unstarted<F>(Vec<F>);

// None of them is pinned before it has been moved into a cell.
impl<F> Unpin for Unstarted<F> {}

impl<F: Future> Unstarted<F> {
    pub(crate) fn collect<I>(iter: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoFuture<IntoFuture = F, Output = F::Output>,
    {
        let futures: Vec<F> = iter.into_iter().map(IntoFuture::into_future).collect();
        assert!(
            futures.len() <= MOST,
            "more futures than can be gathered: at most {MOST}"
        );
        Self(futures)
    }
}

impl<F> Unstarted<F> {
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).expect("limited by `collect`")
    }

    /// The same in the hands of whoever claims them.
    pub(super) fn into_futures(mut self) -> Futures<F> {
        let mut futures = mem::take(&mut self.0);
        let untaken = AtomicUsize::new(futures.len());
        // SAFETY: shorter. What is beyond belongs to who claims it.
        unsafe { futures.set_len(0) };
        Futures {
            memory: UnsafeCell::new(futures),
            untaken,
        }
    }
}

impl<F> Drop for Unstarted<F> {
    fn drop(&mut self) {
        if mem::needs_drop::<F>() {
            for future in self.0.drain(..) {
                contain(|| drop(future));
            }
        }
    }
}

/// In a batch. Each is moved out by who claimed its index; the memory goes with the last.
pub(super) struct Futures<F> {
    /// As an empty vector. Shared by whoever takes a future; by who took the last one, or has the batch, alone.
    memory: UnsafeCell<Vec<F>>,
    untaken: AtomicUsize,
}

impl<F> Futures<F> {
    /// # Safety
    /// The caller claimed the index, takes or drops this future once, and has not said yet that it did.
    #[inline]
    pub(super) unsafe fn take(&self, index: u32) -> F {
        // SAFETY: as the caller promises.
        let place = unsafe { self.place(index) };
        // SAFETY: the future is there, and the caller's.
        unsafe { place.read() }
    }

    /// # Safety
    /// As for `take`.
    pub(super) unsafe fn drop(&self, index: u32) {
        if mem::needs_drop::<F>() {
            // SAFETY: as the caller promises.
            let place = unsafe { self.place(index) };
            // SAFETY: the future is there, and the caller's.
            contain(|| unsafe { place.drop_in_place() });
        }
    }

    /// # Safety
    /// As for `take`.
    #[inline]
    unsafe fn place(&self, index: u32) -> *mut F {
        // SAFETY: the memory is there, as not all have been said to be taken.
        let first = self.memory.with(|memory| unsafe { (*memory).as_ptr() });
        // SAFETY: the index is of a future that was collected.
        unsafe { first.cast_mut().add(index as usize) }
    }

    /// So many futures have been taken or dropped.
    pub(super) fn taken(&self, count: usize) {
        // AcqRel, with itself: who gives the memory back comes after all who took futures out of it.
        if count > 0 && self.untaken.fetch_sub(count, Ordering::AcqRel) == count {
            let memory = self
                .memory
                // SAFETY: every future was taken: nobody looks at the memory any more.
                .with_mut(|memory| mem::take(unsafe { &mut *memory }));
            drop(memory);
        }
    }
}
