use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::time::{sleep, timeout};
use crate::{run, spawn};

const MS: Duration = Duration::from_millis(1);

#[test]
fn results_come_in_the_order_of_completion() {
    run(async {
        let mut set = JoinSet::new();
        assert!(set.join_next().await.is_none());
        let gates: Vec<_> = (0..20)
            .map(|n| {
                let (open, gate) = mpsc::channel::<()>();
                set.spawn_blocking(move || {
                    gate.recv().unwrap();
                    n
                });
                open
            })
            .collect();
        for n in (0..20).rev() {
            assert_eq!(set.len(), n + 1);
            gates[n].send(()).unwrap();
            assert_eq!(set.join_next().await.unwrap().unwrap(), n);
        }
        assert!(set.is_empty());
    });
}

#[test]
fn what_finished_while_nobody_waited_comes_in_order_too() {
    run(async {
        let mut set = JoinSet::new();
        let gates = [(); 3].map(|()| mpsc::channel::<u32>());
        let gates = gates.map(|(open, gate)| {
            set.spawn_blocking(move || gate.recv().unwrap());
            open
        });
        for (n, gate) in [(1, 2), (2, 0), (3, 1)] {
            gates[gate].send(n).unwrap();
            while set.finished.len() < n as usize {
                crate::yield_now().await;
            }
        }
        assert_eq!(set.join_all().await, [1, 2, 3]);
    });
}

#[test]
fn a_wait_given_up_loses_nothing() {
    run(async {
        let mut set = JoinSet::new();
        let (open, gate) = mpsc::channel::<()>();
        set.spawn_blocking(move || gate.recv().is_ok());
        for _ in 0..3 {
            assert!(timeout(MS, set.join_next()).await.is_err());
        }
        assert!(set.try_join_next().is_none());
        open.send(()).unwrap();
        assert!(
            timeout(Duration::MAX, set.join_next())
                .await
                .unwrap()
                .unwrap()
                .unwrap()
        );
        assert!(set.try_join_next().is_none());
    });
}

#[test]
fn try_join_next_takes_what_is_there() {
    run(async {
        let mut set = JoinSet::new();
        let handles: Vec<_> = (0..300).map(|n| set.spawn(async move { n })).collect();
        while !handles.iter().all(AbortHandle::is_finished) {
            crate::yield_now().await;
        }
        let mut values = Vec::new();
        while values.len() < 300 {
            match set.try_join_next() {
                Some(result) => values.push(result.unwrap()),
                None => crate::yield_now().await,
            }
        }
        values.sort();
        assert_eq!(values, Vec::from_iter(0..300));
    });
}

#[test]
fn a_thousand_members_used_from_a_task() {
    let task = async {
        let mut set = JoinSet::new();
        for n in 0..1_000 {
            set.spawn(async move { n });
        }
        let mut values = set.join_all().await;
        values.sort();
        assert_eq!(values, Vec::from_iter(0..1_000));
    };
    run(async { spawn(task).await.unwrap() });
}

#[test]
fn slots_are_used_again_while_the_set_lives() {
    run(async {
        let mut set = JoinSet::new();
        let mut sum = 0;
        for n in 0..200 {
            set.spawn(async move { n });
            if set.len() == 3 {
                sum += set.join_next().await.unwrap().unwrap();
            }
        }
        sum += set.join_all().await.into_iter().sum::<i32>();
        assert_eq!(sum, 199 * 200 / 2);
    });
}

/// A task that holds a reference to the witness for as long as its future lives.
fn holder(witness: &Arc<()>) -> impl Future<Output = ()> + Send + use<> {
    let held = witness.clone();
    async move {
        pending::<()>().await;
        drop(held);
    }
}

/// Waits, by polling, until nobody else holds the witness.
async fn alone(witness: &Arc<()>) {
    while Arc::strong_count(witness) > 1 {
        sleep(MS).await;
    }
}

#[test]
fn shutdown_returns_when_all_futures_are_gone() {
    run(async {
        let (witness, mut set) = (Arc::new(()), JoinSet::new());
        for _ in 0..10 {
            set.spawn(holder(&witness));
        }
        set.shutdown().await;
        assert_eq!(Arc::strong_count(&witness), 1);
        assert!(set.is_empty());
        set.spawn(async {});
        assert!(set.join_next().await.unwrap().is_ok());
    });
}

#[test]
fn dropping_the_set_or_a_join_all_aborts() {
    run(async {
        let witness = Arc::new(());
        let mut set = JoinSet::new();
        set.spawn(holder(&witness));
        drop(set);
        alone(&witness).await;
        let mut set = JoinSet::new();
        set.spawn(holder(&witness));
        assert!(timeout(MS, set.join_all()).await.is_err());
        alone(&witness).await;
    });
}

#[test]
fn detached_tasks_go_on_and_leave_the_next_ones_alone() {
    run(async {
        let mut set = JoinSet::default();
        let (open, gate) = mpsc::channel::<()>();
        let (report, reported) = mpsc::channel();
        set.spawn_blocking(move || {
            gate.recv().unwrap();
            report.send(()).unwrap();
            1
        });
        set.detach_all();
        assert!(set.is_empty());
        set.spawn(async {
            sleep(5 * MS).await;
            2
        });
        open.send(()).unwrap();
        reported.recv().unwrap();
        assert_eq!(set.join_all().await, [2]);
    });
}

#[test]
fn an_aborted_task_comes_out_as_cancelled() {
    run(async {
        let mut set = JoinSet::new();
        let first = set.spawn(pending::<()>());
        set.spawn(pending());
        first.abort();
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        assert_eq!(set.len(), 1);
        set.abort_all();
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn join_all_passes_a_panic_on_when_the_others_are_gone() {
    let witness = Arc::new(());
    let payload = catch_unwind(AssertUnwindSafe(|| {
        run(async {
            let mut set = JoinSet::new();
            for _ in 0..10 {
                set.spawn(holder(&witness));
            }
            set.spawn(async { panic!("the one that fails") });
            let mut all = set.join_all();
            poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut all).poll(cx)));
                polled.unwrap_or_else(|payload| {
                    assert_eq!(Arc::strong_count(&witness), 1);
                    std::panic::resume_unwind(payload)
                })
            })
            .await;
        });
    }))
    .unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"the one that fails"));
}

#[test]
#[should_panic(expected = "a task was aborted")]
fn join_all_does_not_hide_that_a_value_is_missing() {
    run(async {
        let mut set = JoinSet::new();
        set.spawn(async {});
        set.spawn(pending::<()>()).abort();
        set.join_all().await;
    });
}

#[test]
fn the_set_travels_with_its_values() {
    fn travels<T: Send + Unpin + std::fmt::Debug>() {}
    travels::<JoinSet<std::cell::Cell<i32>>>();
    travels::<JoinNext<'_, String>>();
    travels::<JoinAll<std::cell::Cell<i32>>>();
    travels::<Shutdown<'_, String>>();
    assert_eq!(
        format!("{:?}", JoinSet::<i32>::new()),
        "JoinSet { len: 0, .. }"
    );
}
