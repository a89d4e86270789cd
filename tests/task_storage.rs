//! Futures and outputs of any size, alignment and number, and wakers that live longer than both.

mod common;

use common::{Counter, run, turns, with_large_stack};
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

/// Suspends once, checks its bytes, and returns them.
struct Bytes<const N: usize> {
    bytes: [u8; N],
    suspended: bool,
}

impl<const N: usize> Bytes<N> {
    fn new() -> Self {
        Self {
            bytes: [0xA5; N],
            suspended: false,
        }
    }
}

impl<const N: usize> Future for Bytes<N> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        if std::mem::replace(&mut self.suspended, true) {
            return Poll::Ready(self.bytes.iter().filter(|&&byte| byte == 0xA5).count());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[test]
fn futures_of_every_size_class_keep_their_bytes() {
    async fn check<const N: usize>() {
        assert_eq!(heist::spawn(Bytes::<N>::new()).await.unwrap(), N);
    }
    run(async {
        check::<0>().await;
        check::<1>().await;
        check::<31>().await;
        check::<64>().await;
        check::<100>().await;
        check::<128>().await;
        check::<255>().await;
        check::<500>().await;
        check::<1_000>().await;
        check::<2_047>().await;
        check::<5_000>().await;
        check::<20_000>().await;
    });
}

#[test]
fn a_handle_is_a_pointer() {
    assert_eq!(
        size_of::<heist::JoinHandle<[u8; 100]>>(),
        size_of::<usize>()
    );
}

#[test]
fn a_future_of_a_megabyte_is_spawned_polled_and_aborted() {
    with_large_stack(|| {
        run(async {
            let whole = heist::spawn(Bytes::<{ 1 << 20 }>::new());
            assert_eq!(whole.await.unwrap(), 1 << 20);
            let aborted = heist::spawn(Bytes::<{ 1 << 20 }>::new());
            aborted.abort();
            // It may have been through already, on another worker.
            assert!(
                aborted
                    .await
                    .map_or_else(|e| e.is_cancelled(), |n| n == 1 << 20)
            );
        });
    });
}

#[test]
fn outputs_larger_than_their_future_arrive_whole() {
    run(async {
        let large = heist::spawn(async { [3_u64; 1_000] }).await.unwrap();
        assert!(large.iter().all(|&n| n == 3));
        let unread = heist::spawn(async { [0_u8; 10_000] });
        drop(unread);
    });
}

#[test]
fn a_future_and_an_output_of_no_size_are_tasks_too() {
    struct Nothing;
    impl Future for Nothing {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    assert_eq!(size_of::<Nothing>(), 0);
    run(async {
        let tasks: Vec<_> = (0..100).map(|_| heist::spawn(Nothing)).collect();
        let mut done = 0;
        for task in tasks {
            task.await.unwrap();
            done += 1;
        }
        assert_eq!(done, 100);
    });
}

/// Checks its own address whenever it is touched, its drop included.
#[repr(align(64))]
struct Aligned {
    polls: u8,
    misplaced: Arc<AtomicUsize>,
}

impl Aligned {
    fn check(&self) {
        if !std::ptr::from_ref(self).addr().is_multiple_of(64) {
            self.misplaced.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Future for Aligned {
    type Output = Aligned;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Aligned> {
        self.check();
        self.polls += 1;
        if self.polls == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Aligned {
            polls: 0,
            misplaced: Arc::clone(&self.misplaced),
        })
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        self.check();
    }
}

#[test]
fn futures_and_outputs_keep_their_alignment() {
    let misplaced = Arc::new(AtomicUsize::new(0));
    run(async {
        let make = || Aligned {
            polls: 0,
            misplaced: Arc::clone(&misplaced),
        };
        let tasks: Vec<_> = (0..100).map(|_| heist::spawn(make())).collect();
        for (i, task) in tasks.into_iter().enumerate() {
            // Half of the outputs are dropped where they lie.
            if i % 2 == 0 {
                task.await.unwrap();
            }
        }
        let gathered = heist::gather((0..100).map(|_| make())).await;
        assert_eq!(gathered.len(), 100);
    });
    assert_eq!(misplaced.load(Ordering::SeqCst), 0);
}

#[test]
fn a_million_tasks_are_spawned_and_awaited() {
    const WAVES: usize = 100;
    const EACH: usize = 10_000;
    let sum = run(async {
        let mut sum = 0;
        for _ in 0..WAVES {
            let tasks: Vec<_> = (0..EACH).map(|i| heist::spawn(ready(i))).collect();
            for task in tasks {
                sum += task.await.unwrap();
            }
        }
        sum
    });
    assert_eq!(sum, WAVES * (EACH * (EACH - 1) / 2));
}

#[test]
fn a_hundred_thousand_detached_tasks_all_run() {
    const TASKS: usize = 100_000;
    let ran = Arc::new(AtomicUsize::new(0));
    run(async {
        let last = Counter::new();
        for _ in 0..TASKS {
            let (ran, last) = (Arc::clone(&ran), last.clone());
            heist::spawn(async move {
                if ran.fetch_add(1, Ordering::SeqCst) + 1 == TASKS {
                    last.add();
                }
            });
        }
        last.reached(1).await;
    });
    assert_eq!(ran.load(Ordering::SeqCst), TASKS);
}

fn abuse(waker: Waker) {
    waker.wake_by_ref();
    let other = waker.clone();
    assert!(other.will_wake(&waker));
    other.wake();
    drop(waker.clone());
    waker.wake();
}

#[test]
fn a_waker_may_outlive_its_task() {
    run(async {
        let dropped = Counter::new();
        let (send, wakers) = mpsc::channel();
        let guard = dropped.guard();
        let task = heist::spawn(poll_fn(move |cx| {
            let _holds = &guard;
            send.send(cx.waker().clone()).unwrap();
            Poll::Ready(1)
        }));
        assert_eq!(task.await.unwrap(), 1);
        assert_eq!(dropped.get(), 1, "the waker does not keep the future");
        let waker = wakers.recv().unwrap();
        // Others take the places of the task that is gone; its waker must not reach them.
        let polls = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let polls = Arc::clone(&polls);
            heist::spawn(poll_fn(move |_| {
                polls.fetch_add(1, Ordering::SeqCst);
                Poll::<()>::Pending
            }));
        }
        while polls.load(Ordering::SeqCst) < 100 {
            heist::yield_now().await;
        }
        let far = waker.clone();
        thread::spawn(move || abuse(far)).join().unwrap();
        abuse(waker);
        turns(10).await;
        assert_eq!(polls.load(Ordering::SeqCst), 100);
    });
}

#[test]
fn a_waker_may_outlive_the_runtime() {
    let dropped = Counter::new();
    let (send, wakers) = mpsc::channel();
    run(async {
        for i in 0..10 {
            let (send, guard) = (send.clone(), dropped.guard());
            let task = heist::spawn(poll_fn(move |cx| {
                let _holds = &guard;
                send.send(cx.waker().clone()).unwrap();
                if i % 2 == 0 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }));
            if i % 2 == 0 {
                task.await.unwrap();
            }
        }
        // The pending ones have been polled too once there are ten wakers.
        let mut all = Vec::new();
        while all.len() < 10 {
            all.extend(wakers.try_iter());
            heist::yield_now().await;
        }
        all
    })
    .into_iter()
    .enumerate()
    .for_each(|(i, waker)| {
        assert_eq!(
            dropped.get(),
            10,
            "wakers keep no future beyond the end of run"
        );
        if i % 2 == 0 {
            abuse(waker);
        } else {
            thread::spawn(move || abuse(waker)).join().unwrap();
        }
    });
}
