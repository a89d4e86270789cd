//! The registered sources, by the keys that the system's poller reports.
//!
//! A key is a slot's index and a generation. An event may have been fetched from the system before its source
//! was deregistered and the slot given to another one: its generation tells it apart, and it is ignored.
#![allow(
    unreachable_pub,
    reason = "the loom models reach these through heist::model"
)]

use std::sync::Arc;

use slab::Slab;

use super::source::Source;
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};

/// Bits of a key that hold the slot's index: 2^32 sources, 2^20 on a 32-bit machine.
const INDEX_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
const INDEX: usize = (1 << INDEX_BITS) - 1;
/// The bits above, less the topmost: `usize::MAX` and those just below it are the poller's own keys.
const GENERATION: usize = usize::MAX >> 1 >> INDEX_BITS;

/// All registered sources.
#[derive(Debug)]
pub struct Sources {
    table: Mutex<Table>,
    /// How many there are, to be read without the lock.
    len: AtomicUsize,
}

#[derive(Debug, Default)]
pub struct Table {
    slots: Slab<Arc<Source>>,
    generation: usize,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            table: Mutex::new(Table::default()),
            len: AtomicUsize::new(0),
        }
    }
}

impl Sources {
    /// Makes a source with a key of its own, by `make`, which is given the key.
    pub fn insert(&self, make: impl FnOnce(usize) -> Source) -> Arc<Source> {
        let mut table = self.table.lock();
        table.generation = (table.generation + 1) & GENERATION;
        let generation = table.generation;
        let entry = table.slots.vacant_entry();
        assert!(entry.key() <= INDEX, "too many sources for one runtime");
        let source = Arc::new(make(generation << INDEX_BITS | entry.key()));
        entry.insert(Arc::clone(&source));
        self.publish_len(&table);
        source
    }

    /// Takes a source out. An event that is still under way for it will be ignored.
    pub fn remove(&self, key: usize) -> Option<Arc<Source>> {
        let mut table = self.table.lock();
        table.get(key)?;
        let source = table.slots.try_remove(key & INDEX);
        self.publish_len(&table);
        source
    }

    fn publish_len(&self, table: &Table) {
        // Relaxed: whoever registers a source and then makes sure that somebody drives puts a fence between,
        // and so does whoever looks at `is_empty` before going to sleep.
        self.len.store(table.slots.len(), Ordering::Relaxed);
    }

    pub fn is_empty(&self) -> bool {
        // Relaxed: see `publish_len`.
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Locks the table, to look up the keys of a batch of events.
    pub fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }
}

impl Table {
    /// The source of this key, unless it has been removed.
    pub fn get(&self, key: usize) -> Option<&Source> {
        let source = self.slots.get(key & INDEX)?;
        (source.key() == key).then_some(&**source)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.slots.iter().map(|(_, source)| &**source)
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use crate::reactor::readiness::Ready;

    #[test]
    fn a_stale_event_for_a_reused_slot_is_ignored() {
        let sources = Sources::default();
        let old = sources.insert(|key| Source::new(key, 0, Ready::BOTH));
        assert!(sources.remove(old.key()).is_some());
        let new = sources.insert(|key| Source::new(key, 0, Ready::BOTH));
        assert_eq!(old.key() & INDEX, new.key() & INDEX, "the slot is reused");
        assert!(sources.lock().get(old.key()).is_none());
        assert!(sources.lock().get(new.key()).is_some());
        assert!(sources.remove(old.key()).is_none());
        assert!(!sources.is_empty());
    }

    #[test]
    fn no_key_is_the_pollers_own() {
        let sources = Sources::default();
        sources.table.lock().generation = GENERATION - 1;
        let last = sources.insert(|key| Source::new(key, 0, Ready::BOTH));
        let first = sources.insert(|key| Source::new(key, 0, Ready::BOTH));
        assert!(last.key() < usize::MAX >> 1);
        assert_eq!(first.key() >> INDEX_BITS, 0, "the generation wraps");
    }
}
