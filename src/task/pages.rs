//! Where cells live: pages of equal cells, allocated in blocks of a few. A block goes back to the system when none of its cells is in use, which
//! its owner knows ([`trim`]), under the lock that keeps walkers out.
//!
//! A *page set* belongs to a worker (or, of a few per engine, to whoever holds its lock, for foreign threads). Its owner
//! allocates and frees without an atomic, from a list of free cells per size class, which is brought into order now and then (`local`). Everybody else frees by pushing onto the
//! set's remote stack, which the owner takes over whole. The pages are also the registry of all tasks:
//! listing or cancelling them is a walk, and a spawn pays nothing for being listed. Which set a cell belongs to stands at the head of its page, whose
//! address is that of the cell without its last bits.
//!
//! | what | who |
//! |---|---|
//! | `local` | the owner: the thread seated at the worker, or the holder of the foreign set's lock, or the closer after all left, or the end of a run that has claimed all bits |
//! | `remote` | anybody (push); the owner (take all) |
//! | `given_up` | anybody (add); the owner (take) |
//! | `blocks` | under its lock: the owner adds and removes, walkers read |
//! | a cell's state word | anybody, at any time: a free cell has no reference, or is complete |
//! | a free cell's second word | the link of the list or stack it is in |
//! | a page's head | written before there are cells, and read by anybody who has one |
//! | the map of a page | the owner |
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

mod block;
mod hold;
mod local;
mod page;
mod remote;
mod trim;

use std::fmt;
use std::mem::offset_of;
use std::ptr::NonNull;

use crossbeam_utils::CachePadded;

use super::header::{Header, TaskRef};
#[cfg(heist_loom)]
use super::modelled;
use crate::sync::{AtomicU64, Mutex, Ordering, UnsafeCell};
use block::Block;
use hold::GivenUp;
pub(crate) use hold::Hold;
use local::Local;
use remote::RemoteStack;

/// Cells are of a multiple of this, and aligned to it: a cache line of most processors, so what runs on different threads shares none there.
const CELL: usize = 64;
const CLASSES: usize = 32;
/// The largest cell; a task that needs more has its future and output boxed.
pub(crate) const MAX_CELL: usize = CELL * CLASSES;
pub(crate) const CELL_ALIGN: usize = CELL;

/// The size class for a cell of `size` bytes, at least one.
pub(crate) const fn class_of(size: usize) -> usize {
    (size - 1) / CELL
}

/// The pages of one worker, or of some foreign threads. From its first page on it stays where it is, and is never borrowed exclusively: the pages
/// know its address.
pub struct PageSet {
    /// The engine, for the scheduler's eyes only. Read wherever one of the set's tasks is woken, so it shares no line with what the owner
    /// writes.
    pub(crate) engine: CachePadded<*const ()>,
    /// Written by everybody.
    remote: CachePadded<RemoteStack>,
    /// Likewise.
    given_up: CachePadded<GivenUp>,
    local: UnsafeCell<Local>,
    blocks: Mutex<Vec<Block>>,
    /// Tasks spawned here, counted by the owner and read by anybody.
    spawned: AtomicU64,
}

// SAFETY: the table above: `local` is touched by one owner at a time, who gets it with the worker's bit or the
// foreign set's lock; the rest is Sync by itself; `engine` is an address that this file never follows.
unsafe impl Sync for PageSet {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for PageSet {}

impl PageSet {
    pub(crate) fn new(engine: *const ()) -> Self {
        Self {
            engine: CachePadded::new(engine),
            local: UnsafeCell::new(Local::new()),
            remote: CachePadded::new(RemoteStack::new()),
            given_up: CachePadded::new(GivenUp::new()),
            blocks: Mutex::new(Vec::new()),
            spawned: AtomicU64::new(0),
        }
    }

    /// A free cell of `class`, all of whose fields but the state word are to be written.
    ///
    /// # Safety
    /// The caller is the owner, and the set stays where it is until it is dropped.
    #[inline]
    pub(crate) unsafe fn take(&self, class: usize) -> NonNull<Header> {
        self.local.with_mut(|local| {
            // SAFETY: the caller is the owner, so nobody else has a reference into `local`.
            let local = unsafe { &mut *local };
            if local.free[class].is_null() {
                self.refill(local, class);
            }
            local.out += 1;
            let cell = local.free[class];
            // SAFETY: `refill` leaves a cell in the list, and links of listed cells belong to the owner.
            local.free[class] = unsafe { *link(cell) };
            #[cfg(heist_loom)]
            // SAFETY: a cell in the list, and so the owner's.
            unsafe {
                modelled::take(cell);
            }
            // SAFETY: as above, not null.
            unsafe { NonNull::new_unchecked(cell) }
        })
    }

    /// The first of the next `count` task ids of this set; also counts the spawns.
    ///
    /// # Safety
    /// The caller is the owner.
    #[inline]
    pub(crate) unsafe fn next_ids(&self, count: u64) -> super::TaskId {
        // Relaxed: a statistic with one writer.
        let spawned = self.spawned.load(Ordering::Relaxed);
        self.spawned.store(spawned + count, Ordering::Relaxed);
        // SAFETY: the caller is the owner, so nobody else has a reference into `local`.
        self.local
            .with_mut(|local| unsafe { (*local).ids.run_of(count) })
    }

    /// An id for a root or a hub, which is not counted as a spawned task.
    ///
    /// # Safety
    /// The caller is the owner.
    pub(crate) unsafe fn next_root_id(&self) -> super::TaskId {
        // SAFETY: the caller is the owner, so nobody else has a reference into `local`.
        self.local.with_mut(|local| unsafe { (*local).ids.next() })
    }

    /// For an engine that goes to its next run.
    pub(crate) fn reset_spawned(&self) {
        // Relaxed: a statistic.
        self.spawned.store(0, Ordering::Relaxed);
    }

    pub(crate) fn spawned(&self) -> u64 {
        // Relaxed: a statistic.
        self.spawned.load(Ordering::Relaxed)
    }

    /// Takes back a cell whose last reference is gone.
    ///
    /// # Safety
    /// The caller is the owner; the cell is of this set and of this class, and no reference to it is left.
    #[inline]
    pub(crate) unsafe fn put_back(&self, cell: NonNull<Header>, class: usize) {
        self.local.with_mut(|local| {
            // SAFETY: the caller is the owner.
            let local = unsafe { &mut *local };
            // SAFETY: as the caller promises.
            unsafe { local.put_back(cell.as_ptr(), class) };
        });
    }

    /// As [`put_back`](Self::put_back), by anybody. False: the set was retired, and the caller has to tell the engine that one more cell has come back.
    ///
    /// # Safety
    /// The cell is of this set, and no reference to it is left. The set is given by address: it may be gone once the cell is pushed.
    pub(crate) unsafe fn put_back_remote(set: NonNull<Self>, cell: NonNull<Header>) -> bool {
        // SAFETY: the cell keeps the set until it is pushed.
        let remote = unsafe { &(*set.as_ptr()).remote };
        // SAFETY: as the caller promises.
        unsafe { remote.push(cell.as_ptr()) }
    }

    /// The list for `class` is empty: lists what is noted on a page; or else takes over what others freed; or else makes new pages.
    #[cold]
    fn refill(&self, local: &mut Local, class: usize) {
        if local.lists_some(class) {
            return;
        }
        self.collect_remote(local);
        if !local.free[class].is_null() || local.lists_some(class) {
            return;
        }
        let block = Block::new(self, class, local.blocks[class]);
        local.blocks[class] += 1;
        local.cells += block.len();
        // SAFETY: the block is this set's, and new.
        unsafe { local.list_pages(&block) };
        self.blocks.lock().push(block);
        local.lists_some(class);
    }

    fn collect_remote(&self, local: &mut Local) -> usize {
        local.held -= self.given_up.take();
        let mut cell = self.remote.take_all();
        let mut count = 0;
        while !cell.is_null() {
            // SAFETY: what the stack gave is ours alone; a freed cell's link leads to the next one.
            let next = unsafe { *link(cell) };
            // SAFETY: its page is there for as long as the cell is out, which it is until here.
            let class = unsafe { page::class_of(cell) };
            // SAFETY: as above, and no reference is left.
            unsafe { local.put_back(cell, class) };
            count += 1;
            cell = next;
        }
        count
    }

    /// How many cells are out, and how many holds there are, after taking over what came back.
    ///
    /// # Safety
    /// The caller is the owner.
    pub(crate) unsafe fn cells_out(&self) -> usize {
        self.local.with_mut(|local| {
            // SAFETY: the caller is the owner.
            let local = unsafe { &mut *local };
            self.collect_remote(local);
            local.out + local.held
        })
    }

    /// Puts the tag on the remote stack, and on the holds: from now on frees are reported to the engine instead. Returns how many cells and holds
    /// came back before it. The engine's count of those that are out has been set before.
    pub(crate) fn retire(&self) -> usize {
        let mut cell = self.remote.close();
        let mut count = self.given_up.close();
        while !cell.is_null() {
            count += 1;
            // SAFETY: what the stack gave is ours alone; a freed cell's link leads to the next one.
            cell = unsafe { *link(cell) };
        }
        count
    }

    /// A reference to every living cell. User code may run when they are dropped, so no lock is held then.
    pub(crate) fn living(&self, into: &mut Vec<TaskRef>) {
        let blocks = self.blocks.lock();
        for block in blocks.iter() {
            for cell in block.cells() {
                // SAFETY: a listed block is there while the lock is held; its state words are written before it is listed, and never anything
                // but atomics.
                let state = unsafe { &(*cell).state };
                if state.retain_if_alive() {
                    // SAFETY: a block's cells are not null.
                    let cell = unsafe { NonNull::new_unchecked(cell) };
                    // SAFETY: the count just taken is the reference handed over.
                    into.push(unsafe { TaskRef::from_raw(cell) });
                }
            }
        }
    }
}

impl fmt::Debug for PageSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks = self.blocks.lock().len();
        write!(f, "{blocks} blocks, {} spawned", self.spawned())
    }
}

/// Where a free cell keeps the link: over the vtable, never over the state word.
fn link(cell: *mut Header) -> *mut *mut Header {
    cell.wrapping_byte_add(offset_of!(Header, fixed.vtable))
        .cast()
}

/// The set that a cell belongs to, and through it the engine.
///
/// # Safety
/// The cell was taken from a set, and is not given back yet.
#[inline]
pub(crate) unsafe fn home_of(cell: NonNull<Header>) -> NonNull<PageSet> {
    // SAFETY: a page stays for as long as one of its cells is out.
    unsafe { page::home_of(cell.as_ptr()) }
}

#[cfg(all(test, not(heist_loom)))]
mod tests;
