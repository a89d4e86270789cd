//! Timers in the order of their deadlines, each to be found by its key.
//!
//! An entry says what is true of a timer. The order is kept by *nodes*, and nodes are never searched for: a timer
//! that is taken out leaves its node behind, and one that is put off leaves it where it stood. What became of a node
//! is found out when it comes to the front, or when nodes without a timer are swept out together.
//!
//! Most timers are later than all before them, as most programs wait for the same few spans over and over. These nodes
//! stand in a sorted *run*, which takes and gives them by moving none. The others are in a heap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::num::NonZeroU64;

use slab::Slab;

/// Up to so many places from its end a node may still enter the run: clocks read on different threads reach the lock
/// in another order, and a few timers that are far away should not close the run to all others.
const REACH: usize = 8;

/// Below this many nodes or entries no memory is given back.
const SMALL: usize = 1024;

/// So many nodes without a timer are nothing to sweep for, and after so many timers it is time to look.
const FEW: usize = 64;

/// Nodes without a timer are swept out before another one comes, or when one of them is in the way, if there are so many times as many nodes as timers: so each removal
/// costs looks at one node and a third, or none, if all timers are taken out.
const MANY: usize = 4;

/// Names one entry for as long as it is there, and nothing afterwards: sequence numbers are never used twice, so a key
/// that outlived its entry doesn't find the slot's next tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerKey {
    /// The number of the queue, then the slot. In one word, for a pair stays in registers.
    place: u64,
    seq: NonZeroU64,
}

impl TimerKey {
    fn new(shard: u32, slot: u32, seq: NonZeroU64) -> Self {
        let place = u64::from(shard) << u32::BITS | u64::from(slot);
        Self { place, seq }
    }

    pub(super) fn shard(self) -> usize {
        (self.place >> u32::BITS) as usize
    }

    fn slot(self) -> u32 {
        self.place as u32
    }
}

/// Ordered by tick. Equal ticks leave in the order in which they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    /// Not after the entry's.
    tick: u64,
    seq: NonZeroU64,
    slot: u32,
    version: u32,
}

/// What is true of a timer.
#[derive(Clone, Copy, Debug)]
struct Entry {
    tick: u64,
    /// None: it was taken out.
    seq: Option<NonZeroU64>,
    /// Which of the nodes made for this entry counts.
    version: u32,
}

#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Ascending.
    run: VecDeque<Node>,
    heap: BinaryHeap<Reverse<Node>>,
    items: Slab<T>,
    /// By the slots of `items`. Each that has an item has one node that counts.
    ///
    /// Apart from these, for an item goes into the slab in registers, while an entry with one went through memory, and was read back before it had got there; and
    /// whoever clears nodes away looks at less.
    entries: Vec<Entry>,
    last_seq: u64,
    /// The queue's own number, for its keys.
    shard: u32,
    /// `last_seq` when it was last asked whether memory can be given back.
    aged_at: u64,
}

impl<T> Queue<T> {
    pub(super) const fn new(shard: u32) -> Self {
        Self {
            run: VecDeque::new(),
            heap: BinaryHeap::new(),
            items: Slab::new(),
            entries: Vec::new(),
            last_seq: 0,
            shard,
            aged_at: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The least tick of all.
    pub(super) fn earliest(&mut self) -> Option<u64> {
        self.first(u64::MAX).map(|node| node.tick)
    }

    pub(super) fn insert(&mut self, tick: u64, item: T) -> TimerKey {
        self.last_seq += 1;
        let seq = NonZeroU64::new(self.last_seq).expect("counted up from zero");
        let entry = Entry {
            tick,
            seq: Some(seq),
            version: 0,
        };
        let slot = self.items.insert(item);
        match self.entries.get_mut(slot) {
            Some(place) => *place = entry,
            None => self.entries.push(entry),
        }
        let slot = u32::try_from(slot).expect("less than four billion timers");
        if self.last_seq.is_multiple_of(FEW as u64) && self.is_crowded() {
            self.sweep();
        }
        self.enqueue(Node {
            tick,
            seq,
            slot,
            version: 0,
        });
        TimerKey::new(self.shard, slot, seq)
    }

    pub(super) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.entry(key)?;
        self.items.get_mut(key.slot() as usize)
    }

    pub(super) fn remove(&mut self, key: TimerKey) -> Option<T> {
        self.entry(key)?.seq = None;
        // Who came last is often who goes first.
        if self.run.back().is_some_and(|last| last.seq == key.seq) {
            self.run.pop_back();
        }
        let item = self.items.remove(key.slot() as usize);
        if self.items.is_empty() {
            self.clear();
        }
        Some(item)
    }

    /// Moves an entry to another tick. Among equal ticks it keeps the place that its age gives it.
    /// False: there is no such entry.
    pub(super) fn reset(&mut self, key: TimerKey, tick: u64) -> bool {
        let Some(entry) = self.entry(key) else {
            return false;
        };
        let is_earlier = tick < entry.tick;
        entry.tick = tick;
        if is_earlier {
            entry.version = entry.version.wrapping_add(1);
            let node = Node {
                tick,
                seq: key.seq,
                slot: key.slot(),
                version: entry.version,
            };
            if self.is_crowded() {
                self.sweep();
            }
            self.enqueue(node);
        }
        true
    }

    /// Takes out the first entry, if its tick is not after `now`.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<T> {
        let node = self.first(now)?;
        self.pop(node);
        let slot = node.slot as usize;
        self.entries[slot].seq = None;
        let item = self.items.remove(slot);
        if self.items.is_empty() {
            self.clear();
        }
        Some(item)
    }

    /// Takes out everything, in no particular order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.run = VecDeque::new();
        self.heap = BinaryHeap::new();
        self.entries = Vec::new();
        let items = std::mem::take(&mut self.items);
        items.into_iter().map(|(_, item)| item)
    }

    fn entry(&mut self, key: TimerKey) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(key.slot() as usize)?;
        (entry.seq == Some(key.seq)).then_some(entry)
    }

    /// The least node, if its tick is not after `limit`, with its entry's tick: those before it that have none, or
    /// another one, are cleared out of the way.
    fn first(&mut self, limit: u64) -> Option<Node> {
        loop {
            let node = self.least().filter(|node| node.tick <= limit)?;
            match current(&self.entries, &node) {
                Some(entry) if entry.tick == node.tick => return Some(node),
                Some(&Entry { tick, .. }) => {
                    self.pop(node);
                    self.enqueue(Node { tick, ..node });
                }
                None if self.is_crowded() => self.sweep(),
                None => self.pop(node),
            }
        }
    }

    fn least(&self) -> Option<Node> {
        match (self.run.front(), self.heap.peek()) {
            (Some(&one), Some(&Reverse(other))) => Some(one.min(other)),
            (one, other) => one.or(other.map(|Reverse(node)| node)).copied(),
        }
    }

    /// Takes out the least node.
    fn pop(&mut self, least: Node) {
        if self.run.front() == Some(&least) {
            self.run.pop_front();
        } else {
            self.heap.pop();
        }
    }

    // Inlined, as a node that goes through memory is read back before it has got there.
    #[inline(always)]
    fn enqueue(&mut self, node: Node) {
        match self.run.back() {
            Some(last) if node < *last => {
                let Node {
                    tick,
                    seq,
                    slot,
                    version,
                } = node;
                self.enqueue_before_last(tick, seq, slot, version);
            }
            _ => self.run.push_back(node),
        }
    }

    #[inline(never)]
    fn enqueue_before_last(&mut self, tick: u64, seq: NonZeroU64, slot: u32, version: u32) {
        let node = Node {
            tick,
            seq,
            slot,
            version,
        };
        let len = self.run.len();
        if len > REACH && node < self.run[len - REACH] {
            self.heap.push(Reverse(node));
            return;
        }
        let before = (0..len - 1).rev().find(|&place| self.run[place] < node);
        self.run.insert(before.map_or(0, |place| place + 1), node);
    }

    /// No node has a timer any more.
    fn clear(&mut self) {
        self.run.clear();
        self.heap.clear();
    }

    /// Whether timers have left many nodes behind.
    fn is_crowded(&self) -> bool {
        self.run.len() + self.heap.len() > MANY * self.items.len() + FEW
    }

    /// Takes the nodes out that have no entry: seldom enough that it costs each removal a constant share.
    #[cold]
    fn sweep(&mut self) {
        let entries = &self.entries;
        self.run.retain(|node| current(entries, node).is_some());
        self.heap
            .retain(|Reverse(node)| current(entries, node).is_some());
    }

    /// Whether there is much memory, and most of it is not used.
    #[inline]
    pub(super) fn has_surplus(&self) -> bool {
        // Each has had one node or more.
        let slots = self.items.capacity();
        slots > SMALL && self.items.len() <= slots / 4
    }

    /// Gives memory back that is not used, unless timers have come since this was last asked: the next burst would fetch it again. Entries can't move,
    /// so theirs goes back as far as the last one in use. True: they have come, and this is to be asked again.
    pub(super) fn age(&mut self) -> bool {
        let is_quiet = self.aged_at == self.last_seq;
        self.aged_at = self.last_seq;
        if !is_quiet {
            return self.has_surplus();
        }
        if self.has_surplus() {
            self.sweep();
            self.run.shrink_to(SMALL);
            self.heap.shrink_to(SMALL);
            self.items.shrink_to_fit();
            self.entries.truncate(self.items.capacity());
            self.entries.shrink_to_fit();
        }
        false
    }
}

/// The entry that `node` stands for; None: it was taken out, or has another node.
fn current<'a>(entries: &'a [Entry], node: &Node) -> Option<&'a Entry> {
    let entry = entries.get(node.slot as usize)?;
    (entry.seq == Some(node.seq) && entry.version == node.version).then_some(entry)
}

#[cfg(test)]
mod tests;
