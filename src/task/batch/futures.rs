//! The futures of a batch that nobody has begun: side by side, in the order of the input.

use std::mem::{self, MaybeUninit};
use std::ptr::{self, NonNull};

use crate::sync::UnsafeCell;
use crate::util::contain::contain;

/// More would leave a range no room to count past its end.
const MOST: usize = (u32::MAX / 2) as usize;

/// Before the batch is made.
pub(crate) struct Unstarted<F>(Vec<F>);

// None of them is pinned before it has been moved into a cell.
impl<F> Unpin for Unstarted<F> {}
// SAFETY: a shared reference tells no more than how many there are.
unsafe impl<F: Send> Sync for Unstarted<F> {}

impl<F: Future> Unstarted<F> {
    pub(crate) fn collect<I>(iter: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoFuture<IntoFuture = F, Output = F::Output>,
    {
        // Should the iterator panic, it is our destructor that drops what there is so far.
        let mut this = Self(Vec::new());
        this.0.extend(iter.into_iter().map(IntoFuture::into_future));
        assert!(
            this.0.len() <= MOST,
            "more futures than can be gathered: at most {MOST}"
        );
        this
    }
}

impl<F> Unstarted<F> {
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).expect("limited by `collect`")
    }

    /// The same in the hands of whoever claims them.
    pub(super) fn into_futures(mut self) -> Futures<F> {
        let mut futures = mem::take(&mut self.0);
        // SAFETY: shorter. What is beyond belongs to who claims it.
        unsafe { futures.set_len(0) };
        Futures {
            first: NonNull::new(futures.as_mut_ptr()).expect("a vector's memory is not null"),
            memory: UnsafeCell::new(futures),
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
    first: NonNull<F>,
    /// As an empty vector. Shared by whoever takes a future; who says last that futures were taken has it alone.
    memory: UnsafeCell<Vec<F>>,
}

impl<F> Futures<F> {
    /// Moves a future into a cell.
    ///
    /// # Safety
    /// The caller claimed the index, moves or drops this future once, and has not said yet that it did.
    #[inline]
    pub(super) unsafe fn move_to(&self, index: u32, cell: &mut MaybeUninit<F>) {
        // SAFETY: as the caller promises.
        let place = unsafe { self.place(index) };
        // SAFETY: the future is there and the caller's, and the cell is not part of our memory. Not by value: futures may be large.
        unsafe { ptr::copy_nonoverlapping(place.as_ptr(), cell.as_mut_ptr(), 1) };
    }

    /// # Safety
    /// As for `move_to`.
    pub(super) unsafe fn drop(&self, index: u32) {
        if mem::needs_drop::<F>() {
            // SAFETY: as the caller promises.
            let place = unsafe { self.place(index) };
            // SAFETY: the future is there, and the caller's.
            contain(|| unsafe { place.drop_in_place() });
        }
    }

    /// # Safety
    /// As for `move_to`.
    #[inline]
    unsafe fn place(&self, index: u32) -> NonNull<F> {
        // For loom: the memory is there, as not all have been said to be taken.
        self.memory.with(|_| ());
        // SAFETY: the index is of a future that was collected.
        unsafe { self.first.add(index as usize) }
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// Every future was taken or dropped, and this is done once.
    pub(super) unsafe fn free(&self) {
        let memory = self
            .memory
            // SAFETY: nobody looks at the memory any more, as the caller promises.
            .with_mut(|memory| mem::take(unsafe { &mut *memory }));
        drop(memory);
    }
}
