//! How a runtime ends: its tasks are dropped, its blocking calls awaited, and nobody is left waiting.

mod common;

use common::{Counter, CountsDrop, Watchdog, compute_for, run, run_on, turns};
use futures_lite::future::block_on;
use heist::time::sleep;
use heist::{Builder, Handle, JoinHandle, Runtime};
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

async fn hold_forever(guard: CountsDrop) {
    let _guard = guard;
    pending::<()>().await;
}

#[test]
fn leftovers_in_every_state_are_dropped_before_run_returns() {
    let dropped = Counter::new();
    run(async {
        let running = Counter::new();
        for _ in 0..100 {
            heist::spawn(hold_forever(dropped.guard()));
            let guard = dropped.guard();
            heist::spawn(async move {
                let _guard = guard;
                sleep(Duration::from_secs(3600)).await;
            });
            let guard = dropped.guard();
            heist::spawn(async move {
                let _guard = guard;
                loop {
                    heist::yield_now().await;
                }
            });
        }
        turns(50).await;
        let (says, guard) = (running.clone(), dropped.guard());
        heist::spawn(async move {
            let _guard = guard;
            says.add();
            compute_for(Duration::from_millis(20));
            pending::<()>().await;
        });
        running.reached(1).await;
        // These have not been polled when the root ends.
        for _ in 0..100 {
            heist::spawn(hold_forever(dropped.guard()));
        }
    });
    assert_eq!(dropped.get(), 401);
}

#[test]
fn the_handle_of_a_leftover_says_cancelled_after_the_end() {
    let _watchdog = Watchdog::start();
    let mut leftover = None;
    heist::run(async { leftover = Some(heist::spawn(pending::<()>())) });
    let leftover = leftover.unwrap();
    assert!(leftover.is_finished());
    assert!(block_on(leftover).unwrap_err().is_cancelled());
}

#[test]
fn run_waits_for_running_blocking_calls() {
    let started = Counter::new();
    let finished = Arc::new(AtomicBool::new(false));
    let (release, wait) = mpsc::channel::<()>();
    let (says, flag) = (started.clone(), Arc::clone(&finished));
    run(async {
        heist::spawn_blocking(move || {
            says.add();
            wait.recv().unwrap();
            compute_for(Duration::from_millis(5));
            flag.store(true, Ordering::SeqCst);
        });
        started.reached(1).await;
        release.send(()).unwrap();
    });
    assert!(finished.load(Ordering::SeqCst));
}

#[test]
fn dropping_a_runtime_waits_for_running_blocking_calls() {
    let _watchdog = Watchdog::start();
    let runtime = Runtime::new().unwrap();
    let (started, finished) = (Counter::new(), Counter::new());
    let (release, wait) = mpsc::channel::<()>();
    let (says, done) = (started.clone(), finished.clone());
    runtime.spawn_blocking(move || {
        says.add();
        wait.recv().unwrap();
        done.add();
    });
    started.wait(1);
    let releaser = thread::spawn(move || release.send(()));
    drop(runtime);
    assert_eq!(finished.get(), 1);
    releaser.join().unwrap().unwrap();
}

/// Spawns another of its kind when it is dropped, `left` times over.
struct SpawnsWhenDropped {
    left: usize,
    dropped: Counter,
    handles: mpsc::Sender<JoinHandle<()>>,
}

impl Drop for SpawnsWhenDropped {
    fn drop(&mut self) {
        self.dropped.add();
        if self.left > 0 {
            let next = SpawnsWhenDropped {
                left: self.left - 1,
                dropped: self.dropped.clone(),
                handles: self.handles.clone(),
            };
            let handle = heist::spawn(async move {
                let _next = next;
                pending::<()>().await;
            });
            // The receiver may be gone when the last of them is dropped.
            let _ = self.handles.send(handle);
        }
    }
}

#[test]
fn tasks_that_spawn_while_they_are_dropped_at_the_end_leave_nothing_behind() {
    for workers in [1, 4] {
        let dropped = Counter::new();
        let (handles, spawned) = mpsc::channel();
        run_on(workers, async {
            for _ in 0..20 {
                let bomb = SpawnsWhenDropped {
                    left: 5,
                    dropped: dropped.clone(),
                    handles: handles.clone(),
                };
                heist::spawn(async move {
                    let _bomb = bomb;
                    pending::<()>().await;
                });
            }
            turns(10).await;
        });
        drop(handles);
        assert_eq!(dropped.get(), 20 * 6);
        let handles: Vec<_> = spawned.iter().collect();
        assert_eq!(handles.len(), 20 * 5);
        for handle in handles {
            assert!(block_on(handle).unwrap_err().is_cancelled());
        }
    }
}

#[test]
fn a_runtime_may_be_dropped_from_inside_itself() {
    fn gone(runtime: Runtime, spawn: impl FnOnce(&Handle, Box<dyn FnOnce() + Send>)) {
        let (leftover, done) = (Counter::new(), Counter::new());
        let handle = runtime.handle();
        handle.spawn(hold_forever(leftover.guard()));
        let says = done.clone();
        spawn(
            &handle,
            Box::new(move || {
                drop(runtime);
                says.add();
            }),
        );
        done.wait(1);
        leftover.wait(1);
        assert!(block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
    }
    let _watchdog = Watchdog::start();
    for workers in [1, 3] {
        let fresh = || Builder::new().worker_threads(workers).build().unwrap();
        gone(fresh(), |handle, f| drop(handle.spawn(async { f() })));
        gone(fresh(), |handle, f| drop(handle.spawn_blocking(f)));
        gone(fresh(), |handle, f| handle.block_on(async { f() }));
        gone(fresh(), |handle, f| {
            drop(handle.spawn(async { heist::block_in_place(f) }))
        });
    }
}

/// Spawns until one of its tasks is refused, and a hundred times more.
fn spawn_until_refused(handle: &Handle, counts: &(Counter, Counter)) -> Vec<JoinHandle<()>> {
    let (made, dropped) = counts;
    let (mut handles, mut after) = (Vec::new(), 0);
    while after < 100 {
        made.add();
        let guard = dropped.guard();
        handles.push(handle.spawn(async move { drop(guard) }));
        // Only a closed runtime leaves a probe cancelled.
        let probe = handle.spawn(async {});
        after += usize::from(probe.is_finished() && block_on(probe).is_err());
    }
    handles
}

#[test]
fn foreign_threads_may_spawn_while_the_runtime_is_dropped() {
    let _watchdog = Watchdog::start();
    for workers in [1, 2, 8] {
        for _ in 0..5 {
            let runtime = Builder::new().worker_threads(workers).build().unwrap();
            let counts = (Counter::new(), Counter::new());
            thread::scope(|scope| {
                let spawners: Vec<_> = (0..3)
                    .map(|_| {
                        let (handle, counts) = (runtime.handle(), &counts);
                        scope.spawn(move || spawn_until_refused(&handle, counts))
                    })
                    .collect();
                counts.0.wait(50);
                drop(runtime);
                for spawner in spawners {
                    for handle in spawner.join().unwrap() {
                        // Run or cancelled, but answered.
                        assert!(block_on(handle).map_or_else(|e| e.is_cancelled(), |()| true));
                    }
                }
            });
            assert_eq!(counts.0.get(), counts.1.get(), "made and dropped");
        }
    }
}

#[test]
fn shutdown_timeout_gives_up_on_a_blocking_call_and_background_does_not_wait_at_all() {
    let _watchdog = Watchdog::start();
    for wait_for in [Some(Duration::from_millis(50)), None] {
        let runtime = Runtime::new().unwrap();
        let (started, finished, dropped) = (Counter::new(), Counter::new(), Counter::new());
        let (release, wait) = mpsc::channel::<()>();
        let (says, done) = (started.clone(), finished.clone());
        runtime.spawn(hold_forever(dropped.guard()));
        runtime.spawn_blocking(move || {
            says.add();
            wait.recv().unwrap();
            done.add();
        });
        started.wait(1);
        let start = Instant::now();
        match wait_for {
            Some(time) => {
                runtime.shutdown_timeout(time);
                assert!(start.elapsed() >= time);
            }
            None => runtime.shutdown_background(),
        }
        assert_eq!(finished.get(), 0);
        dropped.wait(1);
        release.send(()).unwrap();
        finished.wait(1);
    }
}

#[test]
fn shutdown_timeout_returns_as_soon_as_nothing_is_left() {
    let _watchdog = Watchdog::start();
    let runtime = Runtime::new().unwrap();
    let dropped = Counter::new();
    runtime.spawn(hold_forever(dropped.guard()));
    let start = Instant::now();
    runtime.shutdown_timeout(Duration::from_secs(3600));
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(dropped.get(), 1);
}

/// Wakers of earlier runs are used while a later run works: none of them may reach its tasks.
#[test]
fn late_wakes_do_not_touch_the_next_run() {
    let (send, wakers) = mpsc::channel::<Waker>();
    run(async {
        for _ in 0..200 {
            let send = send.clone();
            heist::spawn(poll_fn(move |cx| {
                send.send(cx.waker().clone()).unwrap();
                Poll::<()>::Pending
            }));
        }
        turns(300).await;
    });
    drop(send);
    let wakers: Vec<Waker> = wakers.into_iter().collect();
    for _ in 0..20 {
        let polls = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            let late = scope.spawn(|| {
                for waker in &wakers {
                    waker.wake_by_ref();
                    let last = waker.clone();
                    last.wake();
                }
            });
            run(async {
                for _ in 0..200 {
                    let polls = Arc::clone(&polls);
                    heist::spawn(poll_fn(move |_| {
                        polls.fetch_add(1, Ordering::SeqCst);
                        Poll::<()>::Pending
                    }));
                }
                while polls.load(Ordering::SeqCst) < 200 || !late.is_finished() {
                    heist::yield_now().await;
                }
                turns(10).await;
            });
        });
        assert_eq!(polls.load(Ordering::SeqCst), 200);
    }
}

#[test]
fn a_sleep_of_a_runtime_that_is_gone_does_not_hang() {
    let _watchdog = Watchdog::start();
    let hour = Duration::from_secs(3600);
    let mut kept = None;
    heist::run(async { kept = Some(sleep(hour)) });
    let mut sleeping = Box::pin(kept.unwrap());
    let panic = common::panic_of(|| common::poll_once(sleeping.as_mut()));
    assert!(!panic.message.is_empty(), "with a reason");
}

/// A task that finds its runtime closed, and itself cancels the calls that others have queued, is still the task that it was.
#[test]
fn who_queues_a_blocking_call_as_the_runtime_ends_stays_itself() {
    for _ in 0..100 {
        let runtime = Builder::new()
            .worker_threads(2)
            .max_blocking_threads(1)
            .build()
            .unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let until_over = Arc::clone(&over);
        drop(runtime.spawn_blocking(move || {
            while !until_over.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        }));
        let awaiting = Counter::new();
        for _ in 0..20 {
            let awaiting = awaiting.clone();
            runtime.spawn(async move {
                let mut call = heist::spawn_blocking(|| ());
                poll_fn(|cx| {
                    let polled = std::pin::Pin::new(&mut call).poll(cx);
                    awaiting.add();
                    polled
                })
                .await
            });
        }
        while awaiting.get() < 20 {
            thread::yield_now();
        }
        let queued = Counter::new();
        let (counts, ends) = (queued.clone(), Arc::clone(&over));
        let task = runtime.spawn(async move {
            let _over = Over(ends);
            let id = heist::task::id();
            assert!(id.is_some());
            let mut refused = 0;
            while refused < 3 {
                let call = heist::spawn_blocking(|| ());
                counts.add();
                assert_eq!(heist::task::id(), id);
                refused += usize::from(call.is_finished());
            }
            sleep(Duration::from_secs(3600)).await;
        });
        while queued.get() < 20 {
            thread::yield_now();
        }
        drop(runtime);
        assert!(block_on(task).unwrap_err().is_cancelled());
        assert!(over.load(Ordering::SeqCst));
    }
}

/// Says so when it is dropped.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
