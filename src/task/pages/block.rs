//! Pages, which are allocated a few together: a head each, which says whose it is, and cells of one size.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::{self, NonNull};

use super::{CELL, MAX_CELL, PageSet, link};
use crate::task::Header;
#[cfg(heist_loom)]
use crate::task::modelled;
use crate::task::state::State;

/// A page begins at a multiple of its size, so that its head is found from the address of each of its cells.
const PAGE: usize = 16 * 1024;
/// Some allocators take that much more for a block, because of its alignment: so there are up to as many pages in one. With more of
/// them a few tasks that live on would keep much. Of large cells there are few in a page, and one less in the last: of these there are
/// half as many pages again, which is still less than what glibc would ask the system for each time.
const MOST: usize = 4;
const MOST_OF_LARGE: usize = 6;
const LARGE: usize = PAGE / 32;
/// Other allocators keep a few words beside each block, for which it leaves room: so blocks can lie without gaps.
const ROOM: usize = CELL;

/// The first bytes of a page. What others than the owner read is never written again.
struct Head {
    home: NonNull<PageSet>,
    class: usize,
    trim: Trim,
}

/// What the owner notes of a page while it looks which blocks it can do without.
#[derive(Default)]
pub(super) struct Trim {
    pub(super) free: usize,
    pub(super) goes: bool,
}

const _: () = assert!(size_of::<Head>() <= CELL && CELL + MAX_CELL + ROOM <= PAGE);

/// Dropped when none of its cells is in use.
pub(super) struct Block {
    first: NonNull<Head>,
    pages: usize,
    /// As in each head.
    class: usize,
}

// SAFETY: a block is plain memory; who may touch it is said at the top of `pages`.
unsafe impl Send for Block {}

impl Block {
    /// Free cells, each with a link to the next one. The first one. The set has `others` blocks of this class already, or more.
    pub(super) fn new(home: &PageSet, class: usize, others: usize) -> (Self, *mut Header) {
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
        let block = Self {
            first: base.cast(),
            pages,
            class,
        };
        for head in block.heads() {
            let new = Head {
                home: NonNull::from(home),
                class,
                trim: Trim::default(),
            };
            // SAFETY: inside the allocation, aligned, and nobody else knows it yet.
            unsafe { head.write(new) };
        }
        let mut first = ptr::null_mut();
        let mut last = &raw mut first;
        for cell in block.cells() {
            // SAFETY: as above.
            let state = unsafe { &raw mut (*cell).state };
            // SAFETY: as above.
            unsafe { state.write(State::free()) };
            // SAFETY: as above, or the variable.
            unsafe { *last = cell };
            last = link(cell);
            #[cfg(heist_loom)]
            // SAFETY: as above.
            unsafe {
                modelled::make(cell);
            }
        }
        // SAFETY: as above.
        unsafe { *last = ptr::null_mut() };
        (block, first)
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
        let room = if page + 1 == self.pages { ROOM } else { 0 };
        (PAGE - CELL - room) / self.cell_size()
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        (0..self.pages).map(|page| self.cells_in(page)).sum()
    }

    // By addition: a division takes longer than all the rest that is done to a new cell.
    pub(super) fn cells(&self) -> impl Iterator<Item = *mut Header> {
        let size = self.cell_size();
        let pages = self.heads().enumerate();
        pages.flat_map(move |(page, head)| {
            let first = head.wrapping_byte_add(CELL).cast::<Header>();
            (0..self.cells_in(page)).map(move |i| first.wrapping_byte_add(i * size))
        })
    }

    fn heads(&self) -> impl Iterator<Item = *mut Head> + use<> {
        let first = self.first.as_ptr();
        (0..self.pages).map(move |page| first.wrapping_byte_add(page * PAGE))
    }

    pub(super) fn address(&self) -> usize {
        self.first.addr().get()
    }

    /// The notes on each of its pages.
    ///
    /// # Safety
    /// The caller is the owner.
    pub(super) unsafe fn trims(&mut self) -> impl Iterator<Item = &mut Trim> {
        // SAFETY: the heads are there, and nobody but the owner looks at the field.
        self.heads().map(|head| unsafe { &mut (*head).trim })
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, by `new`.
        unsafe { dealloc(self.first.as_ptr().cast(), Self::layout(self.pages)) };
    }
}

/// The head of the page that a cell lies in.
fn head_of(cell: *mut Header) -> *mut Head {
    cell.map_addr(|address| address & !(PAGE - 1)).cast()
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
/// It is a cell in a page that is there, the caller is the owner, and nothing else that `trims` or this gave for the page is in use.
pub(super) unsafe fn trim_of<'a>(cell: *mut Header) -> &'a mut Trim {
    // SAFETY: nobody but the owner looks at the field.
    unsafe { &mut (*head_of(cell)).trim }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::super::CLASSES;
    use super::{Block, CELL, MOST, MOST_OF_LARGE, class_of, home_of, link, trim_of};
    use crate::task::PageSet;
    use std::collections::HashSet;
    use std::ptr::{self, NonNull};

    #[test]
    fn cells_lie_apart_inside_their_block_and_know_its_set_and_class() {
        let set = PageSet::new(ptr::null());
        for class in 0..CLASSES {
            for others in 0..=MOST_OF_LARGE + 1 {
                let (block, mut cell) = Block::new(&set, class, others);
                let size = CELL * (class + 1);
                let end = block.address() + Block::layout(block.pages).size();
                let mut cells = HashSet::new();
                let mut until = block.address();
                while !cell.is_null() {
                    assert!(cells.insert(cell.addr()));
                    assert!(cell.addr().is_multiple_of(CELL));
                    assert!(cell.addr() >= until + if cells.len() == 1 { CELL } else { 0 });
                    until = cell.addr() + size;
                    assert!(until <= end);
                    // SAFETY: the block is there, and its cells are this test's.
                    let home = unsafe { home_of(cell) };
                    assert_eq!(home, NonNull::from(&set));
                    // SAFETY: as above.
                    let of_page = unsafe { class_of(cell) };
                    assert_eq!(of_page, class);
                    // SAFETY: as above.
                    cell = unsafe { *link(cell) };
                }
                assert_eq!(cells.len(), block.len());
                let listed: HashSet<_> = block.cells().map(|cell| cell.addr()).collect();
                assert_eq!(cells, listed);
            }
        }
    }

    #[test]
    fn what_is_noted_beside_a_cell_stands_on_its_page() {
        let set = PageSet::new(ptr::null());
        let (mut block, _) = Block::new(&set, 0, MOST);
        for cell in block.cells() {
            // SAFETY: the block is this test's.
            unsafe { trim_of(cell) }.free += 1;
        }
        // SAFETY: as above.
        let free: Vec<usize> = unsafe { block.trims() }.map(|trim| trim.free).collect();
        let cells: Vec<usize> = (0..MOST).map(|page| block.cells_in(page)).collect();
        assert_eq!(free, cells);
        assert_eq!(free.iter().sum::<usize>(), block.len());
    }
}
