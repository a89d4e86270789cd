//! The early ends of a gather: its waiter goes, a child fails or panics, the time is up. Nothing is left behind.

mod common;

use common::{Counter, DELIBERATE, message_of, poll_once, quiet_panics, run, run_on, turns};
use heist::{gather, try_gather};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

#[test]
fn a_gather_dropped_before_its_first_poll_drops_its_futures() {
    run(async {
        let dropped = Counter::new();
        let gathered = gather((0..10).map(|_| {
            let guard = dropped.guard();
            async move { drop(guard) }
        }));
        assert_eq!(dropped.get(), 0);
        drop(gathered);
        assert_eq!(dropped.get(), 10);
    });
}

#[test]
fn an_iterator_that_panics_drops_the_futures_so_far_though_their_drops_panic_too() {
    struct PanicsInDrop(Counter);

    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            self.0.add();
            panic!("{DELIBERATE}");
        }
    }

    let dropped = Counter::new();
    let futures = (0..3).map(|n| {
        assert!(n < 2, "{DELIBERATE}: the iterator's");
        let value = PanicsInDrop(dropped.clone());
        async move { drop(value) }
    });
    quiet_panics();
    let result = catch_unwind(AssertUnwindSafe(|| drop(gather(futures))));
    let payload = result.unwrap_err();
    let message = message_of(&*payload).unwrap();
    assert!(message.ends_with("the iterator's"), "{message}");
    assert_eq!(dropped.get(), 2);
}

#[test]
fn dropping_the_waiter_drops_the_children() {
    run(async {
        let (started, dropped) = (Counter::new(), Counter::new());
        let children: Vec<_> = (0..100)
            .map(|_| {
                let (started, guard) = (started.clone(), dropped.guard());
                async move {
                    let _guard = guard;
                    started.add();
                    pending::<()>().await;
                }
            })
            .collect();
        let waiter = heist::spawn(gather(children));
        started.reached(100).await;
        assert_eq!(dropped.get(), 0);
        waiter.abort();
        assert!(waiter.await.unwrap_err().is_cancelled());
        dropped.reached(100).await;
    });
}

#[test]
fn dropping_a_gather_half_done_drops_outputs_and_unstarted_children_too() {
    run_on(1, async {
        let dropped = Counter::new();
        let mut gathered = Box::pin(gather((0..1_000).map(|i| {
            let guard = dropped.guard();
            async move {
                if i % 3 == 0 {
                    pending::<()>().await;
                }
                guard
            }
        })));
        assert!(poll_once(gathered.as_mut()).is_pending());
        turns(2).await;
        drop(gathered);
        dropped.reached(1_000).await;
    });
}

#[test]
fn a_child_that_panics_cancels_the_others_and_resumes_once_they_are_dropped() {
    quiet_panics();
    run(async {
        let (started, dropped) = (Counter::new(), Counter::new());
        let waiter = heist::spawn({
            let dropped = dropped.clone();
            async move {
                let children = (0..20).map(|i| {
                    let (started, guard) = (started.clone(), dropped.guard());
                    async move {
                        let _guard = guard;
                        started.add();
                        if i == 7 {
                            started.reached(20).await;
                            panic!("{DELIBERATE} 7");
                        }
                        pending::<()>().await;
                    }
                });
                gather(children.collect::<Vec<_>>()).await;
            }
        });
        let payload = waiter.await.unwrap_err().into_panic();
        assert_eq!(message_of(payload.as_ref()), Some("deliberate 7"));
        assert_eq!(dropped.get(), 20);
        assert_eq!(gather([ready(1)]).await, [1]);
    });
}

#[test]
fn try_gather_returns_the_first_error_at_once_and_the_rest_are_dropped_by_then() {
    run(async {
        let (started, dropped) = (Counter::new(), Counter::new());
        let result: Result<Vec<()>, usize> = try_gather((0..50).map(|i| {
            let (started, guard) = (started.clone(), dropped.guard());
            async move {
                let _guard = guard;
                started.add();
                if i == 30 {
                    started.reached(50).await;
                    return Err(i);
                }
                pending().await
            }
        }))
        .await;
        assert_eq!(result, Err(30));
        assert_eq!(dropped.get(), 50);
    });
}

#[test]
fn try_gather_of_successes_keeps_their_order_and_an_error_drops_the_values_so_far() {
    run(async {
        let all: Result<Vec<u32>, ()> = try_gather((0..100).map(|i| async move { Ok(i) })).await;
        assert_eq!(all, Ok((0..100).collect()));

        let (done, dropped) = (Counter::new(), Counter::new());
        let result = try_gather((0..10).map(|i| {
            let (done, guard) = (done.clone(), dropped.guard());
            async move {
                if i < 9 {
                    done.add();
                    return Ok(guard);
                }
                done.reached(9).await;
                Err("no")
            }
        }));
        assert_eq!(result.await.err(), Some("no"));
        assert_eq!(dropped.get(), 10);
    });
}

#[test]
fn a_gather_that_times_out_drops_its_children() {
    run(async {
        let dropped = Counter::new();
        let children = gather((0..10).map(|_| {
            let guard = dropped.guard();
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        }));
        assert!(
            heist::time::timeout(Duration::from_millis(5), children)
                .await
                .is_err()
        );
        dropped.reached(10).await;
    });
}
