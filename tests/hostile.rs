//! User code that panics, blocks or re-enters at a bad moment harms nobody but itself.

mod common;

use common::{Counter, CountsDrop, DELIBERATE, Watchdog, compute_for, panic_of};
use futures_lite::future::block_on;
use heist::{Builder, JoinHandle};
use std::future::{Ready, pending};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// A future that is ready at once, and panics when it is dropped.
struct PanicsInDrop;

impl Future for PanicsInDrop {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("{DELIBERATE}");
    }
}

#[test]
fn a_runtime_goes_on_and_ends_after_a_root_that_panicked_in_drop() {
    let watchdog = Watchdog::start();
    for workers in [1, 2] {
        let runtime = Builder::new().worker_threads(workers).build().unwrap();
        watchdog.knows(runtime.handle());
        let panic = panic_of(|| runtime.block_on(PanicsInDrop));
        assert_eq!(panic.message, DELIBERATE);
        let sum = runtime.block_on(async { heist::spawn(async { 1 }).await.unwrap() + 1 });
        assert_eq!(sum, 2);
        drop(runtime);
    }
}

/// Spawns a task when it is made a future, and panics then.
struct SpawnsAndPanics {
    spawned: mpsc::Sender<JoinHandle<()>>,
    guard: CountsDrop,
}

impl IntoFuture for SpawnsAndPanics {
    type Output = ();
    type IntoFuture = Ready<()>;

    fn into_future(self) -> Ready<()> {
        let guard = self.guard;
        let task = heist::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        self.spawned.send(task).unwrap();
        panic!("{DELIBERATE}");
    }
}

#[test]
fn a_run_whose_into_future_panics_drops_the_tasks_that_it_spawned() {
    let _watchdog = Watchdog::start();
    let dropped = Counter::new();
    let (spawned, tasks) = mpsc::channel();
    let guard = dropped.guard();
    let panic = panic_of(|| heist::run(SpawnsAndPanics { spawned, guard }));
    assert_eq!(panic.message, DELIBERATE);
    assert_eq!(dropped.get(), 1, "before `run` returned");
    let leftover = tasks.recv().unwrap();
    assert!(block_on(leftover).unwrap_err().is_cancelled());
}

/// Blocks whoever wakes it, which `block_in_place` is told of.
struct BlocksInPlace(Counter);

impl Wake for BlocksInPlace {
    fn wake(self: Arc<Self>) {
        heist::block_in_place(|| thread::sleep(Duration::from_millis(60)));
        self.0.add();
    }
}

/// Computes in turns for ever, and counts in `most` how many of its kind did so at once.
async fn take_turns(inside: Arc<AtomicUsize>, most: Arc<AtomicUsize>) {
    loop {
        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        compute_for(Duration::from_micros(300));
        inside.fetch_sub(1, Ordering::SeqCst);
        heist::yield_now().await;
    }
}

#[test]
fn a_waker_that_blocks_in_place_does_not_bring_two_threads_to_one_worker() {
    let watchdog = Watchdog::start();
    let builder = Builder::new().worker_threads(1).compensate_blocking(false);
    let runtime = builder.caller_runs_tasks(false).build().unwrap();
    watchdog.knows(runtime.handle());
    let (inside, most) = (Arc::default(), Arc::<AtomicUsize>::default());
    for _ in 0..8 {
        runtime.spawn(take_turns(Arc::clone(&inside), Arc::clone(&most)));
    }
    let woken = Counter::new();
    let says = woken.clone();
    let task = runtime.spawn(async move {
        let waker = Waker::from(Arc::new(BlocksInPlace(says.clone())));
        let mut sleep = pin!(heist::time::sleep(Duration::from_secs(3600)));
        assert!(common::poll_with(sleep.as_mut(), &waker).is_pending());
        sleep.as_mut().reset(Instant::now());
        while says.get() == 0 {
            heist::yield_now().await;
        }
        // By now, whoever was woken in its place is back as well.
        common::turns(100).await;
    });
    block_on(task).unwrap();
    assert_eq!(woken.get(), 1);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}
