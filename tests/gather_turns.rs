//! The turns of a gather's batch: what an element wakes does not wait for the others, and a turn that is over leaves nothing behind.

mod common;

use common::{
    Counter, CountsDrop, Watchdog, compute_for, lock, median, one_at_a_time, poll_once, poll_with,
    run_on,
};
use heist::{Builder, Handle, gather};
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

const ELEMENTS: usize = 64;
const EACH: Duration = Duration::from_millis(5);
/// Many elements long, and well below what all of them take.
const SOON: Duration = Duration::from_millis(100);

/// Elements that compute, and give when they began. The first wakes those who wait for `woken`.
fn elements(woken: &Counter) -> Vec<impl Future<Output = Instant> + Send + 'static> {
    let element = |i| {
        let woken = woken.clone();
        async move {
            let began = Instant::now();
            if i == 0 {
                woken.add();
            }
            compute_for(EACH);
            began
        }
    };
    (0..ELEMENTS).map(element).collect()
}

#[track_caller]
fn assert_soon(measure: impl Fn() -> Duration) {
    let delay = median((0..3).map(|_| measure()).collect());
    assert!(delay < SOON, "what an element woke ran {delay:?} later");
}

#[test]
fn a_task_that_an_element_wakes_does_not_wait_for_the_whole_batch() {
    let _turn = one_at_a_time();
    assert_soon(|| {
        run_on(2, async {
            let (waiting, woken) = (Counter::new(), Counter::new());
            let waiter = heist::spawn({
                let (waiting, woken) = (waiting.clone(), woken.clone());
                async move {
                    waiting.add();
                    woken.reached(1).await;
                    Instant::now()
                }
            });
            waiting.reached(1).await;
            let began = gather(elements(&woken)).await;
            waiter.await.unwrap().saturating_duration_since(began[0])
        })
    });
}

#[test]
fn a_root_that_an_element_on_its_own_thread_wakes_does_not_wait_for_the_whole_batch() {
    let _turn = one_at_a_time();
    assert_soon(|| {
        run_on(1, async {
            let woken = Counter::new();
            let gathering = heist::spawn(gather(elements(&woken)));
            woken.reached(1).await;
            let ran = Instant::now();
            ran.saturating_duration_since(gathering.await.unwrap()[0])
        })
    });
}

/// When and where an element ran.
type Span = (Instant, Instant, ThreadId);

async fn short_computation() -> Span {
    let began = Instant::now();
    compute_for(2 * EACH);
    (began, Instant::now(), thread::current().id())
}

fn at_once_on_two_threads(spans: &[Span]) -> bool {
    let (a, b) = (spans[0], spans[1]);
    a.2 != b.2 && a.0 < b.1 && b.0 < a.1
}

#[test]
fn two_short_computations_run_on_two_workers() {
    let _turn = one_at_a_time();
    const TRIES: usize = 9;
    let parallel = run_on(2, async {
        let mut parallel = 0;
        for _ in 0..TRIES {
            let spans = gather((0..2).map(|_| short_computation())).await;
            parallel += usize::from(at_once_on_two_threads(&spans));
        }
        parallel
    });
    // A busy machine may leave the second worker no processor now and then.
    assert!(
        parallel > TRIES / 3,
        "{parallel} of {TRIES} ran on two workers"
    );
}

/// The steps of a gather whose last element is dropped while its first one ends, and the batch's turn with it.
#[derive(Clone, Default)]
struct Steps {
    first_began: Counter,
    first_may_end: Counter,
    first_dropped: Counter,
    worker_is_free: Counter,
    last_dropped: Counter,
}

/// Held by the element that is cancelled; it looks at the current task after the batch's turn on the worker was over.
struct LooksWhenDropped {
    steps: Steps,
    handle: Handle,
    seen: Arc<Mutex<Vec<Seen>>>,
}

type Seen = (Option<heist::task::TaskId>, Option<&'static str>);

impl LooksWhenDropped {
    fn look(&self) {
        let file = heist::task::location().map(|location| location.file());
        lock(&self.seen).push((heist::task::id(), file));
    }
}

impl Drop for LooksWhenDropped {
    fn drop(&mut self) {
        self.look();
        self.steps.first_may_end.add();
        self.steps.first_dropped.wait(1);
        // The only worker that is not busy runs this after its turn with the batch.
        let free = self.steps.worker_is_free.clone();
        drop(self.handle.spawn(async move { free.add() }));
        self.steps.worker_is_free.wait(1);
        self.look();
        self.steps.last_dropped.add();
    }
}

enum Element {
    First(Steps, CountsDrop),
    Last(#[expect(dead_code, reason = "dropped")] LooksWhenDropped),
}

impl Element {
    async fn run(self) {
        if let Self::First(steps, _dropped) = &self {
            steps.first_began.add();
            steps.first_may_end.wait(1);
        }
    }
}

#[test]
fn the_current_task_is_sane_in_the_drop_of_a_cancelled_element() {
    let _turn = one_at_a_time();
    let watchdog = Watchdog::start();
    let runtime = Builder::new().worker_threads(3).build().unwrap();
    watchdog.knows(runtime.handle());
    let (busy, free) = (Counter::new(), Counter::new());
    for _ in 0..2 {
        let (busy, free) = (busy.clone(), free.clone());
        drop(runtime.spawn(async move {
            busy.add();
            free.wait(1);
        }));
    }
    busy.wait(2);
    let (steps, seen) = (Steps::default(), Arc::<Mutex<Vec<Seen>>>::default());
    let first = Element::First(steps.clone(), steps.first_dropped.guard());
    let last = Element::Last(LooksWhenDropped {
        steps: steps.clone(),
        handle: runtime.handle(),
        seen: Arc::clone(&seen),
    });
    let mut gathered = Box::pin(gather([first, last].map(Element::run)));
    let entered = runtime.enter();
    assert!(poll_once(gathered.as_mut()).is_pending());
    drop(entered);
    steps.first_began.wait(1);
    drop(gathered);
    steps.last_dropped.wait(1);
    free.add();
    let seen = lock(&seen);
    assert_eq!(seen[0], seen[1], "the current task changed within a Drop");
    assert!(seen[0].1.is_none_or(|file| file == file!()), "{seen:?}");
}

/// Polls `future` until it is ready, again after each wake that `wakes` counts.
fn drive<F: Future>(future: F, waker: &Waker, wakes: &Counter) -> F::Output {
    let mut future = pin!(future);
    let mut polls = 0;
    loop {
        if let Poll::Ready(output) = poll_with(future.as_mut(), waker) {
            return output;
        }
        polls += 1;
        wakes.wait(polls);
    }
}

/// A waker of which a part spawns on the gather's own runtime.
struct Spawns {
    handle: Handle,
    wakes: Counter,
}

impl Spawns {
    fn spawn(&self) {
        drop(self.handle.spawn(async {}));
    }
}

impl Wake for Spawns {
    fn wake(self: Arc<Self>) {
        self.spawn();
        self.wakes.add();
    }
}

impl Drop for Spawns {
    fn drop(&mut self) {
        self.spawn();
    }
}

const CLONE_SPAWNS: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, discard);

/// # Safety
///
/// `data` is from `Arc::<Spawns>::into_raw`, and its count is at least one while this is used.
unsafe fn borrow(data: *const ()) -> ManuallyDrop<Arc<Spawns>> {
    // SAFETY: the pointer is as the caller promises; ManuallyDrop leaves the count alone.
    ManuallyDrop::new(unsafe { Arc::from_raw(data.cast()) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: every waker with this table has its data from `into_raw`, and a waker that is being cloned has its count.
    let spawns = unsafe { borrow(data) };
    spawns.spawn();
    RawWaker::new(Arc::into_raw(Arc::clone(&spawns)).cast(), &CLONE_SPAWNS)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as for `clone`; the count that this waker had is taken over here.
    let spawns = unsafe { Arc::<Spawns>::from_raw(data.cast()) };
    spawns.wake();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as for `clone`; a waker that is woken by reference has its count.
    let spawns = unsafe { borrow(data) };
    spawns.wakes.add();
}

unsafe fn discard(data: *const ()) {
    // SAFETY: as for `clone`; the count that this waker had is given up here.
    drop(unsafe { Arc::<Spawns>::from_raw(data.cast()) });
}

/// Drives gathers from a thread that is no worker, with a waker made of that state.
fn gather_with(into_waker: fn(Arc<Spawns>) -> Waker) {
    let _turn = one_at_a_time();
    let watchdog = Watchdog::start();
    for workers in [1, 2] {
        let runtime = Builder::new().worker_threads(workers).build().unwrap();
        watchdog.knows(runtime.handle());
        let _entered = runtime.enter();
        for _ in 0..100 {
            let (handle, wakes) = (runtime.handle(), Counter::new());
            let waker = into_waker(Arc::new(Spawns {
                handle,
                wakes: wakes.clone(),
            }));
            let gathered = gather((0..3).map(|i| async move { i }));
            assert_eq!(drive(gathered, &waker, &wakes), [0, 1, 2]);
        }
    }
}

#[test]
fn a_waker_whose_clone_spawns_on_the_same_runtime_does_not_deadlock() {
    gather_with(|spawns| {
        let data = Arc::into_raw(spawns).cast();
        // SAFETY: the data is from `into_raw` with the count that the waker owns, as the functions of the table want it. They may be
        // called from any thread, because `Spawns` is Send and Sync.
        unsafe { Waker::new(data, &CLONE_SPAWNS) }
    });
}

#[test]
fn a_waker_whose_wake_and_drop_spawn_on_the_same_runtime_does_not_deadlock() {
    gather_with(Waker::from);
}
