//! The monitor: one thread per process that guarantees that nothing which one task does stalls the others.
//!
//! It ticks while anything works, and parks when every runtime sleeps in good order. **Arming against parking**: whoever begins to work
//! makes that visible, fences, and looks whether the monitor is parked; the monitor says that it parks, fences, and looks once more at every engine. The
//! first happens with each push from outside, the second after a while without work: the fence is an asymmetric one.

use std::io;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::engine::Engine;
use super::rescue;
use crate::sync::{AtomicBool, AtomicU32, Condvar, Mutex, Ordering};
use crate::util::contain::contain;

/// How long a poll may last before it counts as stuck, and how often the monitor looks.
pub(super) const TICK: Duration = Duration::from_millis(10);
/// Ticks without activity before it parks: waking it costs more than a few looks.
const LINGER: u32 = 10;

const ABSENT: u32 = 0;
const PARKED: u32 = 1;
const TICKING: u32 = 2;

struct Monitor {
    state: AtomicU32,
    engines: Mutex<Vec<Weak<Engine>>>,
    /// Held where the state changes between parked and ticking.
    gate: Mutex<()>,
    armed: Condvar,
    /// Whether it was said that there is no thread for it.
    complained: AtomicBool,
}

static MONITOR: Monitor = Monitor {
    state: AtomicU32::new(ABSENT),
    engines: Mutex::new(Vec::new()),
    gate: Mutex::new(()),
    armed: Condvar::new(),
    complained: AtomicBool::new(false),
};

/// What the monitor remembers of an engine from tick to tick.
pub(crate) use super::rescue::Watch;
use crate::util::asymmetric;
use crate::util::report::failure;

/// Says that `engine` has begun to work. What shows it has been stored before.
pub(crate) fn arm(engine: &Engine) {
    // Relaxed: who sets the flag registers; for others it is enough that somebody does.
    if !engine.watched.load(Ordering::Relaxed) && !engine.watched.swap(true, Ordering::Relaxed) {
        MONITOR.register(Arc::downgrade(&engine.arc()));
    }
    // Pairs with the heavy fence in `park`.
    asymmetric::light();
    if MONITOR.state.load(Ordering::Relaxed) != TICKING {
        MONITOR.wake();
    }
}

/// Makes sure that there is a monitor: whoever depends on other threads needs it, where one is refused, to ask again.
pub(crate) fn ensure() -> io::Result<()> {
    // Relaxed: it never becomes absent again.
    if MONITOR.state.load(Ordering::Relaxed) != ABSENT {
        return Ok(());
    }
    let _gate = MONITOR.gate.lock();
    MONITOR.start()
}

impl Monitor {
    fn register(&self, engine: Weak<Engine>) {
        let mut engines = self.engines.lock();
        if engines.len() == engines.capacity() {
            engines.retain(|engine| engine.strong_count() > 0);
        }
        engines.push(engine);
    }

    #[cold]
    fn wake(&self) {
        let gate = self.gate.lock();
        // Relaxed (all): under the gate; the fences order it for the rest.
        match self.state.load(Ordering::Relaxed) {
            PARKED => {
                self.state.store(TICKING, Ordering::Relaxed);
                self.armed.notify_one();
            }
            ABSENT => {
                let started = self.start();
                drop(gate);
                // Tried again by whoever arms next. Until then a blocking task can hold others back.
                if let Err(error) = started
                    && !self.complained.swap(true, Ordering::Relaxed)
                {
                    failure!("no thread for the monitor: {error}; trying again until there is one");
                }
            }
            _ => {}
        }
    }

    /// Under the gate.
    fn start(&self) -> io::Result<()> {
        // Relaxed (both): under the gate.
        if self.state.load(Ordering::Relaxed) == ABSENT {
            let thread = thread::Builder::new().name("heist-monitor".to_owned());
            thread.spawn(|| MONITOR.watch())?;
            self.state.store(TICKING, Ordering::Relaxed);
        }
        Ok(())
    }

    fn watch(&self) {
        // Here, as it takes the system a while.
        asymmetric::prepare();
        let mut quiet = 0;
        loop {
            let gate = self.gate.lock();
            // Nobody notifies while the state is TICKING: this is the clock.
            drop(self.armed.wait_timeout(gate, TICK));
            quiet = if self.tick() { 0 } else { quiet + 1 };
            if quiet >= LINGER {
                self.park();
                self.begin();
                quiet = 0;
            }
        }
    }

    fn begin(&self) {
        for engine in self.living() {
            rescue::begin(&engine);
            contain(|| drop(engine));
        }
    }

    /// Looks at every engine. True: something works.
    fn tick(&self) -> bool {
        let mut active = false;
        for engine in self.living() {
            // Contained: a logger of the user's may be called, and the last Arc of an engine dropped.
            contain(|| active |= rescue::inspect(&engine));
            contain(|| drop(engine));
        }
        active
    }

    /// Not under the lock: an engine may be dropped here.
    fn living(&self) -> Vec<Arc<Engine>> {
        let mut engines = self.engines.lock();
        engines.retain(|engine| engine.strong_count() > 0);
        engines.iter().filter_map(Weak::upgrade).collect()
    }

    fn park(&self) {
        let mut gate = self.gate.lock();
        // Relaxed: ordered by the fence.
        self.state.store(PARKED, Ordering::Relaxed);
        // Pairs with the light fence in `arm`: either it sees PARKED, or the look sees what shows the activity.
        let is_ordered = asymmetric::try_heavy();
        let engines = self.living();
        // Where the system refuses the fence, the monitor goes on ticking.
        if !is_ordered || engines.iter().any(|engine| rescue::is_busy(engine)) {
            self.state.store(TICKING, Ordering::Relaxed);
        }
        // Not under the gate: the last Arc of an engine may be dropped here, and what it held may arm.
        drop(gate);
        contain(|| drop(engines));
        gate = self.gate.lock();
        while self.state.load(Ordering::Relaxed) == PARKED {
            gate = self.armed.wait(gate);
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) fn this_thread() -> u32 {
    use std::cell::Cell;
    thread_local! {
        static ID: Cell<u32> = const { Cell::new(0) };
    }
    if ID.get() == 0 {
        ID.set(
            rustix::thread::gettid()
                .as_raw_nonzero()
                .get()
                .cast_unsigned(),
        );
    }
    ID.get()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn this_thread() -> u32 {
    0
}
