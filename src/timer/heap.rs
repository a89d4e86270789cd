//! An indexed 4-ary heap: `O(log n)` insertion, removal and change of place, by key.
//!
//! Two arrays refer to each other. `nodes` is the heap, with everything that an ordering decision needs in
//! one place; `entries` holds what belongs to a timer, and where in the heap its node is at the moment.
//! Whoever moves a node tells its entry ([`Heap::place`]).

use slab::Slab;

/// Four children a node: half the levels of a binary heap, and siblings that share cache lines.
const ARITY: usize = 4;

/// Below this many nodes no memory is given back.
const SMALL: usize = 1024;

/// Names one entry for as long as it is in the heap, and nothing afterwards: sequence numbers are never
/// used twice, so a key that outlived its entry doesn't find the slot's next tenant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerKey {
    slot: usize,
    seq: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    tick: u64,
    seq: u64,
    slot: usize,
}

impl Node {
    /// Equal ticks leave in the order in which they came.
    fn rank(&self) -> (u64, u64) {
        (self.tick, self.seq)
    }
}

#[derive(Debug)]
struct Entry<T> {
    position: usize,
    item: T,
}

#[derive(Debug)]
pub(super) struct Heap<T> {
    nodes: Vec<Node>,
    entries: Slab<Entry<T>>,
    next_seq: u64,
    /// Since memory was last given back.
    removals: usize,
}

impl<T> Heap<T> {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            entries: Slab::new(),
            next_seq: 0,
            removals: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The least tick of all.
    pub(super) fn earliest(&self) -> Option<u64> {
        self.nodes.first().map(|node| node.tick)
    }

    pub(super) fn insert(&mut self, tick: u64, item: T) -> TimerKey {
        let seq = self.next_seq;
        self.next_seq += 1;
        let position = self.nodes.len();
        let slot = self.entries.insert(Entry { position, item });
        self.nodes.push(Node { tick, seq, slot });
        self.sift_up(position);
        TimerKey { slot, seq }
    }

    pub(super) fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.position(key)?;
        Some(&mut self.entries[key.slot].item)
    }

    pub(super) fn remove(&mut self, key: TimerKey) -> Option<T> {
        let position = self.position(key)?;
        Some(self.remove_at(position))
    }

    /// Moves an entry to another tick. Among equal ticks it keeps the place that its age gives it.
    /// False: there is no such entry.
    pub(super) fn reset(&mut self, key: TimerKey, tick: u64) -> bool {
        let Some(position) = self.position(key) else {
            return false;
        };
        self.nodes[position].tick = tick;
        self.settle(position);
        true
    }

    /// Takes out the first entry, if its tick is not after `now`.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<T> {
        (self.earliest()? <= now).then(|| self.remove_at(0))
    }

    /// Takes out everything, in no particular order.
    pub(super) fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.nodes = Vec::new();
        let entries = std::mem::take(&mut self.entries);
        entries.into_iter().map(|(_, entry)| entry.item)
    }

    fn position(&self, key: TimerKey) -> Option<usize> {
        let position = self.entries.get(key.slot)?.position;
        (self.nodes[position].seq == key.seq).then_some(position)
    }

    fn remove_at(&mut self, position: usize) -> T {
        let slot = self.nodes.swap_remove(position).slot;
        if position < self.nodes.len() {
            self.settle(position);
        }
        let item = self.entries.remove(slot).item;
        self.give_back();
        item
    }

    /// Returns memory that lies idle, seldom enough that it costs each removal a constant share. Entries can't
    /// move, so theirs returns as far as the last one in use.
    fn give_back(&mut self) {
        let len = self.nodes.len();
        if self.nodes.capacity() > SMALL && len < self.nodes.capacity() / 4 {
            self.nodes.shrink_to(self.nodes.capacity() / 2);
        }
        self.removals += 1;
        let slots = self.entries.capacity();
        if slots > SMALL && (len == 0 || len < slots / 4 && self.removals > slots / 8) {
            self.entries.shrink_to_fit();
            self.removals = 0;
        }
    }

    /// Brings the node at `position`, and no other one out of place, to where it belongs.
    fn settle(&mut self, position: usize) {
        let parent = position.saturating_sub(1) / ARITY;
        if self.nodes[position].rank() < self.nodes[parent].rank() {
            self.sift_up(position);
        } else {
            self.sift_down(position);
        }
    }

    fn sift_up(&mut self, mut position: usize) {
        let node = self.nodes[position];
        while position > 0 {
            let parent = (position - 1) / ARITY;
            if self.nodes[parent].rank() <= node.rank() {
                break;
            }
            self.place(position, self.nodes[parent]);
            position = parent;
        }
        self.place(position, node);
    }

    fn sift_down(&mut self, mut position: usize) {
        let node = self.nodes[position];
        while let Some(child) = self.first_child(position) {
            if node.rank() <= self.nodes[child].rank() {
                break;
            }
            self.place(position, self.nodes[child]);
            position = child;
        }
        self.place(position, node);
    }

    /// Where the least of the children is.
    fn first_child(&self, position: usize) -> Option<usize> {
        let begin = position * ARITY + 1;
        let end = (begin + ARITY).min(self.nodes.len());
        (begin..end).min_by_key(|&child| self.nodes[child].rank())
    }

    fn place(&mut self, position: usize, node: Node) {
        self.nodes[position] = node;
        self.entries[node.slot].position = position;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heap's promise at its plainest: a vector kept in order.
    #[derive(Default)]
    struct Model(Vec<(u64, u64)>);

    impl Model {
        fn insert(&mut self, tick: u64, id: u64) {
            let at = self.0.partition_point(|&other| other < (tick, id));
            self.0.insert(at, (tick, id));
        }

        fn remove(&mut self, id: u64) -> bool {
            let found = self.0.iter().position(|&(_, other)| other == id);
            found.map(|at| self.0.remove(at)).is_some()
        }

        fn pop_due(&mut self, now: u64) -> Option<u64> {
            let (tick, id) = *self.0.first()?;
            (tick <= now).then(|| {
                self.0.remove(0);
                id
            })
        }
    }

    impl<T> Heap<T> {
        fn check(&self) {
            assert_eq!(self.nodes.len(), self.entries.len());
            for (position, node) in self.nodes.iter().enumerate() {
                assert_eq!(self.entries[node.slot].position, position);
                let parent = position.saturating_sub(1) / ARITY;
                assert!(self.nodes[parent].rank() <= node.rank());
            }
        }
    }

    #[test]
    fn behaves_like_a_sorted_vector() {
        for seed in 0..40 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut heap, mut model) = (Heap::new(), Model::default());
            // Every key ever given out, so that dead ones are tried as well.
            let mut keys = Vec::new();
            for _ in 0..2_000 {
                let tick = rng.u64(0..64);
                match rng.u8(0..10) {
                    0..5 => {
                        let id = keys.len() as u64;
                        keys.push(heap.insert(tick, id));
                        model.insert(tick, id);
                    }
                    5 | 6 if !keys.is_empty() => {
                        let id = rng.u64(0..keys.len() as u64);
                        let removed = heap.remove(keys[id as usize]);
                        assert_eq!(removed, model.remove(id).then_some(id));
                    }
                    7 | 8 if !keys.is_empty() => {
                        let id = rng.u64(0..keys.len() as u64);
                        let known = model.remove(id);
                        if known {
                            model.insert(tick, id);
                        }
                        assert_eq!(heap.reset(keys[id as usize], tick), known);
                    }
                    _ => assert_eq!(heap.pop_due(tick), model.pop_due(tick)),
                }
                heap.check();
                assert_eq!(heap.earliest(), model.0.first().map(|first| first.0));
            }
            while let Some(id) = model.pop_due(u64::MAX) {
                assert_eq!(heap.pop_due(u64::MAX), Some(id));
            }
            assert!(heap.is_empty());
        }
    }

    #[test]
    fn a_dead_key_does_not_find_the_next_tenant() {
        let mut heap = Heap::new();
        let old = heap.insert(1, "old");
        assert_eq!(heap.pop_due(1), Some("old"));
        let new = heap.insert(1, "new");
        assert_eq!(new.slot, old.slot);
        assert_eq!(heap.remove(old), None);
        assert!(!heap.reset(old, 9));
        assert!(heap.get_mut(old).is_none());
        assert_eq!(heap.take().collect::<Vec<_>>(), ["new"]);
        let newer = heap.insert(1, "newer");
        assert_eq!(heap.remove(new), None);
        assert_eq!(heap.remove(newer), Some("newer"));
    }

    #[test]
    fn a_million_come_and_go_and_leave_their_memory_behind() {
        const MANY: usize = 1_000_000;
        let mut rng = fastrand::Rng::with_seed(7);
        let mut heap = Heap::new();
        let stays = heap.insert(u64::MAX, 0);
        let mut keys: Vec<_> = (0..MANY).map(|_| heap.insert(rng.u64(..), 0)).collect();
        rng.shuffle(&mut keys);
        for key in keys {
            assert!(heap.remove(key).is_some());
        }
        // What the last removals left is given back by later ones.
        for _ in 0..MANY / 4 {
            let key = heap.insert(0, 0);
            heap.remove(key);
        }
        assert!(heap.nodes.capacity() <= 4 * SMALL);
        assert!(heap.entries.capacity() <= 4 * SMALL);
        assert!(heap.remove(stays).is_some());
        heap.check();
        let keys: Vec<_> = (0..MANY).map(|_| heap.insert(0, 0)).collect();
        assert!(keys.into_iter().all(|key| heap.remove(key).is_some()));
        assert!(heap.entries.capacity() <= SMALL);
    }
}
