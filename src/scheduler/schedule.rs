//! Where tasks go when they are spawned or woken.

use std::future::Future;
use std::ptr::NonNull;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::context;
use super::engine::Engine;
use super::worker::Worker;
use crate::sync::{Mutex, Ordering};
use crate::task::batch::Store;
use crate::task::{self, BatchSchedule, Fresh, Header, JoinHandle, PageSet, Schedule, Spec};
use crate::util::budget;

/// A new task, or what it would have been made of, where the engine is closed.
type Created<F> = Result<(Fresh, JoinHandle<<F as Future>::Output>), (Spec, F)>;

/// How long a batch's turn goes on while others wait in the queue: many short elements, or a long one, and at worst as many of these as
/// pass between two looks at the clock.
const PATIENCE: Duration = Duration::from_micros(100);

/// Of elements that are shorter than this, several pass between two looks at the clock, which costs as much as one of them.
const SHORT: Duration = Duration::from_micros(1);
/// So many.
const BETWEEN_LOOKS: u32 = 7;

/// How long others have waited for a batch's turn to end.
#[derive(Default)]
pub(crate) struct Waiting {
    /// When it was first seen that others wait, and when the clock was last read.
    seen: Option<(Instant, Instant)>,
    /// How many elements pass between this look and the next one, and how many of them are left.
    between: u32,
    left: u32,
}

impl Waiting {
    /// One more element was polled while others waited. Whether that is enough.
    #[inline]
    fn is_over(&mut self) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.is_over_by_the_clock()
    }

    #[inline(never)]
    fn is_over_by_the_clock(&mut self) -> bool {
        let now = Instant::now();
        let Some((since, last)) = self.seen else {
            self.seen = Some((now, now));
            return false;
        };
        self.seen = Some((since, now));
        let are_short = now - last < SHORT * (self.between + 1);
        self.between = if are_short { BETWEEN_LOOKS } else { 0 };
        self.left = self.between;
        now - since > PATIENCE
    }
}

/// heist's scheduler, as the tasks see it.
pub(crate) struct Scheduler;

impl Schedule for Scheduler {
    #[inline]
    unsafe fn schedule(task: NonNull<Header>, home: NonNull<PageSet>) {
        // SAFETY: a page set outlives its cells.
        let Some(engine) = Engine::of(unsafe { home.as_ref() }) else {
            // An orphan is complete before anybody else knows it.
            return;
        };
        match context::worker_of(engine) {
            // A joiner goes where the task that it waited for came from: behind that one's neighbours, for which it may be waiting too, or
            // else next.
            // SAFETY: `worker_of` gives the worker that this thread occupies.
            Some(worker) if worker.is_joining() => unsafe { engine.push_joiner(worker, task) },
            // SAFETY: as above.
            Some(worker) => unsafe { engine.push_next(worker, task) },
            None => engine.push_foreign(task),
        }
    }

    #[inline]
    unsafe fn requeue(task: NonNull<Header>, home: NonNull<PageSet>) {
        // Once it is pushed, others may run and free it, while a report that the push causes runs the user's logger here.
        context::set_task(None);
        // SAFETY: a page set outlives its cells, of which the task's is one, or its batch's hub's.
        let Some(engine) = Engine::of(unsafe { home.as_ref() }) else {
            return;
        };
        match context::worker_of(engine) {
            // SAFETY: `worker_of` gives the worker that this thread occupies.
            Some(worker) => unsafe { engine.push_yielded(worker, task) },
            None => engine.push_foreign(task),
        }
    }

    #[inline]
    fn owns(set: &PageSet) -> bool {
        let worker = context::worker();
        // SAFETY: a worker in the context is occupied by this thread, so it is alive.
        unsafe { worker.as_ref() }.is_some_and(|worker| std::ptr::eq(&raw const worker.pages, set))
    }

    #[inline]
    fn stays(set: &PageSet) -> bool {
        // Where the thread sits it has an Arc, until it has left. Most sets are its own.
        Self::owns(set)
            || Engine::of(set).is_some_and(|engine| context::worker_of(engine).is_some())
    }

    #[inline]
    fn completed(set: &PageSet) -> bool {
        // SAFETY: a worker in the context is occupied by this thread, so it is alive.
        let worker = unsafe { context::worker().as_ref() };
        // Most sets are the own worker's.
        if let Some(worker) = worker.filter(|worker| std::ptr::eq(&raw const worker.pages, set)) {
            worker.stats.completed.add(1);
            worker.completes();
            return true;
        }
        if let Some(worker) = count_completed(set, 1) {
            worker.completes();
        }
        false
    }

    unsafe fn cell_gone(set: NonNull<PageSet>) {
        // SAFETY: the cell or hold that goes kept the engine, and with it the set, until now.
        let engine = unsafe { *(*set.as_ptr()).engine };
        // SAFETY: as above; once for each, as the caller promises. The set of orphans is never retired.
        unsafe { Engine::cells_gone(engine.cast(), 1) };
    }
}

/// Counts completed tasks, and gives the worker they completed at.
#[inline]
fn count_completed(set: &PageSet, count: u64) -> Option<&'static Worker> {
    let engine = Engine::of(set)?;
    let worker = context::worker_of(engine);
    match worker {
        Some(worker) => worker.stats.completed.add(count),
        None => {
            // Relaxed: a statistic.
            engine
                .completed_elsewhere
                .fetch_add(count, Ordering::Relaxed);
        }
    }
    worker
}

impl BatchSchedule for Scheduler {
    fn store(set: &PageSet) -> Option<&Store> {
        Engine::of(set).map(|engine| &engine.store)
    }

    fn all_completed(set: &PageSet, count: u64) {
        count_completed(set, count);
    }

    unsafe fn offer(entry: NonNull<Header>, home: NonNull<PageSet>, left: usize) {
        // SAFETY: a page set outlives its cells, of which the batch's hub is one.
        let Some(engine) = Engine::of(unsafe { home.as_ref() }) else {
            unreachable!("a batch belongs to an engine")
        };
        match context::worker_of(engine) {
            // SAFETY: `worker_of` gives the worker that this thread occupies.
            Some(worker) => unsafe { engine.push_range(worker, entry, left) },
            None => engine.push_foreign(entry),
        }
    }

    unsafe fn retract(entry: NonNull<Header>) -> bool {
        // SAFETY: a worker in the context is occupied by this thread, so it is alive.
        let Some(worker) = (unsafe { context::worker().as_ref() }) else {
            return false;
        };
        // SAFETY: this thread occupies the worker.
        if unsafe { worker.local.len() } != 1 {
            return false;
        }
        // SAFETY: as above.
        match unsafe { worker.local.pop() } {
            Some(popped) if popped == entry => true,
            Some(other) => {
                // SAFETY: as above.
                unsafe { worker.local.push_behind_taken(other) };
                false
            }
            None => false,
        }
    }

    #[inline]
    fn begin(element: NonNull<Header>) {
        budget::refill();
        context::set_task(Some(element));
        context::with_engine(|engine| {
            let Some(engine) = engine.filter(|engine| engine.config.debug) else {
                return;
            };
            if let Some(worker) = context::worker_of(engine) {
                // SAFETY: the element is published, and its runner keeps it.
                worker.note_task(Some(&unsafe { element.as_ref() }.meta));
            }
        });
    }

    type Waiting = Waiting;

    #[inline]
    fn next_poll(waiting: &mut Waiting) -> bool {
        // SAFETY: a worker in the context is occupied by this thread, so it is alive.
        let Some(worker) = (unsafe { context::worker().as_ref() }) else {
            return false;
        };
        // The next element is not to find what a guard shows that this one left behind.
        if !context::shows_the_seat() {
            return false;
        }
        // What an element woke in the next slot, where no thief sees it, or the root of this thread, would otherwise wait for the whole turn.
        if worker.attention() != 0 || !worker.next.is_empty() || context::is_root_woken() {
            return false;
        }
        // SAFETY: this thread occupies the worker. One range is the batch's own.
        if unsafe { worker.local.has_beside_a_range() } && waiting.is_over() {
            return false;
        }
        // The end of one poll, and the beginning of another.
        worker.turns.add(2);
        true
    }
}

impl Engine {
    /// Spawns from wherever the caller is. On a closed engine the future is dropped and the handle yields `is_cancelled`.
    #[inline]
    pub(crate) fn spawn<F>(&self, spec: Spec, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        match context::worker_of(self) {
            Some(worker) if !self.is_closed() => {
                // SAFETY: `worker_of` gives the worker that this thread occupies; the future is Send.
                let (Fresh(task), handle) =
                    unsafe { task::create::<F, Scheduler>(&worker.pages, spec, future) };
                // SAFETY: as above.
                unsafe { self.push_next(worker, task) };
                handle
            }
            _ => match self.create_foreign(spec, future) {
                Ok((Fresh(task), handle)) => {
                    self.push_foreign(task);
                    handle
                }
                Err((spec, future)) => orphan(spec, future),
            },
        }
    }

    /// Starts what `create` makes in a page set that it owns while it runs. False: the engine is closed, and `create` was not called.
    pub(crate) fn launch(&self, create: impl FnOnce(&PageSet) -> Fresh) -> bool {
        match context::worker_of(self) {
            Some(worker) if !self.is_closed() => {
                let Fresh(entry) = create(&worker.pages);
                // SAFETY: `worker_of` gives the worker that this thread occupies.
                unsafe { self.push_next(worker, entry) };
            }
            _ => {
                let created = self.foreign.with(create, |set, create| create(set));
                let Ok(Fresh(entry)) = created else {
                    return false;
                };
                self.push_foreign(entry);
            }
        }
        true
    }

    /// Whether this thread polls a task that is about to be cancelled because the engine is closed: it may wait for ever.
    pub(crate) fn is_ending_current_task(&self) -> bool {
        let is_ours = |home: NonNull<PageSet>| {
            // SAFETY: a page set outlives its cells, and the task that is polled has one.
            let engine = *unsafe { home.as_ref() }.engine;
            std::ptr::eq(engine.cast(), self)
        };
        self.is_closed() && task::current::home().is_some_and(is_ours)
    }

    /// Makes a task in the foreign pages, in no queue yet. The parts come back if the engine is closed.
    pub(crate) fn create_foreign<F>(&self, spec: Spec, future: F) -> Created<F>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.foreign.with((spec, future), |set, (spec, future)| {
            // SAFETY: the closure owns the set that it is given; the future is Send.
            unsafe { task::create::<F, Scheduler>(set, spec, future) }
        })
    }
}

/// The cells of tasks whose runtime was gone before they were spawned: born cancelled.
static ORPHANS: LazyLock<Mutex<PageSet>> =
    LazyLock::new(|| Mutex::new(PageSet::new(std::ptr::null())));

/// Gives the set of orphans, which `f` owns while it runs.
pub(super) fn with_orphans<R>(f: impl FnOnce(&PageSet) -> R) -> R {
    f(&ORPHANS.lock())
}

/// Drops the future, here and now, and makes a handle that says so.
pub(crate) fn orphan<F>(spec: Spec, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (Fresh(task), handle) = with_orphans(|set| {
        // SAFETY: the closure owns the set, which is static; the future is Send.
        unsafe { task::create::<F, Scheduler>(set, spec, future) }
    });
    handle.abort();
    // SAFETY: the task is due and in no queue: this is its turn.
    unsafe { task::run(task) };
    handle
}

/// Cancels a task that was taken from a queue, instead of polling it.
pub(crate) fn cancel_queued(task: NonNull<Header>) {
    // SAFETY: a queued task is due, so the runtime's reference is there.
    let header = unsafe { task.as_ref() };
    let _already_queued = header.state.abort();
    // SAFETY: the entry just taken is the right to this turn.
    unsafe { task::run(task) };
}
