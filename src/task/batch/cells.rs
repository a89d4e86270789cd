//! Where the elements of a batch lie that have begun: cells in chunks, which keep their place until the batch goes.
//!
//! A range's runner has a *shelf* of cells. It polls one element after the other in the same cell for as long as they are ready at
//! once and nobody keeps a reference. So tasks that never wait take a handful of cells.

use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::sync::{Mutex, UnsafeCell};
use crate::task::Header;
use crate::task::state::State;
use crate::util::contain::contain;

/// Bytes in a chunk, at most, or one cell: below the size from which allocators ask the system each time.
const CHUNK: usize = 64 * 1024;
/// Cells in a shelf's first chunk, and how many times as many there are in the next one.
const FIRST: usize = 8;

/// An element. Before the cell is used for the first time only its state word is there, which says that it is free.
#[repr(C)]
pub(super) struct Element<F> {
    pub(super) header: Header,
    /// Where it belongs, typed where that is known.
    pub(super) batch: NonNull<()>,
    /// Whoever has RUNNING.
    pub(super) future: UnsafeCell<MaybeUninit<F>>,
}

/// The memory, not the futures in it.
pub(super) struct Cells<F> {
    chunks: Mutex<Chunks<F>>,
}

/// Most batches have no more than one.
struct Chunks<F> {
    first: Option<Chunk<F>>,
    others: Vec<Chunk<F>>,
}

type Chunk<F> = NonNull<[MaybeUninit<Element<F>>]>;

impl<F> Chunks<F> {
    fn push(&mut self, chunk: Chunk<F>) {
        match self.first {
            None => self.first = Some(chunk),
            Some(_) => self.others.push(chunk),
        }
    }

    fn get(&self, number: usize) -> Option<Chunk<F>> {
        match number.checked_sub(1) {
            None => self.first,
            Some(other) => self.others.get(other).copied(),
        }
    }

    fn drain(&mut self) -> impl Iterator<Item = Chunk<F>> {
        self.first.take().into_iter().chain(self.others.drain(..))
    }
}

impl<F> Cells<F> {
    pub(super) fn new() -> Self {
        Self {
            chunks: Mutex::new(Chunks {
                first: None,
                others: Vec::new(),
            }),
        }
    }

    /// So many new cells, all free. The first one.
    #[cold]
    fn add(&self, count: usize) -> NonNull<Element<F>> {
        let mut chunk = Box::<[Element<F>]>::new_uninit_slice(count);
        for cell in &mut chunk {
            // SAFETY: the place is inside the cell, which is ours.
            let state = unsafe { &raw mut (*cell.as_mut_ptr()).header.state };
            // SAFETY: as above.
            unsafe { state.write(State::free()) };
            // SAFETY: as above.
            let future = unsafe { &raw mut (*cell.as_mut_ptr()).future };
            // SAFETY: as above.
            unsafe { future.write(UnsafeCell::new(MaybeUninit::uninit())) };
        }
        let chunk = NonNull::from(Box::leak(chunk));
        self.chunks.lock().push(chunk);
        chunk.cast()
    }

    /// The first cell of a chunk, and how many there are, in the order in which chunks were added.
    pub(super) fn chunk(&self, number: usize) -> Option<(NonNull<Element<F>>, usize)> {
        let chunk = self.chunks.lock().get(number)?;
        Some((chunk.cast(), chunk.len()))
    }
}

impl<F> Drop for Cells<F> {
    fn drop(&mut self) {
        for chunk in self.chunks.lock().drain() {
            // SAFETY: leaked by `add`. What was in it is gone, or not ours to drop.
            drop(unsafe { Box::from_raw(chunk.as_ptr()) });
        }
    }
}

/// Cells that are free, for one runner.
pub(super) struct Shelf<F> {
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
            next: ptr::null_mut(),
            left: 0,
            used: false,
            growth: FIRST,
        }
    }

    /// The next cell, which stays the next one until `hand_out`, and whether it was used before. `more` says how many elements there are to
    /// come, the present one among them.
    #[inline]
    pub(super) fn cell(
        &mut self,
        cells: &Cells<F>,
        more: impl FnOnce() -> u32,
    ) -> (NonNull<Element<F>>, bool) {
        if self.left == 0 {
            let most = (CHUNK / size_of::<Element<F>>()).max(1);
            self.left = self.growth.min(most).min(more() as usize).max(1);
            self.growth = self.growth.saturating_mul(FIRST);
            self.next = cells.add(self.left).as_ptr();
        }
        let used = std::mem::replace(&mut self.used, true);
        // SAFETY: in a chunk, as some are left.
        (unsafe { NonNull::new_unchecked(self.next) }, used)
    }

    /// The next cell belongs to its element from now on.
    #[inline]
    pub(super) fn hand_out(&mut self) {
        self.next = self.next.wrapping_add(1);
        self.left -= 1;
        self.used = false;
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
