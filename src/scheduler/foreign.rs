//! Pages for what threads spawn that sit at no worker.

use std::array;
use std::cell::Cell;
use std::sync::OnceLock;

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering};
use crate::task::PageSet;

/// No more sets than this: threads that spawn from outside meet in the injector as well.
const SETS: usize = 8;

thread_local! {
    /// Where this thread spawned last.
    static LAST: Cell<usize> = const { Cell::new(0) };
}

/// A few page sets, each owned by whoever holds its lock. All threads begin with the first one. Who finds a set taken goes to another one, and stays
/// there: so threads get out of each other's way, and where they do not meet there is one set.
pub(crate) struct Foreign {
    engine: *const (),
    gates: [CachePadded<Mutex<Gate>>; SETS],
    /// Made when they are needed.
    sets: [OnceLock<Box<PageSet>>; SETS],
    /// From this one on none was made.
    reach: AtomicUsize,
}

// SAFETY: `engine` is an address that this file never follows; the rest is Sync by itself.
unsafe impl Sync for Foreign {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Foreign {}

/// Whether foreign threads may still spawn here.
#[derive(Debug, Default)]
struct Gate {
    closed: bool,
}

impl Foreign {
    pub(crate) fn new(engine: *const ()) -> Self {
        Self {
            engine,
            gates: array::from_fn(|_| CachePadded::new(Mutex::new(Gate::default()))),
            sets: array::from_fn(|_| OnceLock::new()),
            reach: AtomicUsize::new(0),
        }
    }

    /// What `f` makes of the parts, in a set that it owns while it runs. The parts come back if the engine is closed.
    #[inline]
    pub(crate) fn with<P, R>(&self, parts: P, f: impl FnOnce(&PageSet, P) -> R) -> Result<R, P> {
        let (gate, index) = self.lock();
        if gate.closed {
            return Err(parts);
        }
        let set = self.sets[index].get_or_init(|| {
            // Relaxed: who has closed the gates, or has the only Arc, comes after this; others miss the first task of a set at worst.
            self.reach.fetch_max(index + 1, Ordering::Relaxed);
            Box::new(PageSet::new(self.engine))
        });
        Ok(f(set, parts))
    }

    fn lock(&self) -> (MutexGuard<'_, Gate>, usize) {
        let last = LAST.get();
        for index in (last..SETS).chain(0..last) {
            if let Some(gate) = self.gates[index].try_lock() {
                LAST.set(index);
                return (gate, index);
            }
        }
        (self.gates[last].lock(), last)
    }

    /// Nobody spawns here any more. `say` makes that known, before anybody is refused. False: somebody else has closed them.
    pub(crate) fn close(&self, say: impl FnOnce()) -> bool {
        let (first, others) = self.gates.split_first().expect("there are some");
        {
            // This one decides between two who close.
            let mut gate = first.lock();
            if std::mem::replace(&mut gate.closed, true) {
                return false;
            }
            say();
        }
        for gate in others {
            gate.lock().closed = true;
        }
        true
    }

    pub(crate) fn reopen(&self) {
        for gate in &self.gates {
            gate.lock().closed = false;
        }
    }

    /// Those that were needed.
    pub(crate) fn sets(&self) -> impl Iterator<Item = &PageSet> {
        // Relaxed: see `with`.
        let made = &self.sets[..self.reach.load(Ordering::Relaxed)];
        made.iter().filter_map(OnceLock::get).map(|set| &**set)
    }

    pub(crate) fn engine(&self) -> *const () {
        self.engine
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use crate::scheduler::{Engine, config::Config};
    use crate::task::{JoinHandle, Origin, Spec};
    use std::future;
    use std::panic::Location;
    use std::ptr;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    /// Where the set is that the caller gets.
    fn own(foreign: &Foreign) -> usize {
        let own = foreign.with((), |set, ()| ptr::from_ref(set).addr());
        own.expect("it is open")
    }

    #[test]
    fn who_finds_its_set_taken_goes_to_another_one_and_stays_there() {
        let foreign = Foreign::new(ptr::null());
        thread::scope(|scope| {
            let get_out_of_the_way = || {
                let seldom = own(&foreign);
                assert_eq!(own(&foreign), seldom);
                let busy = foreign.with((), |_, ()| own(&foreign));
                assert_ne!(busy, Ok(seldom));
                assert_eq!(busy, Ok(own(&foreign)));
            };
            scope.spawn(get_out_of_the_way).join().unwrap();
        });
    }

    /// Runs `f` while the caller has so many sets.
    fn with_many(foreign: &Foreign, count: usize, f: &mut dyn FnMut()) {
        match count {
            0 => f(),
            _ => foreign
                .with((), |_, ()| with_many(foreign, count - 1, f))
                .expect("it is open"),
        }
    }

    #[test]
    fn where_all_are_taken_one_waits() {
        let foreign = Foreign::new(ptr::null());
        let order = Mutex::new(Vec::new());
        let say = |what| order.lock().push(what);
        thread::scope(|scope| {
            with_many(&foreign, SETS, &mut || {
                scope.spawn(|| foreign.with((), |_, ()| say("second")));
                // Nobody is waited for: one that took no notice of the locks would be first.
                thread::sleep(Duration::from_millis(10));
                say("first");
            });
        });
        assert_eq!(*order.lock(), ["first", "second"]);
    }

    #[test]
    fn nobody_is_refused_before_it_is_said() {
        let foreign = Foreign::new(ptr::null());
        let is_said = Cell::new(false);
        assert!(foreign.close(|| {
            // The first is taken, and the others are open.
            assert_eq!(foreign.with((), |_, ()| ()), Ok(()));
            assert!(foreign.gates[0].try_lock().is_none());
            is_said.set(true);
        }));
        assert!(is_said.get());
        assert!(foreign.gates.iter().all(|gate| gate.lock().closed));
    }

    #[test]
    fn the_end_of_a_runtime_finds_the_tasks_of_every_set() {
        let engine = Engine::new(Config::default());
        let life = Arc::new(());
        let spawn = || {
            let life = Arc::clone(&life);
            let endless = async move {
                future::pending::<()>().await;
                drop(life);
            };
            let spec = Spec {
                origin: Origin::new(Location::caller(), None),
                parent: None,
            };
            engine.spawn(spec, endless)
        };
        // Where a set is taken, the next one is.
        let first = spawn();
        let second = engine.foreign.with((), |_, ()| spawn()).unwrap();
        let third = engine.foreign.with((), |_, ()| spawn()).unwrap();
        let counts: Vec<u64> = engine.foreign.sets().map(PageSet::spawned).collect();
        assert_eq!(counts, [1, 1, 1]);
        engine.shut_down(None);
        assert_eq!(Arc::strong_count(&life), 1);
        assert!([first, second, third].iter().all(JoinHandle::is_finished));
        assert_eq!(engine.foreign.with(7, |_, _| ()), Err(7));
        assert!(!engine.foreign.close(|| unreachable!("it is closed")));
        engine.foreign.reopen();
        assert_eq!(engine.foreign.with(7, |_, seven| seven), Ok(7));
    }
}
