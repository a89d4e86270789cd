//! Where the elements of a batch lie: chunks of equal cells, filled straight from the iterator.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use crate::sync::UnsafeCell;
use crate::task::Header;
use crate::task::state::State;
use crate::util::contain::contain;

/// Bytes in a chunk, about: below the size from which allocators ask the system each time.
const CHUNK: usize = 64 * 1024;

/// An element. Until it is claimed only the state word (free) and the body are there.
#[repr(C)]
pub(super) struct Element<F> {
    pub(super) header: Header,
    pub(super) origin: Origin,
    pub(super) body: Body<F>,
}

/// Where an element belongs.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    /// The batch, typed where it is known.
    pub(super) batch: NonNull<()>,
    pub(super) index: u32,
}

pub(super) struct Body<F> {
    /// Whether the value of this element is in its slot. The runner's; after the last completion whoever has the values.
    pub(super) has_output: UnsafeCell<bool>,
    /// Whoever has RUNNING.
    pub(super) future: UnsafeCell<ManuallyDrop<F>>,
}

/// The memory, not the futures in it.
pub(super) struct Cells<F> {
    /// Full ones, but for the last, which has `room` for so many cells.
    chunks: Vec<NonNull<Element<F>>>,
    room: usize,
    len: u32,
}

impl<F> Cells<F> {
    const PER_CHUNK: usize = {
        let fit = CHUNK / size_of::<Element<F>>();
        if fit == 0 { 1 } else { fit }
    };

    fn layout(cells: usize) -> Layout {
        Layout::array::<Element<F>>(cells).expect("a chunk is smaller than the address space")
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> NonNull<Element<F>> {
        let index = index as usize;
        let chunk = self.chunks[index / Self::PER_CHUNK];
        // SAFETY: callers name elements that are there, so the place is inside the chunk.
        unsafe { chunk.add(index % Self::PER_CHUNK) }
    }

    /// A place for one more. `more` is how many are known to come, this one included.
    fn grow(&mut self, more: usize) {
        if self.room < Self::PER_CHUNK && !self.chunks.is_empty() {
            let room = (self.room * 2).min(Self::PER_CHUNK);
            let layout = Self::layout(room);
            let last = self.chunks.len() - 1;
            let old = self.chunks[last].as_ptr().cast();
            // SAFETY: allocated by us with that layout; the new size is not zero. Nothing in it is pinned yet.
            let chunk = unsafe { realloc(old, Self::layout(self.room), layout.size()) };
            self.chunks[last] = not_null(chunk, layout);
            self.room = room;
            return;
        }
        self.chunks.reserve(1);
        let room = more.clamp(Self::PER_CHUNK.min(4), Self::PER_CHUNK);
        let layout = Self::layout(room);
        // SAFETY: the layout is not empty: there is a header in each cell.
        let chunk = unsafe { alloc(layout) };
        self.chunks.push(not_null(chunk, layout));
        self.room = room;
    }

    fn push(&mut self, future: F, more: usize) {
        let index = self.len;
        assert!(index < u32::MAX / 2, "more futures than can be gathered");
        let used = index as usize - self.chunks.len().saturating_sub(1) * Self::PER_CHUNK;
        if self.chunks.is_empty() || used == self.room {
            self.grow(more);
        }
        let cell = self.get(index).as_ptr();
        // SAFETY: the cell is inside the chunk.
        let state = unsafe { &raw mut (*cell).header.state };
        // SAFETY: nobody else knows the cell.
        unsafe { state.write(State::free()) };
        // SAFETY: as above.
        let body = unsafe { &raw mut (*cell).body };
        let new = Body {
            has_output: UnsafeCell::new(false),
            future: UnsafeCell::new(ManuallyDrop::new(future)),
        };
        // SAFETY: as above.
        unsafe { body.write(new) };
        self.len = index + 1;
    }
}

fn not_null<T>(chunk: *mut u8, layout: Layout) -> NonNull<T> {
    NonNull::new(chunk.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

impl<F> Drop for Cells<F> {
    fn drop(&mut self) {
        let last = self.chunks.len().saturating_sub(1);
        for (i, chunk) in self.chunks.iter().enumerate() {
            let cells = if i == last {
                self.room
            } else {
                Self::PER_CHUNK
            };
            // SAFETY: allocated by us with that layout; what was in it is gone, or not ours to drop.
            unsafe { dealloc(chunk.as_ptr().cast(), Self::layout(cells)) };
        }
    }
}

/// Futures in cells that nobody has begun.
pub(crate) struct Unstarted<F>(Cells<F>);

// SAFETY: it owns futures, and nothing else of it belongs to a thread.
unsafe impl<F: Send> Send for Unstarted<F> {}
// SAFETY: a shared reference tells no more than how many there are.
unsafe impl<F: Send> Sync for Unstarted<F> {}

impl<F: Future> Unstarted<F> {
    pub(crate) fn collect<I>(iter: I) -> Self
    where
        I: IntoIterator,
        I::Item: IntoFuture<IntoFuture = F, Output = F::Output>,
    {
        let mut this = Self(Cells {
            chunks: Vec::new(),
            room: 0,
            len: 0,
        });
        let iter = iter.into_iter();
        let expected = iter.size_hint().0;
        for item in iter {
            let more = expected.saturating_sub(this.0.len as usize);
            this.0.push(item.into_future(), more);
        }
        this
    }
}

impl<F> Unstarted<F> {
    pub(crate) fn len(&self) -> u32 {
        self.0.len
    }

    /// The cells, whose futures are the caller's to drop.
    pub(super) fn into_cells(self) -> Cells<F> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the cells are taken once.
        unsafe { std::ptr::read(&raw const this.0) }
    }
}

impl<F> Drop for Unstarted<F> {
    fn drop(&mut self) {
        for index in 0..self.0.len {
            // SAFETY: nobody has begun any of them, so each future is there, and dropped here once.
            unsafe { drop_future(self.0.get(index)) };
        }
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
    let future = unsafe { &(*element.as_ptr()).body.future };
    future.with_mut(|future| {
        contain(|| {
            // SAFETY: the caller's alone, as it promises.
            let future = unsafe { &mut *future };
            // SAFETY: once, as the caller promises.
            unsafe { ManuallyDrop::drop(future) }
        });
    });
}
