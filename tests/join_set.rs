//! `JoinSet`: tasks joined in the order in which they finish, and none that outlives the set unasked.

mod common;

use common::{Counter, DELIBERATE, poll_once, quiet_panics, run, turns};
use heist::JoinSet;
use std::collections::HashSet;
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::mpsc;

#[test]
fn tasks_are_joined_in_the_order_in_which_they_finish() {
    run(async {
        let mut set = JoinSet::new();
        let steps: Vec<_> = (0..5).map(|_| Counter::new()).collect();
        for (i, step) in steps.iter().enumerate() {
            let step = step.clone();
            set.spawn(async move {
                step.reached(1).await;
                i
            });
        }
        assert_eq!(set.len(), 5);
        for i in [3, 0, 4, 1, 2] {
            steps[i].add();
            assert_eq!(set.join_next().await.unwrap().unwrap(), i);
        }
        assert!(set.is_empty());
        assert!(set.join_next().await.is_none());
    });
}

#[test]
fn an_empty_set_has_nothing_to_join() {
    run(async {
        let mut set = JoinSet::<()>::new();
        assert!(set.is_empty());
        assert_eq!(set.len(), 0);
        assert!(set.try_join_next().is_none());
        assert!(set.join_next().await.is_none());
        assert!(set.join_all().await.is_empty());
    });
}

#[test]
fn try_join_next_never_waits() {
    run(async {
        let go = Counter::new();
        let mut set = JoinSet::new();
        let task = set.spawn(go.reached(1));
        assert!(set.try_join_next().is_none());
        go.add();
        let result = loop {
            match set.try_join_next() {
                Some(result) => break result,
                None => heist::yield_now().await,
            }
        };
        assert!(result.is_ok() && task.is_finished());
        assert!(set.is_empty());
    });
}

#[test]
fn a_join_next_that_is_dropped_loses_no_result() {
    run(async {
        let go = Counter::new();
        let mut set = JoinSet::new();
        for i in 0..3 {
            let waits = go.reached(1);
            set.spawn(async move {
                waits.await;
                i
            });
        }
        for _ in 0..10 {
            assert!(poll_once(pin!(set.join_next())).is_pending());
            turns(1).await;
        }
        go.add();
        let mut values = HashSet::new();
        while let Some(value) = set.join_next().await {
            values.insert(value.unwrap());
        }
        assert_eq!(values, HashSet::from([0, 1, 2]));
    });
}

#[test]
fn join_all_gives_every_value() {
    run(async {
        let mut set = JoinSet::new();
        for i in 0..1_000 {
            set.spawn(async move {
                heist::yield_now().await;
                i
            });
        }
        let mut values = set.join_all().await;
        values.sort_unstable();
        assert_eq!(values, (0..1_000).collect::<Vec<_>>());
    });
}

#[test]
fn one_abort_handle_aborts_one_task() {
    run(async {
        let mut set = JoinSet::new();
        let stuck = set.spawn(pending::<u8>());
        let id = stuck.id();
        stuck.abort();
        let error = set.join_next().await.unwrap().unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!(error.id(), id);
        set.spawn(ready(1));
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
    });
}

/// A task that never ends, and whose future counts its drop.
fn endless(dropped: &Counter) -> impl Future<Output = ()> + Send + use<> {
    let guard = dropped.guard();
    async move {
        let _guard = guard;
        pending::<()>().await;
    }
}

#[test]
fn abort_all_cancels_and_each_task_still_gives_its_result() {
    run(async {
        let dropped = Counter::new();
        let mut set = JoinSet::new();
        for _ in 0..10 {
            set.spawn(endless(&dropped));
        }
        turns(3).await;
        set.abort_all();
        let mut cancelled = 0;
        while let Some(result) = set.join_next().await {
            assert!(result.unwrap_err().is_cancelled());
            cancelled += 1;
        }
        assert_eq!((cancelled, dropped.get()), (10, 10));
    });
}

#[test]
fn shutdown_returns_when_every_future_has_been_dropped() {
    run(async {
        let dropped = Counter::new();
        let mut set = JoinSet::new();
        for _ in 0..100 {
            set.spawn(endless(&dropped));
        }
        turns(3).await;
        set.shutdown().await;
        assert_eq!(dropped.get(), 100);
    });
}

#[test]
fn dropping_the_set_aborts_its_tasks() {
    run(async {
        let dropped = Counter::new();
        let mut set = JoinSet::new();
        for _ in 0..10 {
            set.spawn(endless(&dropped));
        }
        turns(3).await;
        assert_eq!(dropped.get(), 0);
        drop(set);
        dropped.reached(10).await;
    });
}

#[test]
fn detached_tasks_outlive_the_set() {
    run(async {
        let (go, done) = (Counter::new(), Counter::new());
        let mut set = JoinSet::new();
        for _ in 0..10 {
            let (waits, says) = (go.reached(1), done.clone());
            set.spawn(async move {
                waits.await;
                says.add()
            });
        }
        set.detach_all();
        assert!(set.is_empty());
        drop(set);
        go.add();
        done.reached(10).await;
    });
}

#[test]
fn a_panic_is_one_tasks_result_and_the_others_go_on() {
    quiet_panics();
    run(async {
        let mut set = JoinSet::new();
        set.spawn(async { panic!("{DELIBERATE}") });
        set.spawn(async { 2 });
        let (mut panics, mut values) = (0, 0);
        while let Some(result) = set.join_next().await {
            match result {
                Ok(value) => values += value,
                Err(error) => panics += usize::from(error.is_panic()),
            }
        }
        assert_eq!((panics, values), (1, 2));
    });
}

#[test]
fn blocking_calls_are_joined_too() {
    run(async {
        let (release, wait) = mpsc::channel::<()>();
        let mut set = JoinSet::new();
        set.spawn_blocking(move || {
            wait.recv().unwrap();
            1
        });
        set.spawn(async { 2 });
        assert_eq!(set.join_next().await.unwrap().unwrap(), 2);
        release.send(()).unwrap();
        assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
    });
}

#[test]
fn a_set_can_be_filled_while_it_is_joined() {
    run(async {
        let mut set = JoinSet::new();
        set.spawn(ready(0));
        let mut joined = 0;
        while let Some(value) = set.join_next().await {
            joined += 1;
            let value = value.unwrap();
            if value < 1_000 {
                set.spawn(ready(value + 1));
            }
        }
        assert_eq!(joined, 1_001);
    });
}

#[test]
fn a_set_can_be_moved_into_a_task() {
    run(async {
        let mut set = JoinSet::new();
        for i in 0..10 {
            set.spawn(ready(i));
        }
        let task = heist::spawn(async move {
            let mut sum = 0;
            while let Some(value) = set.join_next().await {
                sum += value.unwrap();
            }
            sum
        });
        assert_eq!(task.await.unwrap(), 45);
    });
}
