//! What the owner of a page set has, and nobody else: which cells are free.
//!
//! A free cell is in the list of its class, from which the next one is taken, or noted on the map of its page. If too many steps of a list lead far away, because
//! tasks ended in another order than they were spawned in, it is put away: its cells are noted, and are listed again page by page, in the order of their
//! addresses, when the list is empty. So tasks that are spawned together lie together again. A list that leads from page to page has each step go to
//! memory that no processor has at hand. mimalloc has a list for each page, for the same reason (Leijen, Zorn and de Moura, "Mimalloc: Free List
//! Sharding in Action", 2019).

use std::ptr::{self, NonNull};
use std::time::Instant;

use super::block::Block;
use super::page::{self, Free};
use super::{CLASSES, link};
use crate::task::Header;
use crate::task::id::IdBlock;

/// So many steps that lead far away are too many. Few tests have as many cells where they are slow.
pub(super) const SCATTERED: u16 = if cfg!(miri) { 2 } else { 2048 };
/// No more than so many cells are put away for each of these. Most of a list that leads far away less often is in order.
const CELLS_EACH: usize = 16;

/// See the module's page.
pub(super) struct Local {
    /// Free cells of each class, by their links: what was put back last comes first.
    pub(super) free: [*mut Header; CLASSES],
    /// So many were put in front of one that is far away, or of none, since the list was empty or put away.
    scattered: [u16; CLASSES],
    /// Pages on whose maps other free cells are noted.
    pub(super) pages: [*mut Free; CLASSES],
    /// Cells handed out and not yet seen to come back.
    pub(super) out: usize,
    /// Holds likewise.
    pub(super) held: usize,
    /// Cells in all blocks.
    pub(super) cells: usize,
    /// Blocks of each class.
    pub(super) blocks: [usize; CLASSES],
    /// When there were last so many free ones that blocks were given back.
    pub(super) trimmed: Option<Instant>,
    pub(super) ids: IdBlock,
}

impl Local {
    pub(super) fn new() -> Self {
        Self {
            free: [ptr::null_mut(); CLASSES],
            scattered: [0; CLASSES],
            pages: [ptr::null_mut(); CLASSES],
            out: 0,
            held: 0,
            cells: 0,
            blocks: [0; CLASSES],
            trimmed: None,
            ids: IdBlock::default(),
        }
    }

    /// # Safety
    /// The cell is of this set and of this class, and no reference to it is left.
    #[inline]
    pub(super) unsafe fn put_back(&mut self, cell: *mut Header, class: usize) {
        let last = self.free[class];
        // SAFETY: as the caller promises.
        unsafe { self.push(cell, class) };
        self.out -= 1;
        if page::are_far(cell, last) {
            self.steps_far(class);
        }
    }

    /// Out of line, as most cells are put back beside the one before.
    #[inline(never)]
    fn steps_far(&mut self, class: usize) {
        self.scattered[class] += 1;
        if self.scattered[class] == SCATTERED {
            self.put_away(class, CELLS_EACH * usize::from(SCATTERED));
        }
    }

    /// Lists neighbours that are noted on the map of a page, if there are any.
    pub(super) fn lists_some(&mut self, class: usize) -> bool {
        let page = self.pages[class];
        // SAFETY: a listed page is there, and the owner alone looks at what is noted of it.
        let Some(free) = (unsafe { page.as_mut() }) else {
            return false;
        };
        // SAFETY: free cells of this class, which are noted no more.
        free.take_some(|cell| unsafe { self.push(cell, class) });
        if free.is_empty() {
            self.pages[class] = free.next;
        }
        self.scattered[class] = 0;
        true
    }

    /// # Safety
    /// The cell is free, of this set and of this class, and in no list.
    #[inline]
    unsafe fn push(&mut self, cell: *mut Header, class: usize) {
        // SAFETY: a free cell's link belongs to the owner.
        unsafe { *link(cell) = self.free[class] };
        self.free[class] = cell;
    }

    /// Notes so many of the listed cells on the maps of their pages, or all there are.
    #[cold]
    pub(super) fn put_away(&mut self, class: usize, most: usize) {
        self.scattered[class] = 0;
        for _ in 0..most {
            let cell = self.free[class];
            if cell.is_null() {
                break;
            }
            // SAFETY: links of listed cells belong to the owner.
            self.free[class] = unsafe { *link(cell) };
            // SAFETY: it was listed, and is not any more.
            unsafe { self.note(cell, class) };
        }
    }

    /// # Safety
    /// The cell is free, of this set and of this class, and in no list.
    #[inline]
    unsafe fn note(&mut self, cell: *mut Header, class: usize) {
        // SAFETY: its page is there, as the set's blocks are.
        let free = unsafe { page::free_of(cell) };
        // SAFETY: there for as long as the page is, and the owner alone looks at it.
        let is_listed = !unsafe { free.as_ref() }.is_empty();
        if !is_listed {
            // SAFETY: as above, and it is in no list.
            unsafe { self.list(free, class) };
        }
        // SAFETY: as above, and it is the cell's page.
        unsafe { (*free.as_ptr()).put(cell) };
    }

    /// Puts a page in front of those on whose maps free cells are noted.
    ///
    /// # Safety
    /// The page is the set's and of this class, and in no list.
    #[inline]
    unsafe fn list(&mut self, free: NonNull<Free>, class: usize) {
        // SAFETY: there for as long as the page is, and the owner alone looks at it.
        unsafe { (*free.as_ptr()).next = self.pages[class] };
        self.pages[class] = free.as_ptr();
    }

    /// The same for those of a block that have any.
    ///
    /// # Safety
    /// The block is the set's, and its pages are in no list.
    pub(super) unsafe fn list_pages(&mut self, block: &Block) {
        for free in block.free().rev() {
            // SAFETY: as in `list`.
            if !unsafe { free.as_ref() }.is_empty() {
                // SAFETY: as the caller promises.
                unsafe { self.list(free, block.class()) };
            }
        }
    }
}
