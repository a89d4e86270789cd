//! Wake, abort, completion and the drops of handle and waker in every order: one outcome, every drop once.

mod common;

use common::{Counter, CountsDrop, lock, poll_once, run_on, spin_randomly, turns};
use heist::JoinHandle;
use std::pin::Pin;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

#[derive(Default)]
struct Shared {
    ready: bool,
    waker: Option<Waker>,
    polls: usize,
}

/// Pending until it is told to be ready; its output and itself count their drops.
struct Probe {
    shared: Arc<Mutex<Shared>>,
    counts: Counts,
    _future: CountsDrop,
}

#[derive(Clone, Default)]
struct Counts {
    made: Counter,
    outputs: Counter,
    futures: Counter,
}

impl Probe {
    fn new(counts: &Counts) -> (Self, Arc<Mutex<Shared>>) {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let probe = Self {
            shared: Arc::clone(&shared),
            counts: counts.clone(),
            _future: counts.futures.guard(),
        };
        (probe, shared)
    }
}

impl Future for Probe {
    type Output = CountsDrop;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CountsDrop> {
        let mut shared = lock(&self.shared);
        shared.polls += 1;
        if shared.ready {
            self.counts.made.add();
            return Poll::Ready(self.counts.outputs.guard());
        }
        shared.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    Wake,
    Abort,
    Ready,
    DropHandle,
    DropWaker,
    Turn,
}

const OPS: [Op; 6] = [
    Op::Wake,
    Op::Abort,
    Op::Ready,
    Op::DropHandle,
    Op::DropWaker,
    Op::Turn,
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Output,
    Cancelled,
}

/// What must have become of a task after each step, on one worker.
struct Model {
    scheduled: bool,
    ready: bool,
    cancelled: bool,
    has_waker: bool,
    polls: usize,
    outcome: Option<Outcome>,
}

impl Model {
    /// A task that was just spawned.
    fn new() -> Self {
        Self {
            scheduled: true,
            ready: false,
            cancelled: false,
            has_waker: false,
            polls: 0,
            outcome: None,
        }
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Wake => self.scheduled |= self.has_waker,
            Op::Abort => self.cancelled = true,
            Op::Ready => self.ready = true,
            Op::DropHandle => {}
            Op::DropWaker => self.has_waker = false,
            Op::Turn => self.turn(),
        }
    }

    fn turn(&mut self) {
        if self.outcome.is_some() {
            return;
        }
        if self.cancelled {
            self.outcome = Some(Outcome::Cancelled);
        } else if std::mem::take(&mut self.scheduled) {
            self.polls += 1;
            if self.ready {
                self.outcome = Some(Outcome::Output);
            } else {
                self.has_waker = true;
            }
        }
    }
}

fn permutations(ops: &[Op]) -> Vec<Vec<Op>> {
    if ops.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (i, &first) in ops.iter().enumerate() {
        let mut rest = ops.to_vec();
        rest.remove(i);
        for mut order in permutations(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}

async fn perform(
    op: Op,
    handle: &mut Option<JoinHandle<CountsDrop>>,
    abort: &heist::AbortHandle,
    shared: &Mutex<Shared>,
) {
    match op {
        Op::Wake => {
            let waker = lock(shared).waker.clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
        Op::Abort => abort.abort(),
        Op::Ready => lock(shared).ready = true,
        Op::DropHandle => drop(handle.take()),
        Op::DropWaker => {
            let waker = lock(shared).waker.take();
            drop(waker);
        }
        Op::Turn => turns(3).await,
    }
}

async fn check_order(order: &[Op], started: bool) -> Counts {
    let counts = Counts::default();
    let (probe, shared) = Probe::new(&counts);
    let mut handle = Some(heist::spawn(probe));
    let abort = handle.as_ref().map(JoinHandle::abort_handle).unwrap();
    let mut model = Model::new();
    let first = started.then_some(Op::Turn);
    for op in first
        .into_iter()
        .chain(order.iter().copied())
        .chain([Op::Turn])
    {
        perform(op, &mut handle, &abort, &shared).await;
        model.step(op);
    }
    let what = format!("{order:?}, started first: {started}");
    let ended = model.outcome.is_some();
    assert_eq!(lock(&shared).polls, model.polls, "polls: {what}");
    assert_eq!(
        counts.futures.get(),
        usize::from(ended),
        "futures dropped: {what}"
    );
    assert_eq!(abort.is_finished(), ended, "{what}");
    if let Some(mut handle) = handle {
        let outcome = match poll_once(Pin::new(&mut handle)) {
            Poll::Ready(Ok(_)) => Some(Outcome::Output),
            Poll::Ready(Err(error)) => {
                assert!(error.is_cancelled(), "{what}");
                Some(Outcome::Cancelled)
            }
            Poll::Pending => None,
        };
        assert_eq!(outcome, model.outcome, "{what}");
    }
    assert_eq!(
        counts.outputs.get(),
        counts.made.get(),
        "outputs dropped: {what}"
    );
    counts
}

#[test]
fn every_order_of_wake_abort_ready_and_drops_has_the_outcome_of_the_model() {
    let all = run_on(1, async {
        let mut all = Vec::new();
        for order in permutations(&OPS) {
            for started in [false, true] {
                all.push(check_order(&order, started).await);
            }
        }
        all
    });
    assert_eq!(all.len(), 2 * 720);
    for counts in all {
        assert_eq!(counts.futures.get(), 1, "each future is dropped once");
        assert_eq!(counts.outputs.get(), counts.made.get());
    }
}

/// Performs each operation of `ops` on a thread of its own, at the same moment.
fn race(
    ops: &[Op],
    handle: JoinHandle<CountsDrop>,
    shared: &Mutex<Shared>,
) -> Option<JoinHandle<CountsDrop>> {
    let start = Barrier::new(ops.len());
    let abort = handle.abort_handle();
    let handle = Mutex::new(Some(handle));
    thread::scope(|scope| {
        for &op in ops {
            let (start, abort, handle) = (&start, &abort, &handle);
            scope.spawn(move || {
                start.wait();
                spin_randomly(200);
                match op {
                    Op::Wake => wake(shared),
                    Op::Abort => abort.abort(),
                    Op::Ready => {
                        lock(shared).ready = true;
                        wake(shared);
                    }
                    Op::DropHandle => drop(lock(handle).take()),
                    Op::DropWaker => {
                        let waker = lock(shared).waker.take();
                        drop(waker);
                    }
                    Op::Turn => thread::yield_now(),
                }
            });
        }
    });
    handle.into_inner().unwrap()
}

fn wake(shared: &Mutex<Shared>) {
    let waker = lock(shared).waker.clone();
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn triples() -> Vec<[Op; 3]> {
    let mut all = Vec::new();
    for (i, &a) in OPS.iter().enumerate() {
        for (j, &b) in OPS.iter().enumerate().skip(i + 1) {
            all.extend(OPS.iter().skip(j + 1).map(|&c| [a, b, c]));
        }
    }
    all
}

async fn race_every_triple(counts: &Counts) -> usize {
    const ROUNDS: usize = 10;
    let all = triples();
    for ops in (0..ROUNDS).flat_map(|_| &all) {
        let (probe, shared) = Probe::new(counts);
        let handle = heist::spawn(probe);
        if fastrand::bool() {
            turns(1).await;
        }
        if let Some(handle) = race(ops, handle, &shared) {
            handle.abort();
            let answered = handle.await.map_or_else(|e| e.is_cancelled(), |_| true);
            assert!(answered, "{ops:?}");
        }
    }
    ROUNDS * all.len()
}

#[test]
fn racing_threads_leave_one_outcome_and_drop_everything_once() {
    for workers in [1, 2, 4] {
        let counts = Counts::default();
        let tasks = run_on(workers, race_every_triple(&counts));
        assert_eq!(counts.futures.get(), tasks);
        assert_eq!(counts.outputs.get(), counts.made.get());
        assert!(counts.made.get() <= tasks);
    }
}
