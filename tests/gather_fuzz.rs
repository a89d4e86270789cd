//! Gathers of elements that do whatever an element may do, in search of values that are lost, dropped twice, or polled twice at once.
//!
//! What a round does follows from its seed, which is also the name of its thread; how its threads interleave does not.

mod common;

use common::{DELIBERATE, Watchdog, lock, poll_once, quiet_panics, run_on};
use fastrand::Rng;
use heist::{Builder, Handle, Runtime, gather, try_gather};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

const TIME: Duration = Duration::from_millis(1_500);

/// Runs rounds, each with a seed of its own, until the time is up.
fn fuzz(round: fn(Rng, &Ledger)) {
    quiet_panics();
    let start = Instant::now();
    while start.elapsed() < TIME {
        let seed = fastrand::u64(..);
        let body = move || {
            let ledger = Ledger::default();
            round(Rng::with_seed(seed), &ledger);
            ledger.check(seed);
        };
        // Named after the seed: so a panic, and the watchdog, say it.
        let thread = thread::Builder::new().name(format!("seed {seed}"));
        if let Err(panic) = thread.spawn(body).expect("a thread").join() {
            resume_unwind(panic);
        }
    }
}

/// What became of the futures and outputs of one round.
#[derive(Clone, Default)]
struct Ledger(Arc<Records>);

#[derive(Default)]
struct Records {
    values: Mutex<Values>,
    all_dropped: Condvar,
    faults: Mutex<Vec<&'static str>>,
    /// Wakers that elements left here. They may outlive their tasks and the runtime.
    wakers: Mutex<Vec<Waker>>,
}

#[derive(Default)]
struct Values {
    /// How often each value was dropped.
    drops: Vec<u32>,
    alive: usize,
}

/// A value that the ledger knows of.
struct Entry(Ledger, usize);

impl Ledger {
    fn enter(&self) -> Entry {
        let mut values = lock(&self.0.values);
        values.drops.push(0);
        values.alive += 1;
        Entry(self.clone(), values.drops.len() - 1)
    }

    fn fault(&self, what: &'static str) {
        lock(&self.0.faults).push(what);
    }

    fn keep(&self, waker: &Waker) {
        let waker = waker.clone();
        lock(&self.0.wakers).push(waker);
    }

    /// Wakes the oldest wakers and keeps that many.
    fn wake_all_but(&self, kept: usize) {
        let mut wakers = lock(&self.0.wakers);
        let count = wakers.len().saturating_sub(kept);
        let oldest: Vec<_> = wakers.drain(..count).collect();
        drop(wakers);
        oldest.into_iter().for_each(Waker::wake);
    }

    fn wait_until_all_are_dropped(&self) {
        let values = lock(&self.0.values);
        let done = self.0.all_dropped.wait_while(values, |v| v.alive > 0);
        drop(done.expect("no panic happens under this lock"));
    }

    /// Every value was dropped once; wakers used after the end do no harm.
    fn check(&self, seed: u64) {
        let drops = lock(&self.0.values).drops.clone();
        for (value, drops) in drops.into_iter().enumerate() {
            assert_eq!(drops, 1, "drops of value {value}, seed {seed}");
        }
        self.wake_all_but(0);
        let faults = lock(&self.0.faults).clone();
        assert!(faults.is_empty(), "{faults:?}, seed {seed}");
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let records = &self.0.0;
        let mut values = lock(&records.values);
        values.drops[self.1] += 1;
        values.alive = values.alive.saturating_sub(1);
        if values.alive == 0 {
            records.all_dropped.notify_all();
        }
    }
}

/// One in so many.
fn rarely(rng: &mut Rng, many: u32) -> bool {
    rng.u32(..many) == 0
}

/// Whatever they say, asking is allowed everywhere.
fn look_at_the_current_task() {
    let place = heist::task::location().map_or(0, |location| location.file().len());
    let _ = (heist::task::id(), heist::task::parent(), place);
}

fn block_for(time: Duration) {
    heist::block_in_place(|| thread::sleep(time));
}

/// An output, whose drop may panic.
struct Output {
    _entry: Entry,
    rng: Rng,
}

impl Drop for Output {
    fn drop(&mut self) {
        look_at_the_current_task();
        if rarely(&mut self.rng, 50) && !thread::panicking() {
            panic!("{DELIBERATE}");
        }
    }
}

#[derive(Clone, Copy)]
enum End {
    Value,
    Error,
    Panic,
    Never,
}

/// A future that takes a few steps of many kinds before its end.
struct Element {
    entry: Entry,
    rng: Rng,
    steps: u32,
    end: End,
    drop_may_panic: bool,
    polling: AtomicBool,
    /// Kept, never awaited: it goes with the element, fired or not.
    sleep: Option<Pin<Box<heist::time::Sleep>>>,
}

impl Element {
    fn new(ledger: &Ledger, rng: &mut Rng, end: End) -> Self {
        let mut rng = rng.fork();
        Self {
            entry: ledger.enter(),
            steps: rng.u32(..4),
            rng,
            end,
            drop_may_panic: true,
            polling: AtomicBool::new(false),
            sleep: None,
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Output, Output>> {
        self.disturb(cx);
        if self.steps == 0 {
            return self.end();
        }
        self.steps -= 1;
        match self.rng.u32(..4) {
            0 => {
                let waker = cx.waker().clone();
                self.entry.0.keep(&waker);
                waker.wake();
            }
            1 => self.start_to_sleep(cx),
            _ => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    }

    /// What may happen in any poll.
    fn disturb(&mut self, cx: &Context<'_>) {
        look_at_the_current_task();
        if rarely(&mut self.rng, 20) {
            self.entry.0.keep(cx.waker());
        }
        if rarely(&mut self.rng, 300) {
            block_for(Duration::from_micros(100));
        }
        if rarely(&mut self.rng, 2_000) {
            // Long enough to look stuck.
            thread::sleep(Duration::from_millis(15));
        }
    }

    /// Is woken by itself, by a timer, and by whoever wakes the kept wakers; and wakes others.
    fn start_to_sleep(&mut self, cx: &mut Context<'_>) {
        self.entry.0.keep(cx.waker());
        self.entry.0.wake_all_but(8);
        let mut sleep = Box::pin(heist::time::sleep(Duration::from_micros(300)));
        let _ = sleep.as_mut().poll(cx);
        self.sleep = Some(sleep);
        cx.waker().wake_by_ref();
    }

    fn end(&mut self) -> Poll<Result<Output, Output>> {
        let output = |element: &mut Self| Output {
            _entry: element.entry.0.enter(),
            rng: element.rng.fork(),
        };
        match self.end {
            End::Value => Poll::Ready(Ok(output(self))),
            End::Error => Poll::Ready(Err(output(self))),
            End::Panic => panic!("{DELIBERATE}"),
            End::Never => Poll::Pending,
        }
    }
}

impl Future for Element {
    type Output = Result<Output, Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polling.swap(true, Ordering::SeqCst) {
            self.entry.0.fault("polled twice at once");
        }
        let result = catch_unwind(AssertUnwindSafe(|| self.step(cx)));
        self.polling.store(false, Ordering::SeqCst);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        if *self.polling.get_mut() {
            self.entry.0.fault("dropped while it was polled");
        }
        look_at_the_current_task();
        match self.rng.u32(..200) {
            0 if self.drop_may_panic && !thread::panicking() => panic!("{DELIBERATE}"),
            1 => block_for(Duration::from_micros(50)),
            2 if Handle::try_current().is_ok() => drop(heist::spawn(async {})),
            _ => {}
        }
    }
}

/// How likely the elements of one gather end badly.
fn any_end(rng: &mut Rng, of: u32) -> End {
    match rng.u32(..of) {
        0 => End::Panic,
        1 => End::Error,
        2 => End::Never,
        _ => End::Value,
    }
}

fn elements(ledger: &Ledger, rng: &mut Rng) -> Vec<Element> {
    let count = [1, 2, 3, 5, 70, 300][rng.usize(..6)];
    let of = [8, 200, 5_000][rng.usize(..3)];
    let element = |_| {
        let end = any_end(rng, of);
        Element::new(ledger, rng, end)
    };
    (0..count).map(element).collect()
}

/// Gathers elements in one of two ways, for at most two milliseconds.
async fn gather_for_a_moment(elements: Vec<Element>, mut rng: Rng) {
    let limit = Duration::from_micros(rng.u64(..2_000));
    if rng.bool() {
        let _ = heist::time::timeout(limit, gather(elements)).await;
    } else {
        let _ = heist::time::timeout(limit, try_gather(elements)).await;
    }
}

/// Three gathers at once in a runtime that may end before they do.
fn gathers_and_timeouts(mut rng: Rng, ledger: &Ledger) {
    let early = rng.bool().then(|| Duration::from_micros(rng.u64(..500)));
    let workers = rng.usize(1..4);
    let ledger = ledger.clone();
    run_on(workers, async move {
        let mut gathers = Vec::new();
        for _ in 0..3 {
            let elements = elements(&ledger, &mut rng);
            gathers.push(heist::spawn(gather_for_a_moment(elements, rng.fork())));
        }
        if let Some(early) = early {
            heist::time::sleep(early).await;
            return;
        }
        for gather in gathers {
            // It may have panicked, as its elements do.
            let _ = gather.await;
        }
    });
}

#[test]
fn every_future_and_output_is_dropped_once_whatever_the_elements_do() {
    fuzz(gathers_and_timeouts);
}

fn end(runtime: Runtime, how: u32) {
    match how {
        0 => runtime.shutdown_background(),
        1 => drop(runtime),
        _ => heist::block_in_place(|| runtime.shutdown_timeout(Duration::from_millis(1))),
    }
}

/// The runtime, for whoever ends it.
type Owned = Arc<Mutex<Option<Runtime>>>;

/// Elements of which one, chosen at random, ends the runtime.
fn elements_that_end(
    runtime: &Owned,
    ledger: &Ledger,
    rng: &mut Rng,
) -> Vec<impl Future<Output: Send> + Send + 'static> {
    let count = [2, 3, 70, 300][rng.usize(..4)];
    let who = rng.usize(..count);
    let how = rng.u32(..3);
    let element = |i| {
        let mut element = Element::new(ledger, rng, End::Value);
        element.drop_may_panic = false;
        if rarely(rng, 3) {
            element.end = End::Never;
        }
        let runtime = (i == who).then(|| Arc::clone(runtime));
        async move {
            let owned = runtime.and_then(|runtime| lock(&runtime).take());
            if let Some(runtime) = owned {
                end(runtime, how);
            }
            element.await
        }
    };
    (0..count).map(element).collect()
}

/// Polls `future` again and again on this thread, for at most `time`.
fn poll_for(time: Duration, future: impl Future) {
    let mut future = Box::pin(future);
    let start = Instant::now();
    while poll_once(future.as_mut()).is_pending() && start.elapsed() < time {
        thread::yield_now();
    }
}

fn an_element_ends_the_runtime(mut rng: Rng, ledger: &Ledger) {
    let watchdog = Watchdog::start();
    let workers = rng.usize(1..4);
    let runtime = Builder::new().worker_threads(workers).build().unwrap();
    let handle = runtime.handle();
    watchdog.knows(handle.clone());
    let runtime = Arc::new(Mutex::new(Some(runtime)));
    let gathered = gather(elements_that_end(&runtime, ledger, &mut rng));
    let waiter = async move { drop(gathered.await) };
    // Whoever awaits a gather, or blocks on a runtime, that ends is told so by a panic.
    let _ = catch_unwind(AssertUnwindSafe(|| match rng.u32(..3) {
        0 => {
            let _entered = handle.enter();
            poll_for(Duration::from_micros(rng.u64(..3_000)), waiter);
        }
        1 => drop(handle.spawn(waiter)),
        _ => drop(handle.block_on(handle.spawn(waiter))),
    }));
    let left = lock(&runtime).take();
    drop(left);
    ledger.wait_until_all_are_dropped();
}

#[test]
fn every_future_and_output_is_dropped_once_when_an_element_ends_the_runtime() {
    fuzz(an_element_ends_the_runtime);
}
