//! Which shards there is anything to look at in.

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicU64, Ordering};
use crate::util::ones::Ones;

/// A bit for each shard where a deadline was ever the earliest. The others publish nothing, and nobody looks at them: with many workers that is most of them.
#[derive(Debug)]
pub(super) struct Used(Box<[CachePadded<AtomicU64>]>);

const BITS: usize = u64::BITS as usize;

impl Used {
    pub(super) fn none_of(shards: usize) -> Self {
        let words = (0..shards.div_ceil(BITS)).map(|_| CachePadded::new(AtomicU64::new(0)));
        Self(words.collect())
    }

    /// Said of a shard under its lock, with the minimum that it publishes: whoever is there later and finds that nobody has to be told finds this as well.
    pub(super) fn set(&self, shard: usize) {
        let (word, bit) = (&self.0[shard / BITS], 1 << (shard % BITS));
        // Relaxed (both): ordered as the minimum is, by the lock and by the fence in `Driver::added`.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            // Relaxed: as the minima are read.
            Ones(bits.load(Ordering::Relaxed)).map(move |bit| word * BITS + bit)
        })
    }
}
