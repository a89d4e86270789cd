//! What the loom models see of the crate: the units of its protocols, and thin wrappers where a unit is not to be
//! public. Compiled under `--cfg heist_loom` only.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::driver::{self, Attend, Handover};
use crate::task::header::TaskRef;
use crate::task::{self, Fresh, Header, Origin, Spec, batch};
use crate::timer::{Own, TimerKey};

pub use crate::driver::seat::{Seat, Sit};
pub use crate::queue::next::NextSlot;
pub use crate::reactor::readiness::{Direction, Readiness, Ready, Seen};
pub use crate::reactor::source::Source;
pub use crate::reactor::sources::{Sources, Table};
pub use crate::reactor::waiters::Ticket;
pub use crate::scheduler::guests::Guests;
pub use crate::scheduler::idle::Idle;
pub use crate::scheduler::parker::Parker;
pub use crate::sync::fence;
pub use crate::task::batch::range::{Arrival, Leave, Range};
pub use crate::task::pages::PageSet;
pub use crate::task::state::{Claim, Pause, State, Taken, Turn, Wake};
pub use crate::task::{AbortHandle, JoinError, JoinHandle};
pub use crate::util::berth::Berth;
pub use crate::util::biased::Biased;

// ---- tasks ----

/// A queue entry.
#[derive(Clone, Copy)]
pub struct Task(NonNull<Header>);

// SAFETY: an entry is the right to run a task that is due, and the models' futures are Send.
unsafe impl Send for Task {}

impl Task {
    /// Takes the turn that the entry stands for.
    ///
    /// # Safety
    /// The entry came from `Scheduler::push` or `spawn`, and is used once.
    pub unsafe fn run(self) {
        let _aside = task::current::Aside::for_task(self.0);
        // SAFETY: as the caller promises.
        unsafe { task::run(self.0) }
    }

    /// What the engine does with an entry that it finds after closing.
    ///
    /// # Safety
    /// As for `run`.
    pub unsafe fn cancel(self) {
        // SAFETY: as the caller promises: the task is due, so the runtime's reference is there.
        let _already_queued = unsafe { self.0.as_ref() }.state.abort();
        // SAFETY: as the caller promises.
        unsafe { self.run() };
    }

    pub fn into_address(self) -> usize {
        self.0.as_ptr().expose_provenance()
    }

    /// # Safety
    /// The address is one that `into_address` gave.
    pub unsafe fn from_address(address: usize) -> Self {
        let task = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: as the caller promises.
        Self(unsafe { NonNull::new_unchecked(task) })
    }
}

/// What a model brings along as the tasks' scheduler. Each function is given the set that the task's cell lies in.
pub trait Scheduler: 'static {
    /// A task became due by a wake or an abort, or, if `again`, was woken during its poll.
    fn push(set: &PageSet, task: Task, again: bool);
    fn owns(set: &PageSet) -> bool;
    fn cell_gone(set: NonNull<PageSet>);
    /// Whether a ticket's turn goes on after an element.
    fn next_poll() -> bool;
}

struct Adapter<S>(S);

impl<S: Scheduler> task::Schedule for Adapter<S> {
    unsafe fn schedule(task: NonNull<Header>, home: NonNull<PageSet>) {
        // SAFETY: a page set outlives its cells.
        S::push(unsafe { home.as_ref() }, Task(task), false);
    }

    unsafe fn requeue(task: NonNull<Header>, home: NonNull<PageSet>) {
        // SAFETY: as above.
        S::push(unsafe { home.as_ref() }, Task(task), true);
    }

    fn owns(set: &PageSet) -> bool {
        S::owns(set)
    }

    fn stays(set: &PageSet) -> bool {
        S::owns(set)
    }

    fn completed(set: &PageSet) -> bool {
        S::owns(set)
    }

    unsafe fn cell_gone(set: NonNull<PageSet>) {
        S::cell_gone(set);
    }
}

/// A page set that remembers `world`.
pub fn pages(world: *const ()) -> PageSet {
    PageSet::new(world)
}

pub fn world(set: &PageSet) -> *const () {
    *set.engine
}

/// # Safety
/// The caller owns the set, and queues the task.
pub unsafe fn spawn<S: Scheduler, F>(set: &PageSet, future: F) -> (Task, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let spec = Spec {
        origin: Origin::new(Location::caller(), None),
        parent: None,
    };
    // SAFETY: as the caller promises; the future is Send.
    let (Fresh(task), handle) = unsafe { task::create::<F, Adapter<S>>(set, spec, future) };
    (Task(task), handle)
}

// ---- batches ----

impl<S: Scheduler> task::BatchSchedule for Adapter<S> {
    fn store(_set: &PageSet) -> Option<&batch::Store> {
        None
    }

    fn all_completed(_set: &PageSet, _count: u64) {}

    unsafe fn offer(entry: NonNull<Header>, home: NonNull<PageSet>, _left: usize) {
        // SAFETY: a page set outlives its cells, of which the batch's hub is one.
        S::push(unsafe { home.as_ref() }, Task(entry), true);
    }

    unsafe fn retract(_entry: NonNull<Header>) -> bool {
        false
    }

    fn begin(element: NonNull<Header>) {
        task::current::set(Some(element));
    }

    type Waiting = ();

    fn next_poll(_waiting: &mut ()) -> bool {
        S::next_poll()
    }
}

/// Values, or the first error.
struct Results<F>(PhantomData<F>);

impl<T, F: Future<Output = Result<T, ()>>> batch::Kind for Results<F> {
    type Future = F;
    type Output = F::Output;
    type Value = T;
    type Error = ();

    fn judge(output: F::Output) -> Result<T, ()> {
        output
    }
}

/// The hold on a batch whose elements give a `T` or fail.
pub struct Gathering<T, F: Future<Output = Result<T, ()>>, S: Scheduler>(
    batch::Gathering<Results<F>, Adapter<S>>,
);

impl<T, F: Future<Output = Result<T, ()>>, S: Scheduler> Gathering<T, F, S> {
    /// Ready with None: an element failed, or was cancelled.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Vec<T>>> {
        self.0.poll(cx).map(Result::ok)
    }
}

/// # Safety
/// The caller owns the set, and queues the ticket.
pub unsafe fn gather<S: Scheduler, T, F>(
    set: &PageSet,
    futures: Vec<F>,
    cx: &Context<'_>,
) -> (Task, Gathering<T, F, S>)
where
    F: Future<Output = Result<T, ()>> + Send + 'static,
    T: Send + 'static,
{
    let spec = Spec {
        origin: Origin::new(Location::caller(), None),
        parent: None,
    };
    let futures = batch::Unstarted::collect(futures);
    // SAFETY: as the caller promises; the futures and what they give are Send.
    let (Fresh(ticket), gathering) =
        unsafe { batch::create(set, &spec, futures, cx.waker().clone()) };
    (Task(ticket), Gathering(gathering))
}

// ---- pages ----

/// # Safety
/// The caller owns the set.
pub unsafe fn cells_out(set: &PageSet) -> usize {
    // SAFETY: as the caller promises.
    unsafe { set.cells_out() }
}

/// Keeps the world.
pub struct Hold<S: Scheduler>(
    #[expect(dead_code, reason = "for its drop")] task::pages::Hold<Adapter<S>>,
);

/// # Safety
/// The caller owns the set.
pub unsafe fn hold<S: Scheduler>(set: &PageSet) -> Hold<S> {
    // SAFETY: as the caller promises.
    Hold(unsafe { task::pages::Hold::new(set) })
}

pub fn retire(set: &PageSet) -> usize {
    set.retire()
}

/// A living cell that a walk found.
pub struct Walked(TaskRef);

pub fn living(set: &PageSet) -> Vec<Walked> {
    let mut tasks = Vec::new();
    set.living(&mut tasks);
    tasks.into_iter().map(Walked).collect()
}

impl Walked {
    /// Stands for reading what the spawner wrote, at a place that loom watches.
    pub fn read(&self) {
        self.0.header().tenancy.with(|_| ());
    }

    pub fn claim_idle(&self) -> Claim {
        self.0.header().state.claim_idle()
    }

    pub fn is_complete(&self) -> bool {
        self.0.header().state.is_complete()
    }

    /// # Safety
    /// `claim_idle` gave the task to the caller.
    pub unsafe fn cancel(&self) {
        // SAFETY: as the caller promises.
        unsafe { (self.0.header().vtable.cancel)(self.0.as_ptr()) }
    }
}

// ---- driving ----

/// A thread that can sleep in the driver's seat.
pub trait Sleeper: 'static {
    fn park(&self, timeout: Option<Duration>);
    fn kick(&self);
}

/// Makes a model's sleeper one of the driver's.
pub struct Chair<P>(pub P);

impl<P: Sleeper> driver::Sleeper for Chair<P> {
    fn park(&self, timeout: Option<Duration>) {
        self.0.park(timeout);
    }

    fn drive(&self, _wait: impl FnOnce()) {
        unreachable!("there is no reactor in a model");
    }

    fn kick(&self, _notify: impl FnOnce()) {
        self.0.kick();
    }
}

/// A pending timer.
pub struct Timer(TimerKey);

/// The driver, with timers and without a reactor.
pub struct Driver<P: Sleeper>(driver::Driver<Chair<P>>);

impl<P: Sleeper> Driver<P> {
    /// With so many shards of timers.
    pub fn new(shards: usize) -> Self {
        Self(driver::Driver::new(shards))
    }

    /// True: the deadline is now the earliest of the shard, and `deadline_lowered` is to be called.
    pub fn insert(&self, shard: usize, deadline: Instant, waker: &Waker) -> (Timer, bool) {
        // SAFETY: a new shard is shared, and nobody makes so many timers here that it becomes anybody's own.
        let shard = unsafe { Own::shard(shard) };
        let tick = self.0.timers.tick(deadline);
        let (key, lowered) = self.0.timers.insert(shard, tick, waker.clone());
        (Timer(key), lowered)
    }

    pub fn remove(&self, timer: Timer) {
        self.0.timers.remove(Own::NONE, timer.0);
    }

    pub fn drain(&self, woken: &mut Vec<Waker>) {
        self.0.timers.drain(woken);
    }

    /// True: nobody drives.
    pub fn deadline_lowered(&self, deadline: Instant) -> bool {
        let tick = self.0.timers.tick(deadline);
        self.0.deadline_lowered(tick) == Attend::Nobody
    }

    pub fn has_duties(&self) -> bool {
        self.0.has_duties()
    }

    pub fn is_unattended(&self) -> bool {
        self.0.is_unattended()
    }

    /// None: the seat is taken. True: somebody wants it next.
    pub fn sleep(&self, me: &'static Chair<P>, woken: &mut Vec<Waker>) -> Option<bool> {
        let handover = self.0.sleep(me, None, woken)?;
        Some(handover == Handover::Wanted)
    }

    /// True: somebody wants the seat next.
    pub fn look(&self, woken: &mut Vec<Waker>) -> bool {
        self.0.look(Own::NONE, woken) == Handover::Wanted
    }
}
