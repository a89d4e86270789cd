use super::*;

/// The queue's promise at its plainest: a vector kept in order.
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

impl<T> Queue<T> {
    fn nodes(&self) -> impl Iterator<Item = &Node> {
        let in_heap = self.heap.iter().map(|Reverse(node)| node);
        self.run.iter().chain(in_heap)
    }

    fn check(&self) {
        assert!(self.run.iter().is_sorted());
        let mut of_each = vec![0; self.entries.len()];
        for node in self.nodes() {
            if let Some(entry) = current(&self.entries, node) {
                assert!(node.tick <= entry.tick);
                of_each[node.slot as usize] += 1;
            }
        }
        assert!(self.items.iter().all(|(slot, _)| of_each[slot] == 1));
        let taken = self.entries.iter().filter(|entry| entry.seq.is_some());
        assert_eq!(taken.count(), self.items.len());
        assert!(self.nodes().count() <= MANY * self.items.len() + (MANY + 1) * FEW);
    }
}

#[test]
fn nodes_that_have_lost_their_timers_are_swept_out() {
    // Each after the last one, so in the run; and in no order, so in the heap.
    for step in [1, 7_919] {
        let mut queue = Queue::new(0);
        let mut keys = VecDeque::new();
        for n in 0..10_000 {
            keys.push_back(queue.insert(n * step % 10_007, n));
            if keys.len() > 50 {
                let oldest = keys.pop_front().and_then(|key| queue.remove(key));
                assert_eq!(oldest, Some(n - 50));
            }
            queue.check();
        }
        assert_eq!(queue.items.len(), 50);
    }
}

#[test]
fn nodes_are_left_behind_until_they_are_in_the_way_or_all_timers_are_gone() {
    for step in [1, 7_919] {
        let mut queue = Queue::new(0);
        let last = queue.insert(10_007, 10_007);
        let keys: Vec<_> = (0..10_000)
            .map(|n| queue.insert(n * step % 10_007, n))
            .collect();
        for key in keys {
            assert!(queue.remove(key).is_some());
        }
        assert!(queue.nodes().count() > 5_000);
        assert_eq!(queue.earliest(), Some(10_007));
        assert_eq!(queue.nodes().count(), 1);
        let keys: Vec<_> = (0..10_000).map(|n| queue.insert(n, n)).collect();
        assert_eq!(queue.remove(last), Some(10_007));
        for key in keys {
            assert!(queue.remove(key).is_some());
        }
        assert_eq!(queue.nodes().count(), 0);
    }
    // In no order, so that most nodes are in the heap.
    let mut queue = Queue::new(0);
    let keys: Vec<_> = (0..10_000)
        .map(|n| queue.insert(n * 7_919 % 10_007, n))
        .collect();
    assert!(queue.heap.len() > 5_000);
    for key in keys {
        assert!(queue.remove(key).is_some());
    }
    assert_eq!(queue.nodes().count(), 0);
    // The second one leaves its first node behind.
    queue.insert(7, 7);
    let key = queue.insert(9, 9);
    assert!(queue.reset(key, 5));
    assert_eq!(queue.pop_due(7), Some(9));
    assert_eq!(queue.nodes().count(), 2);
    assert_eq!(queue.pop_due(7), Some(7));
    assert_eq!(queue.nodes().count(), 0);
}

#[test]
fn a_timer_that_is_due_earlier_and_earlier_leaves_little_behind() {
    let mut queue = Queue::new(0);
    let key = queue.insert(10_000, 0);
    for tick in (0..10_000).rev() {
        assert!(queue.reset(key, tick));
        queue.check();
    }
}

#[test]
fn behaves_like_a_sorted_vector() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut queue, mut model) = (Queue::new(0), Model::default());
        // Every key ever given out, so that dead ones are tried as well.
        let mut keys = Vec::new();
        for _ in 0..2_000 {
            let tick = rng.u64(0..64);
            match rng.u8(0..10) {
                0..5 => {
                    let id = keys.len() as u64;
                    keys.push(queue.insert(tick, id));
                    model.insert(tick, id);
                }
                5 | 6 if !keys.is_empty() => {
                    let id = rng.u64(0..keys.len() as u64);
                    let removed = queue.remove(keys[id as usize]);
                    assert_eq!(removed, model.remove(id).then_some(id));
                }
                7 | 8 if !keys.is_empty() => {
                    let id = rng.u64(0..keys.len() as u64);
                    let known = model.remove(id);
                    if known {
                        model.insert(tick, id);
                    }
                    assert_eq!(queue.reset(keys[id as usize], tick), known);
                }
                _ => assert_eq!(queue.pop_due(tick), model.pop_due(tick)),
            }
            queue.check();
            assert_eq!(queue.earliest(), model.0.first().map(|first| first.0));
        }
        while let Some(id) = model.pop_due(u64::MAX) {
            assert_eq!(queue.pop_due(u64::MAX), Some(id));
        }
        assert!(queue.is_empty());
    }
}

#[test]
fn a_dead_key_does_not_find_the_next_tenant() {
    let mut queue = Queue::new(0);
    let old = queue.insert(1, "old");
    assert_eq!(queue.pop_due(1), Some("old"));
    let new = queue.insert(1, "new");
    assert_eq!(new.slot(), old.slot());
    assert_eq!(queue.remove(old), None);
    assert!(!queue.reset(old, 9));
    assert!(queue.get_mut(old).is_none());
    assert_eq!(queue.take().collect::<Vec<_>>(), ["new"]);
    let newer = queue.insert(1, "newer");
    assert_eq!(queue.remove(new), None);
    assert_eq!(queue.remove(newer), Some("newer"));
}

#[test]
fn a_million_come_and_go_and_leave_their_memory_behind() {
    const MANY: usize = 1_000_000;
    let mut rng = fastrand::Rng::with_seed(7);
    let mut queue = Queue::new(0);
    let stays = queue.insert(u64::MAX, 0);
    let mut keys: Vec<_> = (0..MANY).map(|_| queue.insert(rng.u64(..), 0)).collect();
    rng.shuffle(&mut keys);
    for key in keys {
        assert!(queue.remove(key).is_some());
    }
    assert!(queue.has_surplus());
    assert!(queue.age(), "the next burst may come soon");
    assert!(queue.has_surplus());
    assert!(!queue.age());
    assert!(queue.run.capacity() <= 4 * SMALL);
    assert!(queue.heap.capacity() <= 4 * SMALL);
    assert!(queue.items.capacity().max(queue.entries.capacity()) <= 4 * SMALL);
    assert!(queue.remove(stays).is_some());
    queue.check();
    let keys: Vec<_> = (0..MANY).map(|_| queue.insert(0, 0)).collect();
    assert!(keys.into_iter().all(|key| queue.remove(key).is_some()));
    assert!(queue.age());
    let another = queue.insert(0, 0);
    assert!(queue.age(), "somebody has come");
    queue.remove(another);
    assert!(!queue.age());
    assert!(!queue.has_surplus());
}

#[test]
fn what_comes_in_order_or_nearly_so_stays_out_of_the_heap() {
    let mut queue = Queue::new(0);
    // As far away as can be, and in nobody's way.
    for _ in 0..REACH / 2 {
        queue.insert(u64::MAX, 0);
    }
    for tick in 0..1_000 {
        // Two neighbours change places.
        let tick = tick ^ 1;
        queue.insert(tick, tick);
    }
    assert!(queue.heap.is_empty());
    queue.check();
    assert!((0..1_000).all(|tick| queue.pop_due(1_000) == Some(tick)));
    assert_eq!(queue.pop_due(1_000), None);
}

#[test]
fn a_timer_that_is_put_off_again_and_again_leaves_nothing_behind() {
    let mut queue = Queue::new(0);
    let key = queue.insert(0, "late");
    let other = queue.insert(5_000, "other");
    for tick in 1..10_000 {
        assert!(queue.reset(key, tick));
    }
    assert_eq!(queue.nodes().count(), 2);
    assert_eq!(queue.earliest(), Some(5_000));
    assert_eq!(queue.pop_due(5_000), Some("other"));
    assert!(!queue.reset(other, 1));
    // Back and forth: nodes that do not count any more.
    for tick in 0..10_000 {
        assert!(queue.reset(key, 10_000 - tick));
        assert!(queue.reset(key, 20_000));
        assert_eq!(queue.earliest(), Some(20_000));
        queue.check();
    }
}

#[test]
fn a_key_in_an_option_takes_two_words() {
    assert_eq!(size_of::<Option<TimerKey>>(), 16);
}
