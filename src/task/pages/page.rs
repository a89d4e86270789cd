//! One page: a head, which says whose it is, and cells of one size.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};

use super::{CELL, MAX_CELL, PageSet, link};
use crate::task::Header;
#[cfg(heist_loom)]
use crate::task::modelled;
use crate::task::state::State;

/// A page begins at a multiple of this, so that its head is found from the address of each of its cells.
const ALIGN: usize = 16 * 1024;
/// A little less than that: allocators keep a few words beside each block, and so pages can lie without gaps.
const BYTES: usize = ALIGN - CELL;

/// The first bytes of a page. What others than the owner read is never written again.
struct Head {
    home: NonNull<PageSet>,
    class: usize,
    trim: Trim,
}

/// What the owner notes of a page while it looks which of them it can do without.
#[derive(Default)]
pub(super) struct Trim {
    pub(super) free: usize,
    pub(super) goes: bool,
}

const _: () = assert!(size_of::<Head>() <= CELL && CELL + MAX_CELL <= BYTES);

/// Dropped when none of its cells is in use.
pub(super) struct Page(NonNull<Head>);

// SAFETY: a page is plain memory; who may touch it is said at the top of `pages`.
unsafe impl Send for Page {}

impl Page {
    const LAYOUT: Layout = match Layout::from_size_align(BYTES, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("the alignment is a power of two"),
    };

    /// A page of free cells, each with a link to the next one. The first one.
    pub(super) fn new(home: &PageSet, class: usize) -> (Self, *mut Header) {
        // SAFETY: the layout is not empty.
        let base = unsafe { alloc(Self::LAYOUT) };
        let Some(base) = NonNull::new(base) else {
            handle_alloc_error(Self::LAYOUT)
        };
        let head = Head {
            home: NonNull::from(home),
            class,
            trim: Trim::default(),
        };
        let page = Self(base.cast());
        // SAFETY: inside the allocation, aligned, and nobody else knows it yet.
        unsafe { page.0.write(head) };
        let mut first = ptr::null_mut();
        for i in (0..page.cells()).rev() {
            let cell = page.cell(i);
            // SAFETY: as above.
            let state = unsafe { &raw mut (*cell).state };
            // SAFETY: as above.
            unsafe { state.write(State::free()) };
            // SAFETY: as above.
            unsafe { *link(cell) = first };
            first = cell;
            #[cfg(heist_loom)]
            // SAFETY: as above.
            unsafe {
                modelled::cell(cell);
            }
        }
        (page, first)
    }

    pub(super) fn cells(&self) -> usize {
        let cells = (BYTES - CELL) / self.cell_size();
        // Each cell is a step of every walk: a model has few.
        if cfg!(heist_loom) { 2 } else { cells }
    }

    fn cell_size(&self) -> usize {
        // SAFETY: the head is there as long as the page.
        CELL * (unsafe { (*self.0.as_ptr()).class } + 1)
    }

    pub(super) fn cell(&self, i: usize) -> *mut Header {
        debug_assert!(i < self.cells());
        let place = CELL + i * self.cell_size();
        // SAFETY: i is below the number of cells in the page.
        unsafe { self.0.byte_add(place) }.as_ptr().cast()
    }

    pub(super) fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// # Safety
    /// The caller is the owner.
    pub(super) unsafe fn trim(&mut self) -> &mut Trim {
        // SAFETY: nobody but the owner looks at the field.
        unsafe { &mut (*self.0.as_ptr()).trim }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, by `new`.
        unsafe { dealloc(self.0.as_ptr().cast(), Self::LAYOUT) };
    }
}

/// The head of the page that a cell lies in.
fn head_of(cell: *mut Header) -> *mut Head {
    cell.map_addr(|address| address & !(ALIGN - 1)).cast()
}

/// # Safety
/// It is a cell in a page that is there.
#[inline]
pub(super) unsafe fn home_of(cell: *mut Header) -> NonNull<PageSet> {
    // SAFETY: as the caller promises; the field is never written again.
    unsafe { (*head_of(cell)).home }
}

/// # Safety
/// It is a cell in a page that is there.
#[inline]
pub(super) unsafe fn class_of(cell: *mut Header) -> usize {
    // SAFETY: as the caller promises; the field is never written again.
    unsafe { (*head_of(cell)).class }
}

/// # Safety
/// It is a cell in a page that is there, the caller is the owner, and nothing else that `trim` or this gave for the page is in use.
pub(super) unsafe fn trim_of<'a>(cell: *mut Header) -> &'a mut Trim {
    // SAFETY: nobody but the owner looks at the field.
    unsafe { &mut (*head_of(cell)).trim }
}
