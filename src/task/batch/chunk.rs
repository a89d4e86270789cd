//! A chunk of cells, and what has become of the elements in them: told to the batch when all of them have ended, and when nobody has a
//! reference to any. So those who run elements of different chunks write different words.

use std::alloc::{self, Layout, handle_alloc_error};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::cells::{CHUNK, Element};
use super::store::{self, Store};
use crate::sync::{AtomicU64, Ordering, UnsafeCell};
use crate::task::state::State;

/// In the word of a chunk: cells without an end, ...
const OPEN: u64 = 1;
/// ... references, with one more until the batch knows of the end, ...
const HELD: u64 = 1 << 21;
/// ... and cells that were handed out, or may be.
const HANDED: u64 = 1 << 42;
const FIELD: u64 = HELD - 1;

/// Cells side by side, behind what they have in common.
#[repr(C)]
pub(super) struct Chunk<F> {
    /// The batch, with a reference for each cell that was handed out, until [`Due::Release`].
    pub(super) batch: NonNull<()>,
    count: u32,
    word: AtomicU64,
    cells: [MaybeUninit<Element<F>>; 0],
}

/// What somebody who gave something back has to do.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing. The chunk may be gone.
    Nothing,
    /// Every element that kept its cell has ended. To tell the batch how many those are, and then give back that one reference.
    Settle(usize),
    /// Nobody has a reference to an element any more. To give back those of the chunk to the batch, which are so many.
    Release(usize),
}

impl<F> Chunk<F> {
    /// How many cells a chunk has at most.
    pub(super) const MOST: usize = {
        let room = CHUNK.saturating_sub(size_of::<Self>());
        match room / size_of::<Element<F>>() {
            0 => 1,
            most => most,
        }
    };

    /// The layout of so many cells behind what they have in common. None: it is that of the store.
    fn layout(count: usize) -> Option<Layout> {
        let cells = Layout::array::<Element<F>>(count).expect("a chunk is small");
        let (layout, _) = Layout::new::<Self>()
            .extend(cells)
            .expect("a chunk is small");
        let is_common = count == Self::MOST
            && layout.size() <= store::LAYOUT.size()
            && layout.align() <= store::LAYOUT.align();
        (!is_common).then(|| layout.pad_to_align())
    }

    /// So many free cells.
    pub(super) fn allocate(batch: NonNull<()>, count: u32, store: Option<&Store>) -> NonNull<Self> {
        let memory = match Self::layout(count as usize) {
            None => store::allocate(store),
            Some(layout) => {
                // SAFETY: a chunk has a size.
                let memory = unsafe { alloc::alloc(layout) };
                NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
            }
        };
        let chunk = memory.cast::<Self>();
        let all = u64::from(count);
        let new = Self {
            batch,
            count,
            word: AtomicU64::new(all * (OPEN + HELD + HANDED) + HELD),
            cells: [],
        };
        // SAFETY: allocated just now, for this.
        unsafe { chunk.write(new) };
        // SAFETY: made just now.
        let first = unsafe { Self::first(chunk) };
        for number in 0..count as usize {
            // SAFETY: inside of the chunk.
            let cell = unsafe { first.add(number) }.as_ptr();
            // SAFETY: the place is inside the cell, which is ours.
            let state = unsafe { &raw mut (*cell).header.state };
            // SAFETY: as above.
            unsafe { state.write(State::free()) };
            // SAFETY: as above.
            let home = unsafe { &raw mut (*cell).chunk };
            // SAFETY: as above.
            unsafe { home.write(chunk.cast()) };
            // SAFETY: as above.
            let future = unsafe { &raw mut (*cell).future };
            // SAFETY: as above.
            unsafe { future.write(UnsafeCell::new(MaybeUninit::uninit())) };
        }
        chunk
    }

    /// Gives the memory back, not the futures in it.
    ///
    /// # Safety
    /// From `allocate`, and nobody uses it any more.
    pub(super) unsafe fn free(chunk: NonNull<Self>, store: Option<&Store>) {
        // SAFETY: as the caller promises.
        let count = unsafe { chunk.as_ref() }.count();
        match Self::layout(count) {
            // SAFETY: as the caller promises; there is nothing in it that needs to be dropped.
            None => unsafe { store::free(chunk.cast(), store) },
            // SAFETY: as above.
            Some(layout) => unsafe { alloc::dealloc(chunk.as_ptr().cast(), layout) },
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// The first cell.
    ///
    /// # Safety
    /// The chunk is there.
    pub(super) unsafe fn first(chunk: NonNull<Self>) -> NonNull<Element<F>> {
        // SAFETY: as the caller promises.
        let cells = unsafe { &raw mut (*chunk.as_ptr()).cells };
        // SAFETY: a part of the chunk.
        unsafe { NonNull::new_unchecked(cells.cast()) }
    }

    /// How many elements have ended that the batch does not know of. For debug output.
    pub(super) fn untold(&self) -> usize {
        // Relaxed: for debug output.
        let word = self.word.load(Ordering::Relaxed);
        if field(word, OPEN) == 0 {
            return 0;
        }
        field(word, HANDED) - field(word, OPEN)
    }

    /// An element has ended; `released`: and its last reference is given back.
    ///
    /// # Safety
    /// So it is, and it is said once.
    #[inline]
    pub(super) unsafe fn ended(chunk: NonNull<Self>, released: bool) -> Due {
        // SAFETY: as the caller promises.
        unsafe { Self::give_back(chunk, OPEN + if released { HELD } else { 0 }) }
    }

    /// A reference is given back: the last one to an element that had ended before, or that of [`Due::Settle`].
    ///
    /// # Safety
    /// As for `ended`.
    pub(super) unsafe fn released(chunk: NonNull<Self>) -> Due {
        // SAFETY: as the caller promises.
        unsafe { Self::give_back(chunk, HELD) }
    }

    /// So many cells will not be handed out, but others were.
    ///
    /// # Safety
    /// As for `ended`.
    pub(super) unsafe fn close(chunk: NonNull<Self>, left: usize) -> Due {
        // SAFETY: as the caller promises.
        unsafe { Self::give_back(chunk, left as u64 * (OPEN + HELD + HANDED)) }
    }

    /// # Safety
    /// It was the caller's. The chunk is given by address, as another may free it once that is done.
    #[inline]
    unsafe fn give_back(chunk: NonNull<Self>, what: u64) -> Due {
        // SAFETY: kept by what is given back here.
        let word = unsafe { &(*chunk.as_ptr()).word };
        // Release, and Acquire for who gets to zero: what was done with all the elements comes before what the batch is told.
        let after = word.fetch_sub(what, Ordering::AcqRel) - what;
        if field(after, OPEN) == 0 && field(what, OPEN) > 0 {
            Due::Settle(field(after, HANDED))
        } else if field(after, HELD) == 0 {
            Due::Release(field(after, HANDED))
        } else {
            Due::Nothing
        }
    }
}

fn field(word: u64, unit: u64) -> usize {
    ((word / unit) & FIELD) as usize
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    fn chunk(count: u32) -> NonNull<Chunk<u64>> {
        Chunk::allocate(NonNull::dangling(), count, None)
    }

    fn free(chunk: NonNull<Chunk<u64>>) {
        // SAFETY: made by `chunk`, and not used any more.
        unsafe { Chunk::free(chunk, None) };
    }

    fn ended(chunk: NonNull<Chunk<u64>>, released: bool) -> Due {
        // SAFETY: not freed yet; there is no batch that would be told.
        unsafe { Chunk::ended(chunk, released) }
    }

    fn released(chunk: NonNull<Chunk<u64>>) -> Due {
        // SAFETY: as above.
        unsafe { Chunk::released(chunk) }
    }

    fn close(chunk: NonNull<Chunk<u64>>, left: usize) -> Due {
        // SAFETY: as above.
        unsafe { Chunk::close(chunk, left) }
    }

    fn untold(chunk: NonNull<Chunk<u64>>) -> usize {
        // SAFETY: as above.
        unsafe { chunk.as_ref() }.untold()
    }

    #[test]
    fn the_batch_is_told_once_of_the_end_and_once_of_the_references() {
        let made = chunk(3);
        assert_eq!(ended(made, true), Due::Nothing);
        assert_eq!(untold(made), 1);
        assert_eq!(ended(made, false), Due::Nothing, "somebody has a waker");
        assert_eq!(ended(made, true), Due::Settle(3));
        assert_eq!(untold(made), 0);
        assert_eq!(released(made), Due::Nothing, "that of the end");
        assert_eq!(released(made), Due::Release(3), "the waker's");
        free(made);
    }

    #[test]
    fn cells_that_are_left_are_no_elements() {
        let made = chunk(8);
        assert_eq!(ended(made, true), Due::Nothing);
        assert_eq!(close(made, 6), Due::Nothing);
        assert_eq!(untold(made), 1);
        assert_eq!(ended(made, true), Due::Settle(2));
        assert_eq!(released(made), Due::Release(2));
        free(made);
        let made = chunk(8);
        assert_eq!(ended(made, true), Due::Nothing);
        assert_eq!(close(made, 7), Due::Settle(1), "ended before");
        assert_eq!(released(made), Due::Release(1));
        free(made);
    }

    #[test]
    fn cells_lie_where_their_alignment_wants_them() {
        #[repr(align(256))]
        struct Aligned;
        let chunk = Chunk::<Aligned>::allocate(NonNull::dangling(), 3, None);
        // SAFETY: just made.
        let first = unsafe { Chunk::first(chunk) };
        for number in 0..3 {
            // SAFETY: inside of the chunk.
            let cell = unsafe { first.add(number) };
            assert!(cell.is_aligned());
            // SAFETY: as above; written by `allocate`.
            assert_eq!(unsafe { cell.as_ref() }.chunk, chunk.cast());
        }
        // SAFETY: not used any more.
        unsafe { Chunk::free(chunk, None) };
    }
}
