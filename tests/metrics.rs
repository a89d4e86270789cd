//! What the numbers of `Metrics` mean.

mod common;

use common::{Counter, Watchdog, compute_for, run_on, turns};
use heist::{Builder, Handle, Metrics};
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

fn metrics() -> Metrics {
    Handle::current().metrics()
}

#[test]
fn workers_are_as_many_as_were_asked_for() {
    for workers in [1, 2, 16] {
        run_on(workers, async {
            assert_eq!(metrics().workers(), workers);
        });
    }
}

#[test]
fn every_spawn_is_counted_and_live_tasks_go_down_when_they_end() {
    run_on(1, async {
        // Numbers, so that it does not matter whether `Metrics` is a snapshot.
        let (spawned, live) = (metrics().spawned(), metrics().live_tasks());
        let tasks: Vec<_> = (0..10).map(|_| heist::spawn(pending::<()>())).collect();
        turns(20).await;
        assert_eq!(metrics().spawned() - spawned, 10);
        assert_eq!(metrics().live_tasks() - live, 10);
        for task in tasks {
            task.abort();
            assert!(task.await.is_err());
        }
        assert_eq!(metrics().spawned() - spawned, 10);
        assert_eq!(metrics().live_tasks(), live);
    });
}

#[test]
fn every_poll_of_a_task_is_counted() {
    run_on(1, async {
        let before = metrics().polls();
        heist::spawn(turns(99)).await.unwrap();
        let polls = metrics().polls() - before;
        assert!(polls >= 100, "{polls}");
    });
}

/// The other thread wakes the task only after it has seen the worker park.
#[test]
fn a_worker_with_nothing_to_do_parks_and_a_wake_unparks_it() {
    run_on(1, async {
        for _ in 0..20 {
            let (parks, wakeups) = (metrics().parks(), metrics().wakeups());
            let gate = Counter::new();
            let (opener, handle) = (gate.clone(), Handle::current());
            let thread = thread::spawn(move || {
                while handle.metrics().parks() == parks {
                    thread::yield_now();
                }
                opener.add();
            });
            heist::spawn(gate.reached(1)).await.unwrap();
            thread.join().unwrap();
            assert!(metrics().wakeups() > wakeups);
        }
    });
}

#[test]
fn tasks_that_are_queued_show_in_the_depths() {
    run_on(1, async {
        let spawned = Arc::new(AtomicBool::new(false));
        let (handle, flag) = (Handle::current(), Arc::clone(&spawned));
        let thread = thread::spawn(move || {
            let tasks: Vec<_> = (0..5).map(|i| handle.spawn(async move { i })).collect();
            flag.store(true, Ordering::SeqCst);
            tasks
        });
        // Computes, so that nobody else takes the tasks meanwhile.
        while !spawned.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        assert_eq!(metrics().injector_depth(), 5);
        let mut sum = 0;
        for task in thread.join().unwrap() {
            sum += task.await.unwrap();
        }
        assert_eq!((sum, metrics().injector_depth()), (10, 0));

        let local: Vec<_> = (0..5).map(|i| heist::spawn(async move { i })).collect();
        assert!(metrics().local_depth(0) > 0);
        for task in local {
            task.await.unwrap();
        }
        assert_eq!(metrics().local_depth(0), 0);
    });
}

#[test]
fn work_that_moves_to_another_worker_is_a_steal_and_both_were_busy() {
    run_on(2, async {
        let start = Instant::now();
        let metrics = metrics();
        let busy = || [metrics.busy(0), metrics.busy(1)];
        let work = || async {
            let tasks: Vec<_> = (0..400)
                .map(|_| {
                    heist::spawn(async {
                        compute_for(Duration::from_micros(200));
                        thread::current().id()
                    })
                })
                .collect();
            let mut threads = std::collections::HashSet::new();
            for task in tasks {
                threads.insert(task.await.unwrap());
            }
            threads.len()
        };
        assert!(heist::spawn(work()).await.unwrap() >= 2);
        assert!(metrics.steals() > 0);
        // Who was awake for less than a tick of the clock may have been so for no time.
        while busy().contains(&Duration::ZERO) {
            heist::spawn(work()).await.unwrap();
        }
        let busy = busy();
        assert!(
            busy.iter()
                .all(|time| *time <= start.elapsed() + Duration::from_millis(50)),
            "{busy:?}"
        );
    });
}

#[test]
fn threads_are_counted_while_they_serve() {
    let watchdog = Watchdog::start();
    let result = Builder::new().worker_threads(2).run(async {
        watchdog.knows_current();
        assert!(metrics().threads() >= 1);
        assert_eq!(metrics().blocking_threads(), 0);
        let started = Counter::new();
        let (release, wait) = mpsc::channel::<()>();
        let calls: Vec<_> = {
            let wait = Arc::new(std::sync::Mutex::new(wait));
            let call = |started: Counter, wait: Arc<std::sync::Mutex<mpsc::Receiver<()>>>| {
                heist::spawn_blocking(move || {
                    started.add();
                    wait.lock().unwrap().recv().is_ok()
                })
            };
            (0..3)
                .map(|_| call(started.clone(), Arc::clone(&wait)))
                .collect()
        };
        started.reached(3).await;
        assert_eq!(metrics().blocking_threads(), 3);
        // Any of them may receive any of the words, so all are sent before one is awaited.
        for _ in &calls {
            release.send(()).unwrap();
        }
        for call in calls {
            assert!(call.await.unwrap());
        }
    });
    result.unwrap();
}

#[test]
fn the_numbers_of_a_runtime_that_is_gone_can_still_be_read() {
    let handle = run_on(1, async {
        heist::spawn(async {}).await.unwrap();
        Handle::current()
    });
    assert_eq!(handle.metrics().live_tasks(), 0);
}

#[test]
fn the_dump_names_the_tasks_that_are_pending() {
    run_on(1, async {
        let task = heist::task::Builder::new()
            .name("dumped")
            .spawn(pending::<()>());
        turns(3).await;
        let dump = Handle::current().dump();
        assert!(dump.contains("\"dumped\""), "{dump}");
        assert!(dump.contains(file!()), "{dump}");
        assert!(!task.is_finished());
    });
}

/// Nothing is left over from the runs before, whose memory it may have been given.
#[test]
fn a_fresh_run_counts_from_zero() {
    let _watchdog = Watchdog::start();
    for _ in 0..4 {
        // No handle is kept, so the next run may take over what this one leaves.
        heist::run(async {
            let before = metrics();
            assert_eq!((before.spawned(), before.live_tasks()), (0, 0));
            heist::spawn(async {}).await.unwrap();
            assert_eq!(metrics().spawned(), 1);
        });
    }
}
