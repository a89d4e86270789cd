//! Who yields lets others go first: those that were runnable before, all of them, and those that are woken, but not for ever.

mod common;

use common::{Counter, WakeCount, poll_with, run_on};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// Far more turns than a fair scheduler needs to get to everybody else.
const MANY: usize = 1_000_000;

/// So many tasks that do nothing but yield until `over`, and count how often.
fn crowd(tasks: usize, yields: &Counter, over: &Arc<AtomicBool>) -> Vec<heist::JoinHandle<()>> {
    let keep_yielding = |_| {
        let (yields, over) = (yields.clone(), Arc::clone(over));
        heist::spawn(async move {
            while !over.load(Ordering::SeqCst) {
                assert!(yields.get() < MANY, "the others never had their turn");
                yields.add();
                heist::yield_now().await;
            }
        })
    };
    (0..tasks).map(keep_yielding).collect()
}

#[test]
fn who_yields_lets_go_first_what_was_runnable_before() {
    run_on(1, async {
        let (yields, over) = (Counter::new(), Arc::new(AtomicBool::new(false)));
        let crowd = crowd(20, &yields, &over);
        let task = heist::spawn(async move {
            for round in 1..=50 {
                let done = Counter::new();
                let spawn_one = |_| {
                    let done = done.clone();
                    heist::spawn(async move { done.add() })
                };
                let spawned: Vec<_> = (0..10).map(spawn_one).collect();
                heist::yield_now().await;
                assert_eq!(done.get(), 10, "in round {round}");
                heist::gather(spawned).await;
            }
            over.store(true, Ordering::SeqCst);
        });
        task.await.unwrap();
        for task in crowd {
            task.await.unwrap();
        }
    });
}

/// Also what stands in the next slot, when that has gone first too often.
#[test]
fn who_yields_lets_go_first_what_was_to_run_next() {
    run_on(1, async {
        for hops in 1..=8 {
            hop(hops).await;
        }
    });
}

/// Each task spawns the next one, which goes into the next slot; the last one spawns and yields.
fn hop(more: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if more > 0 {
            return heist::spawn(hop(more - 1)).await.unwrap();
        }
        let done = Counter::new();
        let flag = done.clone();
        let spawned = heist::spawn(async move { flag.add() });
        heist::yield_now().await;
        assert_eq!(done.get(), 1);
        spawned.await.unwrap();
    })
}

#[test]
fn tasks_that_are_woken_do_not_wait_for_a_round_of_those_that_yield() {
    const WOKEN: usize = 10;
    let most = run_on(1, async {
        let (yields, over) = (Counter::new(), Arc::new(AtomicBool::new(false)));
        let waiting: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let seen: Arc<Mutex<Vec<usize>>> = Arc::default();
        let wait_once = |_| {
            let (yields, waiting, seen) = (yields.clone(), Arc::clone(&waiting), Arc::clone(&seen));
            let mut is_first = true;
            heist::spawn(poll_fn(move |cx| {
                if std::mem::take(&mut is_first) {
                    waiting.lock().unwrap().push(cx.waker().clone());
                    return Poll::Pending;
                }
                seen.lock().unwrap().push(yields.get());
                Poll::Ready(())
            }))
        };
        let woken: Vec<_> = (0..WOKEN).map(wait_once).collect();
        let crowd = crowd(100, &yields, &over);
        let waker = heist::spawn(async move {
            while waiting.lock().unwrap().len() < WOKEN || yields.get() < 1_000 {
                heist::yield_now().await;
            }
            let before = yields.get();
            let waiting = std::mem::take(&mut *waiting.lock().unwrap());
            waiting.into_iter().for_each(Waker::wake);
            before
        });
        let before = waker.await.unwrap();
        for task in woken {
            task.await.unwrap();
        }
        over.store(true, Ordering::SeqCst);
        for task in crowd {
            task.await.unwrap();
        }
        let seen = seen.lock().unwrap();
        seen.iter().map(|seen| seen - before).max().unwrap()
    });
    assert!(most <= 5, "{most} of those that yield went before");
}

/// Several tasks, each of which wakes the others and waits to be woken: but one of them are always runnable.
#[test]
fn tasks_that_wake_one_another_do_not_starve_those_that_yield() {
    run_on(1, async {
        let (polls, over) = (Counter::new(), Arc::new(AtomicBool::new(false)));
        let waiting: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let wake_the_others = |_| {
            let (polls, over) = (polls.clone(), Arc::clone(&over));
            let waiting = Arc::clone(&waiting);
            heist::spawn(poll_fn(move |cx| {
                polls.add();
                let is_over = over.load(Ordering::SeqCst) || polls.get() > MANY;
                let others = std::mem::take(&mut *waiting.lock().unwrap());
                if !is_over {
                    waiting.lock().unwrap().push(cx.waker().clone());
                }
                others.into_iter().for_each(Waker::wake);
                if is_over {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }))
        };
        let circle: Vec<_> = (0..5).map(wake_the_others).collect();
        let count = polls.clone();
        let yielding = heist::spawn(async move {
            for _ in 0..100 {
                heist::yield_now().await;
            }
            over.store(true, Ordering::SeqCst);
            count.get()
        });
        let polls = yielding.await.unwrap();
        assert!(polls < 100 * 50, "{polls} polls of the others");
        for task in circle {
            task.await.unwrap();
        }
    });
}

/// The tasks of a gather begin a turn's worth at a time, and go on in between: those that are under way do not become more and more.
#[test]
fn tasks_of_a_gather_that_yield_neither_pile_up_nor_hold_up_others() {
    const TASKS: usize = 20_000;
    let (most, longest) = run_on(1, async {
        let (begun, ended) = (Counter::new(), Counter::new());
        let over = Arc::new(AtomicBool::new(false));
        let bystander = {
            let (begun, over) = (begun.clone(), Arc::clone(&over));
            heist::spawn(async move {
                let (mut last, mut longest) = (0, 0);
                while !over.load(Ordering::SeqCst) {
                    longest = longest.max(begun.get() - last);
                    last = begun.get();
                    heist::yield_now().await;
                }
                longest
            })
        };
        let most = Arc::new(Mutex::new(0));
        let one = |_| {
            let (begun, ended, most) = (begun.clone(), ended.clone(), Arc::clone(&most));
            async move {
                begun.add();
                heist::yield_now().await;
                let mut most = most.lock().unwrap();
                *most = (begun.get() - ended.get()).max(*most);
                ended.add();
            }
        };
        assert_eq!(heist::gather((0..TASKS).map(one)).await.len(), TASKS);
        over.store(true, Ordering::SeqCst);
        let most = *most.lock().unwrap();
        (most, bystander.await.unwrap())
    });
    assert!(most <= 500, "{most} were under way at once");
    assert!(
        longest <= 500,
        "{longest} began between two turns of another"
    );
}

/// In one poll: a yield, and then a whole runtime on the same thread whose tasks yield too.
#[test]
fn a_yield_is_not_lost_in_a_nested_run() {
    run_on(1, async {
        let task = heist::spawn(async {
            let mut yields = pin!(heist::yield_now());
            let mut is_first = true;
            poll_fn(|cx| {
                let polled = yields.as_mut().poll(cx);
                if std::mem::take(&mut is_first) {
                    assert!(polled.is_pending());
                    let done = heist::block_in_place(|| run_on(1, nested()));
                    assert_eq!(done, 10);
                }
                polled
            })
            .await;
        });
        task.await.unwrap();
    });
}

async fn nested() -> usize {
    let yielding = |_| {
        heist::spawn(async {
            heist::yield_now().await;
        })
    };
    let tasks: Vec<_> = (0..10).map(yielding).collect();
    heist::yield_now().await;
    let mut done = 0;
    for task in tasks {
        task.await.unwrap();
        done += 1;
    }
    done
}

#[test]
fn a_yield_wakes_whose_waker_it_is_given() {
    run_on(1, async {
        let left = Arc::new(Mutex::new(None::<Waker>));
        let leaves = Arc::clone(&left);
        let waits = heist::spawn(poll_fn(move |cx| {
            match leaves.lock().unwrap().replace(cx.waker().clone()) {
                None => Poll::Pending,
                Some(_) => Poll::Ready(()),
            }
        }));
        heist::yield_now().await;
        let wakes = heist::spawn(async move {
            let waker = left.lock().unwrap().clone().expect("it has been polled");
            let polled = poll_with(pin!(heist::yield_now()), &waker);
            assert!(polled.is_pending());
        });
        wakes.await.unwrap();
        waits.await.unwrap();
    });
}

/// A combinator that gives what it polls a waker of its own hears of each yield.
#[test]
fn a_yield_wakes_the_combinator_around_it() {
    run_on(1, async {
        let task = heist::spawn(async {
            let (count, waker) = WakeCount::new();
            let mut inner = pin!(heist::yield_now());
            assert!(poll_with(inner.as_mut(), &waker).is_pending());
            assert_eq!(count.get(), 1);
            assert!(poll_with(inner.as_mut(), &waker).is_ready());
        });
        task.await.unwrap();
    });
}

/// A task that yields and is done in the same poll has had its last turn.
#[test]
fn a_yield_that_is_given_up_leads_to_nothing() {
    run_on(1, async {
        let task = heist::spawn(async {
            let mut yields = pin!(heist::yield_now());
            poll_fn(|cx| {
                assert!(yields.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            std::future::pending::<()>().await;
        });
        for _ in 0..3 {
            heist::yield_now().await;
        }
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
}
