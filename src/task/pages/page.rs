//! A page: a head, which says whose it is, and cells of one size; and, elsewhere, a map of free ones.

use std::ptr::{self, NonNull};

use super::{CELL, PageSet};
use crate::task::Header;

/// A page begins at a multiple of its size, so that its head is found from the address of each of its cells.
pub(super) const PAGE: usize = 16 * 1024;

/// The first bytes of a page. Never written again, as others than the owner read it.
pub(super) struct Head {
    pub(super) home: NonNull<PageSet>,
    pub(super) class: usize,
    pub(super) free: NonNull<Free>,
}

const _: () = assert!(size_of::<Head>() <= CELL);

/// Free cells of a page, for the owner. In a line of its own.
#[repr(align(64))]
pub(super) struct Free {
    /// A bit for each line of the page: a free cell begins there.
    map: [u64; WORDS],
    /// A bit for each word of the map that is not zero.
    words: u32,
    page: *mut Head,
    /// Another page of the class that has some here.
    pub(super) next: *mut Free,
}

const BITS: usize = u64::BITS as usize;
const WORDS: usize = PAGE / CELL / BITS;

impl Free {
    /// None so far.
    pub(super) fn of(page: *mut Head) -> Self {
        Self {
            map: [0; WORDS],
            words: 0,
            page,
            next: ptr::null_mut(),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.words == 0
    }

    pub(super) fn count(&self) -> usize {
        self.map.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Gives out neighbours, the last one first: all that are in the first word of the map. There is one.
    #[inline]
    pub(super) fn take_some(&mut self, mut give: impl FnMut(*mut Header)) {
        let word = self.words.trailing_zeros() as usize;
        self.words &= self.words - 1;
        let mut bits = std::mem::take(&mut self.map[word]);
        while bits != 0 {
            let bit = BITS - 1 - bits.leading_zeros() as usize;
            bits ^= 1 << bit;
            let cell = self.page.wrapping_byte_add((word * BITS + bit) * CELL);
            give(cell.cast());
        }
    }

    /// A cell of this page.
    #[inline]
    pub(super) fn put(&mut self, cell: *mut Header) {
        let line = cell.addr() % PAGE / CELL;
        self.map[line / BITS] |= 1 << (line % BITS);
        self.words |= 1 << (line / BITS);
    }
}

/// The head of the page that a cell lies in.
fn head_of(cell: *mut Header) -> *mut Head {
    cell.map_addr(|address| address & !(PAGE - 1)).cast()
}

/// Whether two cells are more than two pages apart.
#[inline]
pub(super) fn are_far(cell: *mut Header, other: *mut Header) -> bool {
    let distance = cell.addr().wrapping_sub(other.addr());
    distance.wrapping_add(2 * PAGE) > 4 * PAGE
}

/// # Safety
/// It is a cell in a page that is there.
#[inline]
pub(super) unsafe fn home_of(cell: *mut Header) -> NonNull<PageSet> {
    // SAFETY: as the caller promises; the head is never written again.
    unsafe { (*head_of(cell)).home }
}

/// # Safety
/// It is a cell in a page that is there.
#[inline]
pub(super) unsafe fn class_of(cell: *mut Header) -> usize {
    // SAFETY: as the caller promises; the head is never written again.
    unsafe { (*head_of(cell)).class }
}

/// # Safety
/// It is a cell in a page that is there.
#[inline]
pub(super) unsafe fn free_of(cell: *mut Header) -> NonNull<Free> {
    // SAFETY: as the caller promises; the head is never written again.
    unsafe { (*head_of(cell)).free }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_given_out_together() {
        let page = ptr::without_provenance_mut::<Head>(5 * PAGE);
        let mut free = Free::of(page);
        let cell = |line: usize| page.wrapping_byte_add(line * CELL).cast::<Header>();
        for line in [200, 3, 64, 255, 1, 63] {
            free.put(cell(line));
        }
        assert_eq!(free.count(), 6);
        let mut take = |also: Option<usize>| {
            let mut taken = Vec::new();
            free.take_some(|cell| taken.push(cell));
            also.into_iter().for_each(|line| free.put(cell(line)));
            taken
        };
        assert_eq!(take(Some(2)), [63, 3, 1].map(cell));
        assert_eq!(take(None), [cell(2)]);
        assert_eq!(take(None), [cell(64)]);
        assert_eq!(take(None), [255, 200].map(cell));
        assert!(free.is_empty());
    }

    #[test]
    fn what_is_more_than_two_pages_apart_is_far() {
        let cell = ptr::without_provenance_mut::<Header>(5 * PAGE + 7 * CELL);
        for distance in [0, CELL, 2 * PAGE] {
            assert!(!are_far(cell, cell.wrapping_byte_add(distance)));
            assert!(!are_far(cell, cell.wrapping_byte_sub(distance)));
        }
        assert!(are_far(cell, cell.wrapping_byte_add(2 * PAGE + CELL)));
        assert!(are_far(cell, cell.wrapping_byte_sub(2 * PAGE + CELL)));
        assert!(are_far(cell, ptr::null_mut()));
    }
}
