//! What the elements of a batch give, each into its slot.

use std::mem;
use std::ptr::NonNull;

use crate::sync::UnsafeCell;
use crate::util::contain::contain;

/// One slot for each element. A slot is its element's runner's; once all have ended, the slots are whoever's `end` says.
pub(super) struct Slots<T> {
    first: NonNull<T>,
    /// The memory of the slots, as an empty vector.
    memory: UnsafeCell<Vec<T>>,
    /// Which slots have a value; none of it where a value needs no drop.
    given: Box<[UnsafeCell<bool>]>,
}

impl<T> Slots<T> {
    pub(super) fn new(count: u32) -> Self {
        let mut memory = Vec::with_capacity(count as usize);
        let flags = if mem::needs_drop::<T>() { count } else { 0 };
        Self {
            first: NonNull::new(memory.as_mut_ptr()).expect("a vector's memory is not null"),
            memory: UnsafeCell::new(memory),
            given: (0..flags).map(|_| UnsafeCell::new(false)).collect(),
        }
    }

    /// # Safety
    /// The slot is the caller's, inside of what there is, and empty.
    #[inline]
    pub(super) unsafe fn put(&self, index: u32, value: T) {
        // SAFETY: as the caller promises.
        let slot = unsafe { self.first.add(index as usize) };
        // SAFETY: as above.
        unsafe { slot.write(value) };
        if mem::needs_drop::<T>() {
            // SAFETY: as above: the flag goes with the slot.
            self.given[index as usize].with_mut(|given| unsafe { *given = true });
        }
    }

    /// # Safety
    /// The slots are the caller's, the first `count` of them have values, and this is done once.
    pub(super) unsafe fn take(&self, count: u32) -> Vec<T> {
        let mut values = self
            .memory
            // SAFETY: the slots, and so their memory, are the caller's.
            .with_mut(|memory| mem::take(unsafe { &mut *memory }));
        // SAFETY: there is room for them, and they are there.
        unsafe { values.set_len(count as usize) };
        values
    }

    /// # Safety
    /// The slots are the caller's, their values were not taken, and this is done once.
    pub(super) unsafe fn drop_all(&self) {
        for (index, given) in self.given.iter().enumerate() {
            // SAFETY: the flags go with the slots.
            if given.with(|given| unsafe { *given }) {
                // SAFETY: there are as many slots as flags, or more.
                let slot = unsafe { self.first.add(index) };
                // SAFETY: it has a value, which is dropped once, as the caller promises.
                contain(|| unsafe { slot.drop_in_place() });
            }
        }
    }
}
