//! What the monitor does for one engine at each tick: finds stuck workers, gives their work to others, fills the driver's seat, starts spares.

use std::fmt;
use std::sync::Arc;

use super::company::Books;
use super::engine::Engine;
use super::monitor::TICK;
use super::worker::{Worker, YIELD_SEAT};
use crate::queue::Stolen;
use crate::sync::Ordering;
#[cfg(target_os = "linux")]
use crate::util::clock;
use crate::util::report::warning;

/// What is remembered from tick to tick.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Box<[Seen]>,
    unattended: bool,
    /// Sharing was limited.
    limited: bool,
    books: Books,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    turns: u64,
    /// For how many ticks the same poll has lasted.
    ticks: u32,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "not known there"))]
    /// The thread's processor time when the poll was first seen, and at the last tick, in nanoseconds.
    time: Option<(u64, u64)>,
    hold: Hold,
    reported: bool,
}

/// What a thread does with its worker while a poll lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hold {
    /// Not long enough to say, or it waits for a processor, as any thread may on a busy machine.
    #[default]
    Unclear,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "not known there"))]
    /// It has used processor time for a whole tick.
    Computes,
    /// It has used none since the last tick, and does not want any.
    Blocks,
}

impl Watch {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            seen: vec![Seen::default(); workers].into(),
            unattended: false,
            limited: false,
            books: Books::new(workers),
        }
    }
}

/// Whether an engine has anything that a tick could find wrong.
pub(super) fn is_busy(engine: &Engine) -> bool {
    // A regular worker whose bit is clear has an occupant, or somebody is about to sit down, and may not arm. Spares that are vacant have no bit.
    let awake = |worker: &Worker| {
        (worker.index < engine.regular() || !worker.is_vacant())
            && !engine.idle.is_asleep(worker.index)
    };
    !engine.is_closed()
        && (engine
            .workers
            .iter()
            .any(|worker| awake(worker) || worker.is_refused())
            || engine.driver.is_unattended()
            || engine.blocking.is_starved()
            || !engine.store.is_empty()
            || engine.timers().has_surplus())
}

/// The monitor begins to tick.
pub(super) fn begin(engine: &Engine) {
    engine.watch.lock().books.begin(engine);
}

/// One tick. True: the engine works. The monitor is present meanwhile: what it moves and whom it staffs is not the closer's yet.
pub(super) fn inspect(engine: &Arc<Engine>) -> bool {
    if !engine.arrive() {
        return false;
    }
    struct Present<'e>(&'e Arc<Engine>);
    impl Drop for Present<'_> {
        fn drop(&mut self) {
            self.0.depart();
        }
    }

    let present = Present(engine);
    attend_to(present.0)
}

fn attend_to(engine: &Engine) -> bool {
    let mut watch = engine.watch.lock();
    let (mut moved, mut gets_on) = (false, true);
    for worker in &engine.workers {
        let seen = &mut watch.seen[worker.index];
        gets_on &= !is_held_up(engine, worker, seen);
        if look_at(engine, worker, seen) {
            moved |= take_over(engine, worker);
        }
    }
    // Also if somebody has lifted it since.
    let was_limited = watch.books.has_limit() || engine.sharing.is_limited();
    watch.books.tick(engine, gets_on);
    // Who was left alone with its queue has called nobody, and may be left alone no longer. Once more at the next tick: it may not have seen it at once.
    let was_lately = std::mem::replace(&mut watch.limited, was_limited);
    if moved || (was_limited || was_lately) && engine.has_work() {
        engine.notify();
        // The fence in `notify` pairs with the closer's, who may have looked before the push.
        if engine.is_closed() {
            engine.closing.signal();
        }
    }
    retry_refused(engine);
    let unattended = is_unattended(engine) && !engine.leaves_driving();
    if unattended && watch.unattended {
        engine.notify();
    }
    watch.unattended = unattended;
    if engine.config.compensate && wants_spare(engine, &watch) {
        start_spare(engine);
    }
    retire_spares(engine);
    drop(watch);
    engine.store.age();
    engine.timers().age();
    let busy = is_busy(engine);
    if !busy {
        // It may be the last tick for long.
        engine.sharing.limit_to(None);
    }
    busy
}

/// Whether others may wait for a worker in vain: a thread was refused, or the one that is there has made no turn since the last tick, be it in a poll or between two.
fn is_held_up(engine: &Engine, worker: &Worker, seen: &Seen) -> bool {
    let makes_no_turn = worker.turns.get() == seen.turns && !engine.idle.is_asleep(worker.index);
    let is_awaited = || worker.is_in_poll() || worker.has_work() || is_unattended(engine);
    worker.is_refused() || !worker.is_vacant() && makes_no_turn && is_awaited()
}

/// Whether nobody is in the driver's seat, nor would be but for a moment.
fn is_unattended(engine: &Engine) -> bool {
    engine.driver.is_unattended() && !engine.driver.is_left_to_looks()
}

/// Whether the worker is stuck.
fn look_at(engine: &Engine, worker: &Worker, seen: &mut Seen) -> bool {
    let turns = worker.turns.get();
    let in_poll = turns % 2 == 1 && !worker.is_vacant() && !engine.idle.is_asleep(worker.index);
    if !in_poll {
        *seen = Seen::default();
        seen.turns = turns;
        worker.set_stuck(false);
        return false;
    }
    let same = turns == seen.turns;
    if !same {
        *seen = Seen::default();
        seen.turns = turns;
    }
    seen.ticks += u32::from(same);
    seen.hold = judge(worker, seen);
    let stuck = seen.ticks >= 1;
    worker.set_stuck(stuck);
    // Relaxed: a hint, looked at again at the next tick.
    let in_root = worker.in_root.load(Ordering::Relaxed);
    if stuck && seen.hold != Hold::Unclear && !worker.is_by_pool() && !in_root {
        worker.draw_attention(YIELD_SEAT);
    }
    let lasted = TICK * seen.ticks;
    if engine.config.debug && !seen.reported && lasted >= engine.config.slow_poll {
        seen.reported = true;
        warning!(
            "{} has been in one poll for over {lasted:?}",
            worker.noted_task()
        );
    }
    stuck
}

/// Moves what waits behind a stuck poll to where others find it.
fn take_over(engine: &Engine, worker: &Worker) -> bool {
    let mut moved = false;
    loop {
        match worker.stealer.steal() {
            Stolen::One(task) => {
                engine.injector.push(task);
                moved = true;
            }
            Stolen::Retry => {}
            Stolen::Nothing => break,
        }
    }
    if let Some(task) = worker.next.raid() {
        engine.injector.push(task);
        moved = true;
    }
    moved
}

fn retry_refused(engine: &Engine) {
    for worker in &engine.workers {
        if worker.take_refused() {
            engine.idle.start_searching();
            engine.staff(worker.index);
        }
    }
    if engine.blocking.is_starved() {
        engine.staff_blocking();
    }
}

/// Every worker is held up by a blocked thread, and something waits.
fn wants_spare(engine: &Engine, watch: &Watch) -> bool {
    let waiting = engine.has_work() || engine.driver.is_unattended();
    waiting
        && engine.workers.iter().all(|worker| {
            let spare = worker.index >= engine.regular();
            if spare && worker.is_free_spare() {
                return true;
            }
            watch.seen[worker.index].ticks >= 1 && watch.seen[worker.index].hold == Hold::Blocks
        })
}

fn start_spare(engine: &Engine) {
    let mut spares = engine.workers[engine.regular()..].iter();
    if let Some(spare) = spares.find(|worker| worker.is_free_spare()) {
        engine.idle.start_searching();
        engine.staff(spare.index);
    }
}

/// Sends sleeping spares home once a regular worker is free again.
fn retire_spares(engine: &Engine) {
    let (regular, spares) = engine.workers.split_at(engine.regular());
    if regular.iter().all(|worker| worker.is_stuck()) {
        return;
    }
    for spare in spares {
        engine.decommission(spare);
    }
}

/// From the kernel's account of the thread.
#[cfg(target_os = "linux")]
fn judge(worker: &Worker, seen: &mut Seen) -> Hold {
    // Relaxed: written when the occupant sat down.
    let thread = worker.thread.load(Ordering::Relaxed);
    let Some(time) = clock::of_thread(thread) else {
        return judge_by_patience(seen);
    };
    let (first, last) = seen.time.unwrap_or((time, u64::MAX));
    seen.time = Some((first, time));
    if time == last && sleeps(thread) {
        Hold::Blocks
    } else if u128::from(time.saturating_sub(first)) >= TICK.as_nanos() {
        Hold::Computes
    } else {
        Hold::Unclear
    }
}

/// Whether the thread waits in the kernel for something other than a processor.
#[cfg(target_os = "linux")]
fn sleeps(thread: u32) -> bool {
    // The state is the first letter after the command's name in parentheses.
    std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with(['S', 'D']))
    })
}

#[cfg(not(target_os = "linux"))]
fn judge(_worker: &Worker, seen: &mut Seen) -> Hold {
    judge_by_patience(seen)
}

/// Where the system does not tell: five ticks are taken for blocking.
fn judge_by_patience(seen: &Seen) -> Hold {
    if seen.ticks >= 5 {
        Hold::Blocks
    } else {
        Hold::Unclear
    }
}

impl fmt::Display for super::worker::NotedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some((id, location)) => write!(f, "task {id}, spawned at {location},"),
            None => f.write_str("a root, or a task that just began,"),
        }
    }
}
