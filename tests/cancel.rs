//! What `abort` promises, and what it cannot do.

mod common;

use common::{Counter, run, run_on, turns};
use heist::time::sleep;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn aborted_before_its_first_poll_the_body_never_runs() {
    run_on(1, async {
        let (ran, dropped) = (Counter::new(), Counter::new());
        let (says, guard) = (ran.clone(), dropped.guard());
        let task = heist::spawn(async move {
            let _guard = guard;
            says.add();
        });
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!((ran.get(), dropped.get()), (0, 1));
    });
}

#[test]
fn a_sleeping_task_is_cancelled_at_once_and_its_future_dropped_before_the_joiner_knows() {
    let start = Instant::now();
    run(async {
        let (started, dropped) = (Counter::new(), Counter::new());
        let (says, guard) = (started.clone(), dropped.guard());
        let task = heist::spawn(async move {
            let _guard = guard;
            says.add();
            sleep(HOUR).await;
        });
        started.reached(1).await;
        assert_eq!(dropped.get(), 0);
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(dropped.get(), 1);
    });
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "nobody waited for the timer"
    );
}

#[test]
fn aborting_twice_cancels_once() {
    run(async {
        let dropped = Counter::new();
        let guard = dropped.guard();
        let task = heist::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        turns(2).await;
        task.abort();
        task.abort();
        let again = task.abort_handle();
        assert!(task.await.unwrap_err().is_cancelled());
        again.abort();
        turns(2).await;
        assert_eq!(dropped.get(), 1);
    });
}

#[test]
fn aborting_a_finished_task_has_no_effect() {
    run(async {
        let task = heist::spawn(async { 11 });
        while !task.is_finished() {
            heist::yield_now().await;
        }
        task.abort();
        assert_eq!(task.await.unwrap(), 11);
    });
}

#[test]
fn an_abort_handle_aborts_from_another_thread_and_outlives_the_task() {
    run(async {
        let task = heist::spawn(pending::<()>());
        let handle = task.abort_handle();
        assert_eq!(handle.id(), task.id());
        assert!(!handle.is_finished());
        let far = handle.clone();
        let aborter = thread::spawn(move || far.abort());
        assert!(task.await.unwrap_err().is_cancelled());
        aborter.join().unwrap();
        assert!(handle.is_finished());
        handle.abort();
        assert!(handle.clone().is_finished());
    });
}

#[test]
fn a_detached_task_can_still_be_aborted() {
    run(async {
        let dropped = Counter::new();
        let guard = dropped.guard();
        let task = heist::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        let handle = task.abort_handle();
        drop(task);
        handle.abort();
        dropped.reached(1).await;
        while !handle.is_finished() {
            heist::yield_now().await;
        }
    });
}

#[test]
fn aborting_a_task_that_awaits_a_handle_leaves_the_awaited_task_running() {
    run(async {
        let (go, done) = (Counter::new(), Counter::new());
        let (waits, says) = (go.clone(), done.clone());
        let inner = heist::spawn(async move {
            waits.reached(1).await;
            says.add();
        });
        let inner_state = inner.abort_handle();
        let outer = heist::spawn(async move { inner.await.unwrap() });
        turns(5).await;
        outer.abort();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(!inner_state.is_finished());
        go.add();
        done.reached(1).await;
    });
}

#[test]
fn the_waiter_of_a_cancelled_task_sees_the_cancellation_and_goes_on() {
    run(async {
        let inner = heist::spawn(pending::<()>());
        let abort = inner.abort_handle();
        let outer = heist::spawn(async move { inner.await.unwrap_err().is_cancelled() });
        turns(3).await;
        abort.abort();
        assert!(outer.await.unwrap());
    });
}

#[test]
fn a_task_aborted_in_the_middle_of_a_poll_is_dropped_at_its_next_suspension() {
    run(async {
        let (running, dropped, passed) = (Counter::new(), Counter::new(), Counter::new());
        let go_on = Arc::new(AtomicBool::new(false));
        let (says, guard, after) = (running.clone(), dropped.guard(), passed.clone());
        let flag = Arc::clone(&go_on);
        let task = heist::spawn(async move {
            let _guard = guard;
            says.add();
            while !flag.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            after.add();
            pending::<()>().await;
        });
        let abort = task.abort_handle();
        let aborter = thread::spawn(move || {
            running.wait(1);
            abort.abort();
            go_on.store(true, Ordering::SeqCst);
        });
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!((passed.get(), dropped.get()), (1, 1));
        aborter.join().unwrap();
    });
}

#[test]
fn a_task_can_abort_itself() {
    run(async {
        for suspends in [true, false] {
            let (send, own) = mpsc::channel::<heist::AbortHandle>();
            let go = Counter::new();
            let waits = go.clone();
            let task = heist::spawn(async move {
                waits.reached(1).await;
                own.recv().unwrap().abort();
                if suspends {
                    pending::<()>().await;
                }
                3
            });
            send.send(task.abort_handle()).unwrap();
            go.add();
            match task.await {
                Ok(value) => assert!(!suspends && value == 3),
                Err(error) => assert!(suspends && error.is_cancelled()),
            }
        }
    });
}

/// The destructors of an aborted task may use the runtime.
#[test]
fn the_destructor_of_an_aborted_task_can_spawn() {
    struct Spawns(Counter);
    impl Drop for Spawns {
        fn drop(&mut self) {
            let ran = self.0.clone();
            heist::spawn(async move { ran.add() });
        }
    }
    run(async {
        let ran = Counter::new();
        let guard = Spawns(ran.clone());
        let task = heist::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        turns(2).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        ran.reached(1).await;
    });
}

#[test]
fn a_blocking_call_that_has_started_cannot_be_cancelled() {
    run(async {
        let started = Counter::new();
        let (release, wait) = mpsc::channel::<()>();
        let says = started.clone();
        let call = heist::spawn_blocking(move || {
            says.add();
            wait.recv().unwrap();
            5
        });
        started.reached(1).await;
        call.abort();
        release.send(()).unwrap();
        assert_eq!(call.await.unwrap(), 5);
    });
}

#[test]
fn a_blocking_call_that_has_not_started_can_be_cancelled() {
    let builder = heist::Builder::new().max_blocking_threads(1);
    let watchdog = common::Watchdog::start();
    let result = builder.run(async {
        watchdog.knows_current();
        let (started, ran, dropped) = (Counter::new(), Counter::new(), Counter::new());
        let (release, wait) = mpsc::channel::<()>();
        let says = started.clone();
        let first = heist::spawn_blocking(move || {
            says.add();
            wait.recv().unwrap();
        });
        started.reached(1).await;
        let (says, guard) = (ran.clone(), dropped.guard());
        let second = heist::spawn_blocking(move || {
            let _guard = guard;
            says.add();
        });
        second.abort();
        release.send(()).unwrap();
        first.await.unwrap();
        assert!(second.await.unwrap_err().is_cancelled());
        assert_eq!((ran.get(), dropped.get()), (0, 1));
    });
    result.unwrap();
}

#[test]
fn ten_thousand_pending_tasks_are_aborted_and_dropped() {
    const TASKS: usize = 10_000;
    run(async {
        let dropped = Counter::new();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let guard = dropped.guard();
                heist::spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                })
            })
            .collect();
        turns(100).await;
        tasks.iter().for_each(heist::JoinHandle::abort);
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert_eq!(dropped.get(), TASKS);
    });
}
