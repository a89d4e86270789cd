//! Blocks: pages are allocated a few together.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use super::page::{Free, Head, PAGE};
use super::{CELL, MAX_CELL, PageSet};
use crate::task::Header;
#[cfg(heist_loom)]
use crate::task::modelled;
use crate::task::state::State;

/// Some allocators take as much as a page more for a block, because of its alignment: so there are up to as many pages in one. With more of
/// them a few tasks that live on would keep much. Of large cells there are few in a page, and one less in the last: of these there are
/// half as many pages again, which is still less than what glibc would ask the system for each time.
const MOST: usize = 4;
const MOST_OF_LARGE: usize = 6;
const LARGE: usize = PAGE / 32;
/// Other allocators keep a few words beside each block, for which it leaves room: so blocks can lie without gaps.
const ROOM: usize = CELL;

const _: () = assert!(CELL + MAX_CELL + ROOM <= PAGE);

/// Dropped when none of its cells is in use.
pub(super) struct Block {
    first: NonNull<Head>,
    /// For each page.
    free: NonNull<[Free]>,
    /// As in each head.
    class: usize,
}

// SAFETY: a block is plain memory; who may touch it is said at the top of `pages`.
unsafe impl Send for Block {}

impl Block {
    /// All of its cells are free. The set has `others` blocks of this class already, or more.
    pub(super) fn new(home: &PageSet, class: usize, others: usize) -> Self {
        let most = match CELL * (class + 1) {
            _ if cfg!(heist_loom) => 1,
            size if size > LARGE => MOST_OF_LARGE,
            _ => MOST,
        };
        let pages = others.clamp(1, most);
        let layout = Self::layout(pages);
        // SAFETY: the layout is not empty.
        let Some(base) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        let first = base.cast::<Head>();
        let free = heads(first, pages).map(Free::of);
        let free = NonNull::from(Box::leak(free.collect::<Box<[Free]>>()));
        let block = Self { first, free, class };
        for (head, free) in heads(first, pages).zip(block.free()) {
            let new = Head {
                home: NonNull::from(home),
                class,
                free,
            };
            // SAFETY: inside the allocation, aligned, and nobody else knows it yet.
            unsafe { head.write(new) };
        }
        for (mut free, cell) in block.cells_and_pages() {
            // SAFETY: as above.
            let state = unsafe { &raw mut (*cell).state };
            // SAFETY: as above.
            unsafe { state.write(State::free()) };
            // SAFETY: leaked above, and nobody else knows it yet.
            unsafe { free.as_mut() }.put(cell);
            #[cfg(heist_loom)]
            // SAFETY: as above.
            unsafe {
                modelled::make(cell);
            }
        }
        block
    }

    fn layout(pages: usize) -> Layout {
        Layout::from_size_align(pages * PAGE - ROOM, PAGE)
            .expect("a few pages are no more than a program can have")
    }

    pub(super) fn class(&self) -> usize {
        self.class
    }

    fn cell_size(&self) -> usize {
        CELL * (self.class + 1)
    }

    /// How many cells there are in one of the pages. The last one is shorter.
    fn cells_in(&self, page: usize) -> usize {
        // Each cell is a step of every walk: a model has few.
        if cfg!(heist_loom) {
            return 2;
        }
        let room = if page + 1 == self.pages() { ROOM } else { 0 };
        (PAGE - CELL - room) / self.cell_size()
    }

    fn pages(&self) -> usize {
        self.free.len()
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        (0..self.pages()).map(|page| self.cells_in(page)).sum()
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = *mut Header> {
        self.cells_and_pages().map(|(_, cell)| cell)
    }

    // By addition: a division takes longer than all the rest that is done to a new cell.
    fn cells_and_pages(&self) -> impl Iterator<Item = (NonNull<Free>, *mut Header)> {
        let size = self.cell_size();
        let pages = heads(self.first, self.pages()).zip(self.free());
        pages.enumerate().flat_map(move |(page, (head, free))| {
            let first = head.wrapping_byte_add(CELL).cast::<Header>();
            (0..self.cells_in(page)).map(move |i| (free, first.wrapping_byte_add(i * size)))
        })
    }

    /// Where it is noted which cells of each page are free.
    pub(super) fn free(&self) -> impl DoubleEndedIterator<Item = NonNull<Free>> + use<> {
        let first = self.free.cast::<Free>();
        // SAFETY: inside the slice.
        (0..self.pages()).map(move |page| unsafe { first.add(page) })
    }

    pub(super) fn address(&self) -> usize {
        self.first.addr().get()
    }
}

/// Of so many pages from the first one on.
fn heads(first: NonNull<Head>, pages: usize) -> impl Iterator<Item = *mut Head> {
    let first = first.as_ptr();
    (0..pages).map(move |page| first.wrapping_byte_add(page * PAGE))
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, by `new`.
        unsafe { dealloc(self.first.as_ptr().cast(), Self::layout(self.pages())) };
        // SAFETY: leaked by `new`, and no page is left whose head leads there.
        drop(unsafe { Box::from_raw(self.free.as_ptr()) });
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::super::CLASSES;
    use super::super::page::{class_of, free_of, home_of};
    use super::*;
    use std::collections::HashSet;
    use std::ptr;

    #[test]
    fn cells_lie_apart_inside_their_block_and_know_its_set_and_class() {
        let set = PageSet::new(ptr::null());
        for class in 0..CLASSES {
            for others in 0..=MOST_OF_LARGE + 1 {
                let block = Block::new(&set, class, others);
                let size = CELL * (class + 1);
                let end = block.address() + Block::layout(block.pages()).size();
                let mut listed = HashSet::new();
                let mut until = block.address() + CELL;
                for (free, cell) in block.cells_and_pages() {
                    assert!(listed.insert(cell.addr()));
                    assert!(cell.addr().is_multiple_of(CELL) && cell.addr() >= until);
                    until = cell.addr() + size;
                    assert!(until <= end);
                    // SAFETY: the block is there, and its cells are this test's.
                    let home = unsafe { home_of(cell) };
                    assert_eq!(home, NonNull::from(&set));
                    // SAFETY: as above.
                    assert_eq!(unsafe { class_of(cell) }, class);
                    // SAFETY: as above.
                    assert_eq!(unsafe { free_of(cell) }, free);
                }
                assert_eq!(listed.len(), block.len());
                let mut given = HashSet::new();
                for mut free in block.free() {
                    // SAFETY: as above.
                    let free = unsafe { free.as_mut() };
                    while !free.is_empty() {
                        free.take_some(|cell| assert!(given.insert(cell.addr())));
                    }
                }
                assert_eq!(given, listed);
            }
        }
    }
}
