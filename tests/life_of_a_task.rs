//! The life of a task: made, spawned, polled, woken, awaited or detached, ended.

mod common;

use common::{Counter, poll_once, quiet_panics, run, run_on, turns};
use heist::time::sleep;
use heist::{JoinError, JoinHandle, TaskId};
use std::cell::Cell;
use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_future_does_nothing_until_it_is_awaited() {
    run(async {
        let ran = Cell::new(false);
        let future = async { ran.set(true) };
        turns(10).await;
        assert!(!ran.get());
        future.await;
        assert!(ran.get());
    });
}

#[test]
fn a_spawned_task_starts_though_nobody_awaits_it() {
    run(async {
        let started = Counter::new();
        let task = started.clone();
        let handle = heist::spawn(async move {
            task.add();
            7
        });
        started.reached(1).await;
        assert_eq!(handle.await.unwrap(), 7);
    });
}

#[test]
fn spawned_tasks_run_concurrently() {
    run(async {
        let (a, b) = (Counter::new(), Counter::new());
        let (a2, b2) = (a.clone(), b.clone());
        let first = heist::spawn(async move {
            a.add();
            b.reached(1).await;
            1
        });
        let second = heist::spawn(async move {
            a2.reached(1).await;
            b2.add();
            2
        });
        assert_eq!(first.await.unwrap() + second.await.unwrap(), 3);
    });
}

#[test]
fn sequential_awaits_take_the_sum_of_the_times_and_spawned_ones_the_maximum() {
    const EACH: Duration = Duration::from_millis(100);
    run(async {
        let start = Instant::now();
        for _ in 0..3 {
            sleep(EACH).await;
        }
        assert!(start.elapsed() >= 3 * EACH);

        let start = Instant::now();
        let tasks: Vec<_> = (0..3).map(|_| heist::spawn(sleep(EACH))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(start.elapsed() >= EACH);
        assert!(start.elapsed() < 3 * EACH, "took {:?}", start.elapsed());
    });
}

#[test]
fn awaiting_never_moves_the_root_to_another_thread() {
    let caller = thread::current().id();
    let not_send = Rc::new(());
    run(async move {
        for _ in 0..50 {
            heist::yield_now().await;
            assert_eq!(thread::current().id(), caller);
            sleep(Duration::from_micros(100)).await;
            assert_eq!(thread::current().id(), caller);
            heist::spawn(heist::yield_now()).await.unwrap();
            assert_eq!(thread::current().id(), caller);
        }
        drop(not_send);
    });
}

/// The waker's thread stays blocked until the woken task goes on, so that has to happen somewhere else.
#[test]
fn a_task_may_resume_on_another_worker() {
    run_on(2, async {
        let mut moved = false;
        for _ in 0..20 {
            let (before, after, waker) = heist::spawn(woken_by_a_thread_that_then_blocks())
                .await
                .unwrap();
            assert_ne!(after, waker);
            moved |= before != after;
        }
        assert!(moved, "20 tasks resumed where they had been suspended");
    });
}

async fn woken_by_a_thread_that_then_blocks()
-> (thread::ThreadId, thread::ThreadId, thread::ThreadId) {
    let before = thread::current().id();
    let woken = Counter::new();
    let (resumed, wait) = mpsc::channel();
    let waker = heist::spawn({
        let woken = woken.clone();
        async move {
            woken.add();
            wait.recv().unwrap();
            thread::current().id()
        }
    });
    woken.reached(1).await;
    let after = thread::current().id();
    resumed.send(()).unwrap();
    (before, after, waker.await.unwrap())
}

#[test]
fn a_task_can_be_awaited_from_another_task_and_from_another_thread() {
    run(async {
        let inner = heist::spawn(async { 20 });
        let outer = heist::spawn(async move { inner.await.unwrap() + 1 });
        let doubled = heist::spawn_blocking(|| futures_lite::future::block_on(outer).unwrap() * 2);
        assert_eq!(doubled.await.unwrap(), 42);
    });
}

#[test]
fn dropping_the_handle_detaches_the_task() {
    run(async {
        let (go, done) = (Counter::new(), Counter::new());
        let (waits, says) = (go.clone(), done.clone());
        drop(heist::spawn(async move {
            waits.reached(1).await;
            says.add();
        }));
        turns(5).await;
        assert_eq!(done.get(), 0);
        go.add();
        done.reached(1).await;
    });
}

#[test]
fn a_detached_task_that_nothing_can_wake_lives_until_run_ends() {
    let (started, dropped) = (Counter::new(), Counter::new());
    let still_alive = run(async {
        let (says, guard) = (started.clone(), dropped.guard());
        drop(heist::spawn(async move {
            let _guard = guard;
            says.add();
            pending::<()>().await;
        }));
        started.reached(1).await;
        sleep(Duration::from_millis(5)).await;
        dropped.get() == 0
    });
    assert!(still_alive, "the runtime owns its tasks");
    assert_eq!(dropped.get(), 1, "dropped before run returned");
}

#[test]
fn a_task_knows_its_id_its_parent_and_where_it_was_spawned() {
    assert_eq!(heist::task::id(), None);
    assert_eq!(heist::task::parent(), None);
    assert!(heist::task::location().is_none());
    run(async {
        let root = heist::task::id();
        let line = line!() + 1;
        let handle = heist::spawn(async {
            let child = heist::spawn(async { heist::task::parent() });
            let parent_of_child = child.await.unwrap();
            let location = heist::task::location().unwrap();
            (
                heist::task::id(),
                heist::task::parent(),
                parent_of_child,
                location,
            )
        });
        let id = handle.id();
        let (own, parent, parent_of_child, location) = handle.await.unwrap();
        assert_eq!(own, Some(id));
        assert_eq!(parent, root);
        assert_eq!(parent_of_child, Some(id));
        assert_eq!((location.file(), location.line()), (file!(), line));
    });
}

#[test]
fn a_named_task_is_spawned_where_its_builder_is() {
    run(async {
        let line = line!() + 2;
        let builder = heist::task::Builder::new().name("worker bee");
        let handle = builder.spawn(async { heist::task::location().unwrap() });
        assert_eq!(handle.await.unwrap().line(), line);
    });
}

#[test]
fn ids_are_unique_ordered_and_printable() {
    fn assert_key<T: Copy + Eq + std::hash::Hash + Ord + std::fmt::Debug + std::fmt::Display>() {}
    assert_key::<TaskId>();
    run(async {
        let tasks: Vec<_> = (0..1_000).map(|_| heist::spawn(async {})).collect();
        let ids: HashSet<TaskId> = tasks.iter().map(JoinHandle::id).collect();
        let texts: HashSet<String> = ids.iter().map(ToString::to_string).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!((ids.len(), texts.len()), (1_000, 1_000));
    });
}

#[test]
fn is_finished_turns_true_without_the_handle_being_awaited() {
    run(async {
        let go = Counter::new();
        let handle = heist::spawn(go.reached(1));
        turns(5).await;
        assert!(!handle.is_finished());
        go.add();
        while !handle.is_finished() {
            heist::yield_now().await;
        }
        handle.await.unwrap();
    });
}

#[test]
fn a_join_error_tells_cancellation_from_panic() {
    fn assert_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    quiet_panics();
    run(async {
        let cancelled = heist::spawn(pending::<()>());
        let id = cancelled.id();
        cancelled.abort();
        let error: JoinError = cancelled.await.unwrap_err();
        assert_error(&error);
        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!(error.id(), id);
        assert!(!error.to_string().is_empty());
        assert!(error.try_into_panic().is_err());

        let panicked = heist::spawn(async { std::panic::panic_any(5_u8) });
        let id = panicked.id();
        let error: JoinError = panicked.await.unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        assert_eq!(error.id(), id);
        assert_eq!(*error.into_panic().downcast::<u8>().unwrap(), 5);
    });
}

#[test]
fn handles_are_send_sync_and_unpin() {
    fn assert_all<T: Send + Sync + Unpin>() {}
    assert_all::<JoinHandle<Cell<u8>>>();
    assert_all::<heist::AbortHandle>();
    run(async {
        let mut handle = heist::spawn(async { 3 });
        // By reference, so that the handle outlives its answer.
        assert_eq!((&mut handle).await.unwrap(), 3);
        assert!(handle.is_finished());
    });
}

#[test]
fn wakes_before_the_next_poll_coalesce_into_one() {
    run_on(1, async {
        let polls = Arc::new(AtomicUsize::new(0));
        let (send, wakers) = mpsc::channel();
        let counted = Arc::clone(&polls);
        let _task = heist::spawn(poll_fn(move |cx| {
            counted.fetch_add(1, Ordering::SeqCst);
            send.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        }));
        turns(3).await;
        assert_eq!(polls.load(Ordering::SeqCst), 1);
        let waker = wakers.recv().unwrap();
        (0..10).for_each(|_| waker.wake_by_ref());
        turns(3).await;
        assert_eq!(polls.load(Ordering::SeqCst), 2);
    });
}

/// The wakes coalesce, and yet the last poll sees what was written before the last of them.
#[test]
fn a_coalesced_wake_publishes_what_the_waker_wrote() {
    const LAST: usize = 20_000;
    let value = Arc::new(AtomicUsize::new(0));
    let (send, waker) = mpsc::channel();
    let seen = Arc::clone(&value);
    let writer = thread::spawn(move || {
        let waker: std::task::Waker = waker.recv().unwrap();
        for i in 1..=LAST {
            value.store(i, Ordering::Relaxed);
            waker.wake_by_ref();
        }
    });
    let last = run(async move {
        let task = heist::spawn(poll_fn(move |cx| {
            // The writer is gone once it has its waker, and needs no other.
            let _ = send.send(cx.waker().clone());
            match seen.load(Ordering::Relaxed) {
                LAST => Poll::Ready(LAST),
                _ => Poll::Pending,
            }
        }));
        task.await.unwrap()
    });
    writer.join().unwrap();
    assert_eq!(last, LAST);
}

#[test]
fn a_task_that_wakes_itself_in_a_poll_is_polled_exactly_once_more() {
    run(async {
        let mut polls = 0;
        let task = heist::spawn(poll_fn(move |cx| {
            polls += 1;
            if polls == 100 {
                return Poll::Ready(polls);
            }
            (0..3).for_each(|_| cx.waker().wake_by_ref());
            Poll::Pending
        }));
        assert_eq!(task.await.unwrap(), 100);
    });
    run_on(1, async {
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&polls);
        let _task = heist::spawn(poll_fn(move |cx| {
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                (0..3).for_each(|_| cx.waker().wake_by_ref());
            }
            Poll::<()>::Pending
        }));
        turns(5).await;
        assert_eq!(polls.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn yield_now_suspends_once() {
    run(async {
        let mut yielding = pin!(heist::yield_now());
        assert!(poll_once(yielding.as_mut()).is_pending());
        assert!(poll_once(yielding).is_ready());
    });
}

#[test]
fn what_can_become_a_future_can_be_run_and_spawned() {
    struct Answer;
    impl IntoFuture for Answer {
        type Output = u32;
        type IntoFuture = std::future::Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            std::future::ready(42)
        }
    }
    assert_eq!(heist::run(Answer), 42);
    run(async {
        assert_eq!(heist::spawn(Answer).await.unwrap(), 42);
    });
}
