//! Memory of chunks that went with their batches, for the next ones. Allocators that give such amounts back to the system at once would
//! have it cleared, page by page, for every batch.

use std::alloc::{self, Layout, handle_alloc_error};
use std::mem;
use std::ptr::NonNull;

use super::cells::CHUNK;
use crate::sync::Mutex;

/// So many are kept at most: 16 MiB.
const MOST: usize = 256;

/// What every chunk in the store can be: of this size, and aligned as allocators do without being asked to.
pub(super) const LAYOUT: Layout = match Layout::from_size_align(CHUNK, 16) {
    Ok(layout) => layout,
    Err(_) => panic!("a power of two, and not too much"),
};

/// See the module's page. One for each engine.
pub(crate) struct Store(Mutex<Shelves>);

struct Shelves {
    /// The one that came last is taken first.
    memory: Vec<Memory>,
    /// How many of them, from the first on, nobody has taken since the last look.
    unused: usize,
    /// How many there may be.
    room: usize,
}

/// Of `LAYOUT`.
struct Memory(NonNull<u8>);

// SAFETY: memory that nobody uses.
unsafe impl Send for Memory {}

impl Memory {
    fn allocate() -> Self {
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc::alloc(LAYOUT) };
        Self(NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(LAYOUT)))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and nobody uses it.
        unsafe { alloc::dealloc(self.0.as_ptr(), LAYOUT) }
    }
}

/// Memory of `LAYOUT`, from the store if there is some.
pub(super) fn allocate(store: Option<&Store>) -> NonNull<u8> {
    let memory = store.and_then(Store::take);
    let memory = memory.unwrap_or_else(Memory::allocate);
    let place = memory.0;
    mem::forget(memory);
    place
}

/// Gives it to the store, or else back.
///
/// # Safety
/// From `allocate`, and nobody uses it any more.
pub(super) unsafe fn free(memory: NonNull<u8>, store: Option<&Store>) {
    let memory = Memory(memory);
    match store {
        Some(store) => store.put(memory),
        None => drop(memory),
    }
}

impl Store {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Shelves {
            memory: Vec::new(),
            unused: 0,
            room: MOST,
        }))
    }

    fn take(&self) -> Option<Memory> {
        let mut shelves = self.0.lock();
        let memory = shelves.memory.pop();
        shelves.unused = shelves.unused.min(shelves.memory.len());
        memory
    }

    fn put(&self, memory: Memory) {
        let mut shelves = self.0.lock();
        if shelves.memory.len() < shelves.room {
            shelves.memory.push(memory);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().memory.is_empty()
    }

    /// Gives everything back, and keeps nothing from now on.
    pub(crate) fn close(&self) {
        let mut shelves = self.0.lock();
        shelves.room = 0;
        shelves.unused = 0;
        let all = mem::take(&mut shelves.memory);
        drop(shelves);
        drop(all);
    }

    /// Keeps memory again.
    pub(crate) fn reopen(&self) {
        self.0.lock().room = MOST;
    }

    /// Gives back what nobody has taken since this was called the last time.
    pub(crate) fn age(&self) {
        let mut shelves = self.0.lock();
        let unused = shelves.unused;
        let surplus: Vec<Memory> = shelves.memory.drain(..unused).collect();
        shelves.unused = shelves.memory.len();
        drop(shelves);
        // Here, without the lock.
        drop(surplus);
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    fn kept(store: &Store) -> usize {
        store.0.lock().memory.len()
    }

    #[test]
    fn what_is_in_use_again_and_again_stays_and_the_rest_goes() {
        let store = Store::new();
        let some: Vec<_> = (0..5).map(|_| allocate(Some(&store))).collect();
        for memory in some {
            // SAFETY: nobody uses it.
            unsafe { free(memory, Some(&store)) };
        }
        assert_eq!(kept(&store), 5);
        store.age();
        assert_eq!(kept(&store), 5, "they have just come");
        for _ in 0..3 {
            let two = [allocate(Some(&store)), allocate(Some(&store))];
            assert_ne!(two[0], two[1]);
            for memory in two {
                // SAFETY: as above.
                unsafe { free(memory, Some(&store)) };
            }
            store.age();
            assert_eq!(kept(&store), 2, "three of them were not taken");
        }
        store.age();
        assert_eq!(kept(&store), 0, "nobody has taken the others either");
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let store = Store::new();
        for memory in (0..=MOST).map(|_| allocate(None)).collect::<Vec<_>>() {
            // SAFETY: as above.
            unsafe { free(memory, Some(&store)) };
        }
        assert_eq!(kept(&store), MOST);
        store.close();
        assert!(store.is_empty());
        // SAFETY: as above.
        unsafe { free(allocate(Some(&store)), Some(&store)) };
        assert!(store.is_empty(), "closed");
        store.reopen();
        // SAFETY: as above.
        unsafe { free(allocate(Some(&store)), Some(&store)) };
        assert_eq!(kept(&store), 1);
        // SAFETY: as above.
        unsafe { free(allocate(None), None) };
    }
}
