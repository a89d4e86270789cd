//! Where the elements of a batch lie that have begun: cells in chunks, which keep their place until the batch goes.
//!
//! A range's runner has a *shelf* of cells. It polls one element after the other in the same cell for as long as they are ready at
//! once and nobody keeps a reference. So tasks that never wait take a handful of cells.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use super::chunk::Chunk;
use super::store::Store;
use crate::sync::{Mutex, UnsafeCell};
use crate::task::Header;
use crate::util::contain::contain;

/// Bytes in a chunk, at most, or one cell: below the size from which allocators ask the system each time.
pub(super) const CHUNK: usize = 64 * 1024;
/// Cells in a shelf's first chunk, and how many times as many there are in the next one.
const FIRST: usize = 8;

/// An element. Before the cell is used for the first time only its state word is there, which says that it is free, and its chunk.
#[repr(C)]
pub(super) struct Element<F> {
    pub(super) header: Header,
    /// Where it lies, typed where that is known.
    pub(super) chunk: NonNull<()>,
    /// Whoever has the turn.
    pub(super) future: UnsafeCell<MaybeUninit<F>>,
}

/// The memory, not the futures in it.
pub(super) struct Cells<F> {
    batch: NonNull<()>,
    chunks: Mutex<Chunks<F>>,
}

/// Most batches have no more than one.
struct Chunks<F> {
    first: Option<NonNull<Chunk<F>>>,
    others: Vec<NonNull<Chunk<F>>>,
}

impl<F> Chunks<F> {
    fn push(&mut self, chunk: NonNull<Chunk<F>>) {
        match self.first {
            None => self.first = Some(chunk),
            Some(_) => self.others.push(chunk),
        }
    }

    fn get(&self, number: usize) -> Option<NonNull<Chunk<F>>> {
        match number.checked_sub(1) {
            None => self.first,
            Some(other) => self.others.get(other).copied(),
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = NonNull<Chunk<F>>> {
        self.first.take().into_iter().chain(self.others.drain(..))
    }
}

impl<F> Cells<F> {
    /// Of this batch.
    pub(super) fn new(batch: NonNull<()>) -> Self {
        Self {
            batch,
            chunks: Mutex::new(Chunks {
                first: None,
                others: Vec::new(),
            }),
        }
    }

    fn add(&self, count: u32, store: Option<&Store>) -> NonNull<Chunk<F>> {
        let chunk = Chunk::allocate(self.batch, count, store);
        self.chunks.lock().push(chunk);
        chunk
    }

    /// In the order in which they were added.
    pub(super) fn chunk(&self, number: usize) -> Option<NonNull<Chunk<F>>> {
        self.chunks.lock().get(number)
    }

    /// Gives the memory back. What was in it is gone, or not ours to drop.
    ///
    /// # Safety
    /// The batch goes, and with it all that knew the cells.
    pub(super) unsafe fn free(&mut self, store: Option<&Store>) {
        for chunk in self.chunks.get_mut().drain() {
            // SAFETY: as the caller promises.
            unsafe { Chunk::free(chunk, store) };
        }
    }
}

/// Cells that are free, for one runner.
pub(super) struct Shelf<F> {
    /// Where they lie.
    chunk: Option<NonNull<Chunk<F>>>,
    next: *mut Element<F>,
    left: usize,
    /// The next cell was an element of this batch already.
    used: bool,
    /// How many cells the next chunk has, at most.
    growth: usize,
}

impl<F> Shelf<F> {
    pub(super) fn new() -> Self {
        Self {
            chunk: None,
            next: ptr::null_mut(),
            left: 0,
            used: false,
            growth: FIRST,
        }
    }

    /// The next cell, which stays the next one until `hand_out`, and whether it was used before. `more` says how many elements there are to
    /// come, the present one among them. `store` has memory for more cells.
    #[inline]
    pub(super) fn cell<'s>(
        &mut self,
        cells: &Cells<F>,
        more: impl FnOnce() -> u32,
        store: impl FnOnce() -> Option<&'s Store>,
    ) -> (NonNull<Element<F>>, bool) {
        if self.left == 0 {
            self.refill(cells, more() as usize, store());
        }
        let used = std::mem::replace(&mut self.used, true);
        // SAFETY: in a chunk, as some are left.
        (unsafe { NonNull::new_unchecked(self.next) }, used)
    }

    #[cold]
    fn refill(&mut self, cells: &Cells<F>, more: usize, store: Option<&Store>) {
        self.left = self.growth.min(Chunk::<F>::MOST).min(more).max(1);
        self.growth = self.growth.saturating_mul(FIRST);
        let count = u32::try_from(self.left).expect("a chunk is small");
        let chunk = cells.add(count, store);
        self.chunk = Some(chunk);
        // SAFETY: made just now.
        self.next = unsafe { Chunk::first(chunk) }.as_ptr();
    }

    /// The next cell belongs to its element from now on.
    #[inline]
    pub(super) fn hand_out(&mut self) {
        self.next = self.next.wrapping_add(1);
        self.left -= 1;
        self.used = false;
    }

    /// There will be no more elements: gives the chunk of which cells were handed out and others are left, and how many those are.
    #[inline]
    pub(super) fn close(&mut self) -> Option<(NonNull<Chunk<F>>, usize)> {
        let left = std::mem::take(&mut self.left);
        self.used = false;
        let chunk = self.chunk.take().filter(|_| left > 0)?;
        // SAFETY: the shelf's batch is there, and keeps it.
        let count = unsafe { chunk.as_ref() }.count();
        (left < count).then_some((chunk, left))
    }
}

/// # Safety
/// The future is there, and the caller's to drop.
#[inline]
pub(super) unsafe fn drop_future<F>(element: NonNull<Element<F>>) {
    if !std::mem::needs_drop::<F>() {
        return;
    }
    // SAFETY: a part of the cell that is there.
    let future = unsafe { &(*element.as_ptr()).future };
    future.with_mut(|future| {
        contain(|| {
            // SAFETY: the caller's alone, as it promises.
            let future = unsafe { &mut *future };
            // SAFETY: it is there, and dropped once, as the caller promises.
            unsafe { future.assume_init_drop() }
        });
    });
}
