//! `gather`, `try_gather` and `gather!`: parallel children, ordered results, nothing left behind.

mod common;

use common::{Counter, poll_once, poll_with, run, run_on, turns};
use heist::{gather, try_gather};
use std::cell::Cell;
use std::collections::HashSet;
use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn results_come_in_input_order_whatever_finishes_first() {
    run(async {
        let (a, b) = (Counter::new(), Counter::new());
        let letters = gather(['a', 'b', 'c'].map(|letter| {
            let (a, b) = (a.clone(), b.clone());
            async move {
                match letter {
                    'a' => {
                        b.reached(1).await;
                        a.add();
                    }
                    'b' => drop(b.add()),
                    _ => a.reached(1).await,
                }
                letter
            }
        }));
        assert_eq!(letters.await, ['a', 'b', 'c']);
    });
}

#[test]
fn none_one_and_a_million() {
    run(async {
        assert!(
            gather(Vec::<std::future::Ready<u8>>::new())
                .await
                .is_empty()
        );
        assert_eq!(gather([ready(1)]).await, [1]);
        assert_eq!(
            try_gather(Vec::<std::future::Ready<Result<u8, u8>>>::new()).await,
            Ok(vec![])
        );
        let million = gather((0..1_000_000_u32).map(|i| async move { i })).await;
        assert_eq!(million.len(), 1_000_000);
        assert!(million.iter().enumerate().all(|(i, &n)| i as u32 == n));
    });
}

fn tree(depth: u32) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            heist::yield_now().await;
            return 1;
        }
        gather((0..4).map(|_| tree(depth - 1)))
            .await
            .into_iter()
            .sum()
    })
}

#[test]
fn five_levels_of_gather_do_not_deadlock_on_one_worker_or_several() {
    for workers in [1, 2, 4] {
        assert_eq!(run_on(workers, tree(5)), 4_usize.pow(5));
    }
}

#[test]
fn nothing_runs_before_the_first_poll_though_the_iterator_was_used_up_at_the_call() {
    run(async {
        let (made, ran) = (Cell::new(0), Counter::new());
        let mut gathered = pin!(gather((0..10).map(|_| {
            made.set(made.get() + 1);
            let ran = ran.clone();
            async move { ran.add() }
        })));
        assert_eq!(made.get(), 10);
        turns(10).await;
        assert_eq!(ran.get(), 0);
        assert!(poll_once(gathered.as_mut()).is_pending());
        ran.reached(10).await;
        assert_eq!(gathered.await.len(), 10);
    });
}

#[test]
fn a_gather_over_an_iterator_that_is_not_send_can_be_spawned() {
    run(async {
        let local = Rc::new(10);
        let gathered = gather((0..3).map(|i| ready(*local + i)));
        assert_eq!(heist::spawn(gathered).await.unwrap(), [10, 11, 12]);
    });
}

#[test]
fn a_gather_can_be_sent_and_shared_though_its_futures_cannot_be_shared() {
    fn sent_and_shared<T: Send + Sync>(_: &T) {}

    let future: Pin<Box<dyn Future<Output = u8> + Send>> = Box::pin(ready(1));
    let gathered = gather([future]);
    sent_and_shared(&gathered);
    assert_eq!(run(gathered), [1]);
}

#[test]
fn children_may_be_anything_that_becomes_a_future() {
    struct Number(u8);
    impl IntoFuture for Number {
        type Output = u8;
        type IntoFuture = std::future::Ready<u8>;
        fn into_future(self) -> Self::IntoFuture {
            ready(self.0)
        }
    }
    run(async {
        assert_eq!(gather([Number(1), Number(2)]).await, [1, 2]);
        let handles = (0..3).map(|i| heist::spawn(ready(i)));
        let values: Vec<_> = gather(handles)
            .await
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(values, [0, 1, 2]);
    });
}

#[test]
fn a_gather_of_results_keeps_every_slot() {
    run(async {
        let results =
            gather((0..4).map(|i| async move { if i % 2 == 0 { Ok(i) } else { Err(i) } }));
        assert_eq!(results.await, [Ok(0), Err(1), Ok(2), Err(3)]);
    });
}

#[test]
fn the_macro_takes_futures_of_different_types_in_parallel() {
    run(async {
        let (go, went) = (Counter::new(), Counter::new());
        let (go2, went2) = (go.clone(), went.clone());
        let number = async move {
            go.reached(1).await;
            went.add();
            1_u8
        };
        let text = async move {
            go2.add();
            went2.reached(1).await;
            String::from("two")
        };
        let (number, text, list) = heist::gather!(number, text, ready(vec![3])).await;
        assert_eq!(
            (number, text.as_str(), list.as_slice()),
            (1, "two", [3].as_slice())
        );
        assert_eq!(heist::gather!(ready(1)).await, (1,));
        assert_eq!(heist::gather!(ready(1), ready("b")).await, (1, "b"));
        let four = heist::gather!(ready(1), ready('b'), ready(true), heist::yield_now(),);
        assert_eq!(heist::spawn(four).await.unwrap(), (1, 'b', true, ()));
    });
}

#[test]
fn waking_one_child_polls_that_child_alone() {
    const CHILDREN: usize = 300;
    run(async {
        let polls: Arc<Vec<AtomicUsize>> =
            Arc::new((0..CHILDREN).map(|_| AtomicUsize::new(0)).collect());
        let (send, wakers) = mpsc::channel::<(usize, Waker)>();
        let children = (0..CHILDREN).map(|i| {
            let (polls, send) = (Arc::clone(&polls), send.clone());
            poll_fn(move |cx| {
                if polls[i].fetch_add(1, Ordering::SeqCst) == 0 {
                    send.send((i, cx.waker().clone())).unwrap();
                    return Poll::Pending;
                }
                Poll::Ready(i)
            })
        });
        let gathered = heist::spawn(gather(children.collect::<Vec<_>>()));
        let mut waiting: Vec<_> = Vec::new();
        while waiting.len() < CHILDREN {
            waiting.extend(wakers.try_iter());
            heist::yield_now().await;
        }
        fastrand::shuffle(&mut waiting);
        let (i, waker) = waiting.pop().unwrap();
        thread::spawn(move || waker.wake()).join().unwrap();
        while polls[i].load(Ordering::SeqCst) < 2 {
            heist::yield_now().await;
        }
        let all: usize = polls.iter().map(|p| p.load(Ordering::SeqCst)).sum();
        assert_eq!(all, CHILDREN + 1);
        for (_, waker) in waiting {
            waker.wake();
        }
        assert_eq!(gathered.await.unwrap(), (0..CHILDREN).collect::<Vec<_>>());
        assert!(polls.iter().all(|p| p.load(Ordering::SeqCst) == 2));
    });
}

#[test]
fn each_child_has_an_id_of_its_own_and_the_waiter_for_parent() {
    run(async {
        let waiter = heist::spawn(async {
            let ids =
                gather((0..100).map(|_| async { (heist::task::id(), heist::task::parent()) }))
                    .await;
            (heist::task::id(), ids)
        });
        let (own, children) = waiter.await.unwrap();
        assert!(
            children
                .iter()
                .all(|(id, parent)| id.is_some() && *parent == own)
        );
        let distinct: HashSet<_> = children.into_iter().map(|(id, _)| id).collect();
        assert_eq!(distinct.len(), 100);
    });
}

#[test]
fn a_gather_may_be_polled_by_one_task_and_awaited_by_another() {
    run(async {
        let go = Counter::new();
        let children: Vec<_> = (0..10).map(|_| go.reached(1)).collect();
        let mut gathered = Box::pin(gather(children));
        let (_, first_waker) = common::WakeCount::new();
        assert!(poll_with(gathered.as_mut(), &first_waker).is_pending());
        let task = heist::spawn(gathered);
        turns(5).await;
        go.add();
        assert_eq!(task.await.unwrap().len(), 10);
    });
}

#[test]
fn one_slow_child_does_not_hold_back_those_behind_it() {
    run_on(2, async {
        let (release, wait) = mpsc::channel::<()>();
        let mut wait = Some(wait);
        let done = Counter::new();
        let children: Vec<_> = (0..200)
            .map(|i| {
                let wait = if i == 3 { wait.take() } else { None };
                let done = done.clone();
                async move {
                    if let Some(wait) = wait {
                        wait.recv().unwrap();
                    }
                    done.add();
                }
            })
            .collect();
        let others = done.clone();
        let releaser = thread::spawn(move || {
            others.wait(199);
            release.send(()).unwrap();
        });
        assert_eq!(gather(children).await.len(), 200);
        releaser.join().unwrap();
    });
}

#[test]
fn a_gather_ends_with_its_last_child_whatever_else_is_queued() {
    let turns = Arc::new(AtomicUsize::new(0));
    run_on(1, async move {
        let others: Vec<_> = (0..3)
            .map(|_| {
                let turns = Arc::clone(&turns);
                heist::spawn(async move {
                    loop {
                        turns.fetch_add(1, Ordering::Relaxed);
                        heist::yield_now().await;
                    }
                })
            })
            .collect();
        heist::yield_now().await;
        // The second child wakes the first one, which is next then, and after it the task that waits for both.
        let (open, opened) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
        gather([true, false].map(|waits| {
            let (open, opened) = (open.clone(), Arc::clone(&opened));
            let turns = Arc::clone(&turns);
            async move {
                if waits {
                    open.reached(1).await;
                } else {
                    opened.store(turns.load(Ordering::Relaxed), Ordering::Relaxed);
                    open.add();
                }
            }
        }))
        .await;
        let since = turns.load(Ordering::Relaxed) - opened.load(Ordering::Relaxed);
        assert_eq!(since, 0, "turns of others before the gather's end");
        others.iter().for_each(heist::JoinHandle::abort);
    });
}

#[test]
fn children_that_sleep_take_the_maximum() {
    run(async {
        let start = Instant::now();
        let each = Duration::from_millis(50);
        gather((0..100).map(|_| heist::time::sleep(each))).await;
        assert!(start.elapsed() >= each);
        assert!(start.elapsed() < 20 * each, "took {:?}", start.elapsed());
    });
}

#[test]
fn wakers_that_outlive_their_children_wake_none_of_the_others() {
    run(async {
        let wakers = Arc::new(Mutex::new(Vec::new()));
        let polls = Arc::new(AtomicUsize::new(0));
        let gate = Counter::new();
        // Every other one is ready at its first poll, of which it leaves the waker behind.
        let children = (0..1000).map(|n| {
            let (wakers, polls, gate) = (wakers.clone(), polls.clone(), gate.clone());
            let mut reached = Box::pin(async move { gate.reached(1).await });
            poll_fn(move |cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                if n % 2 == 0 {
                    wakers.lock().unwrap().push(cx.waker().clone());
                    return Poll::Ready(heist::task::id());
                }
                reached.as_mut().poll(cx).map(|_| heist::task::id())
            })
        });
        let waiter = heist::spawn(gather(children));
        while wakers.lock().unwrap().len() < 500 || polls.load(Ordering::Relaxed) < 1000 {
            heist::yield_now().await;
        }
        for waker in wakers.lock().unwrap().drain(..) {
            waker.wake();
        }
        turns(100).await;
        assert_eq!(polls.load(Ordering::Relaxed), 1000);
        gate.add();
        let ids = waiter.await.unwrap();
        let different: HashSet<_> = ids.into_iter().map(Option::unwrap).collect();
        assert_eq!(different.len(), 1000);
    });
}

#[test]
fn futures_and_outputs_may_have_any_size_and_alignment() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(align(256))]
    struct Aligned(u8);

    run(async {
        let nothing = gather((0..1000).map(|_| ready(()))).await;
        assert_eq!(nothing.len(), 1000);
        let aligned = gather((0..100).map(|n| async move {
            let value = Aligned(n);
            heist::yield_now().await;
            assert_eq!((&raw const value).addr() % 256, 0);
            value
        }));
        assert_eq!(aligned.await, (0..100).map(Aligned).collect::<Vec<_>>());
        let large = gather((0..20_usize).map(|n| async move {
            let bytes = [u8::try_from(n).unwrap(); 100_000];
            heist::yield_now().await;
            bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>()
        }));
        assert_eq!(
            large.await,
            (0..20).map(|n| n * 100_000).collect::<Vec<_>>()
        );
    });
}
