//! Many tasks, threads and runtimes with random delays, in search of lost wakes and lost tasks.

mod common;

use common::{Counter, lock, run, run_on, spin_randomly};
use futures_lite::future::block_on;
use heist::{Builder, Handle, Runtime};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

/// A queue of values with one task waiting at its end; anybody may send.
struct Channel<T>(Arc<Mutex<Inner<T>>>);

struct Inner<T> {
    values: VecDeque<T>,
    receiver: Option<Waker>,
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Channel<T> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            values: VecDeque::new(),
            receiver: None,
        })))
    }

    fn send(&self, value: T) {
        let mut inner = lock(&self.0);
        inner.values.push_back(value);
        let waker = inner.receiver.take();
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
    }

    async fn receive(&self) -> T {
        poll_fn(|cx| {
            let mut inner = lock(&self.0);
            match inner.values.pop_front() {
                Some(value) => Poll::Ready(value),
                None => {
                    inner.receiver = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Passes `tokens` round a ring of `size` tasks until each has made `hops` steps; the number of steps made.
async fn ring(size: usize, tokens: usize, hops: usize) -> usize {
    let places: Vec<Channel<Option<usize>>> = (0..size).map(|_| Channel::new()).collect();
    let ended = Counter::new();
    let players: Vec<_> = (0..size)
        .map(|i| {
            let (own, next) = (places[i].clone(), places[(i + 1) % size].clone());
            let ended = ended.clone();
            heist::spawn(async move {
                let mut steps = 0;
                while let Some(left) = own.receive().await {
                    steps += 1;
                    spin_randomly(50);
                    if left == 0 {
                        ended.add();
                    } else {
                        next.send(Some(left - 1));
                    }
                }
                steps
            })
        })
        .collect();
    for token in 0..tokens {
        places[token % size].send(Some(hops - 1));
    }
    ended.reached(tokens).await;
    places.iter().for_each(|place| place.send(None));
    let mut steps = 0;
    for player in players {
        steps += player.await.unwrap();
    }
    steps
}

#[test]
fn tokens_passed_round_a_ring_all_arrive() {
    for workers in [1, 2, 4, 16] {
        assert_eq!(run_on(workers, ring(50, 10, 4_000)), 40_000);
        // One token: each hand-over finds everybody else asleep.
        assert_eq!(run_on(workers, ring(5, 1, 4_000)), 4_000);
    }
}

/// A task and a thread that answer each other, each wake crossing from one to the other.
#[test]
fn a_task_and_a_foreign_thread_answer_each_other() {
    const ROUNDS: usize = 3_000;
    for workers in [1, 2, 16] {
        let (to_task, to_thread) = (Channel::new(), Channel::new());
        let (questions, answers) = (to_task.clone(), to_thread.clone());
        let thread = thread::spawn(move || {
            let mut sum = 0;
            for i in 0..ROUNDS {
                spin_randomly(500);
                questions.send(i);
                sum += block_on(answers.receive());
            }
            sum
        });
        run_on(workers, async {
            let task = heist::spawn(async move {
                for _ in 0..ROUNDS {
                    let i = to_task.receive().await;
                    spin_randomly(500);
                    to_thread.send(2 * i);
                }
            });
            task.await.unwrap();
        });
        assert_eq!(thread.join().unwrap(), ROUNDS * (ROUNDS - 1));
    }
}

/// Every spawn may find the runtime on its way to sleep.
#[test]
fn single_spawns_from_foreign_threads_against_workers_going_to_sleep() {
    for workers in [1, 2, 16] {
        let runtime = Builder::new().worker_threads(workers).build().unwrap();
        let watchdog = common::Watchdog::start();
        watchdog.knows(runtime.handle());
        let sum: usize = thread::scope(|scope| {
            let threads = [0, 1].map(|_| {
                let handle = runtime.handle();
                scope.spawn(move || spawn_one_at_a_time(&handle, 500))
            });
            threads.map(|t| t.join().unwrap()).iter().sum()
        });
        assert_eq!(sum, 1_000);
    }
}

fn spawn_one_at_a_time(handle: &Handle, rounds: usize) -> usize {
    let mut sum = 0;
    for _ in 0..rounds {
        spin_randomly(2_000);
        sum += block_on(handle.spawn(async {
            let child = heist::spawn(async { 1 });
            child.await.unwrap()
        }))
        .unwrap();
    }
    sum
}

#[test]
fn a_storm_of_spawns_from_foreign_threads_loses_none() {
    const EACH: usize = 5_000;
    for workers in [1, 16] {
        run_on(workers, async {
            let done = Counter::new();
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let (handle, done) = (Handle::current(), done.clone());
                    thread::spawn(move || {
                        for _ in 0..EACH {
                            let done = done.clone();
                            handle.spawn(async move {
                                if fastrand::u8(..) < 32 {
                                    heist::yield_now().await;
                                }
                                done.add();
                            });
                        }
                    })
                })
                .collect();
            done.reached(4 * EACH).await;
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(done.get(), 4 * EACH);
        });
    }
}

fn tree(depth: usize) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if depth == 0 {
            spin_randomly(100);
            return 1;
        }
        let children: Vec<_> = (0..5).map(|_| heist::spawn(tree(depth - 1))).collect();
        let mut sum = 0;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

#[test]
fn trees_of_tasks_are_stolen_and_joined_on_more_workers_than_cores() {
    for workers in [1, 2, 3, 16, 70] {
        assert_eq!(run_on(workers, tree(5)), 5_usize.pow(5));
    }
}

#[test]
fn fresh_runtimes_that_end_while_they_are_woken() {
    for round in 0..800 {
        let gate = Counter::new();
        let opener = gate.clone();
        let thread = thread::spawn(move || {
            spin_randomly(5_000);
            opener.add();
            spin_randomly(1_000);
            opener.add();
        });
        let workers = [1, 2, 16][round % 3];
        run_on(workers, async {
            for target in [1, 2, 3] {
                heist::spawn(gate.reached(target));
            }
            heist::spawn(gate.reached(1)).await.unwrap();
        });
        thread.join().unwrap();
        assert_eq!(gate.get(), 2);
    }
}

#[test]
fn random_aborts_leave_every_future_dropped_once() {
    const TASKS: usize = 3_000;
    for workers in [1, 2, 16] {
        let (made, dropped) = (Counter::new(), Counter::new());
        run_on(workers, async {
            let tasks: Vec<_> = (0..TASKS)
                .map(|_| {
                    made.add();
                    let guard = dropped.guard();
                    heist::spawn(async move {
                        let _guard = guard;
                        for _ in 0..fastrand::u8(..8) {
                            spin_randomly(50);
                            heist::yield_now().await;
                        }
                    })
                })
                .collect();
            let handles: Vec<_> = tasks.iter().map(heist::JoinHandle::abort_handle).collect();
            let aborter = thread::spawn(move || {
                handles
                    .iter()
                    .filter(|_| fastrand::bool())
                    .for_each(heist::AbortHandle::abort);
            });
            for task in tasks {
                assert!(task.await.map_or_else(|e| e.is_cancelled(), |()| true));
            }
            aborter.join().unwrap();
            assert_eq!(dropped.get(), TASKS);
        });
        assert_eq!((made.get(), dropped.get()), (TASKS, TASKS));
    }
}

#[test]
fn callers_come_and_go_while_tasks_run() {
    let watchdog = common::Watchdog::start();
    for workers in [1, 2, 16] {
        let runtime: Runtime = Builder::new().worker_threads(workers).build().unwrap();
        watchdog.knows(runtime.handle());
        let background = runtime.spawn(ring(10, 3, 3_000));
        let sum: usize = thread::scope(|scope| {
            let callers = [0, 1, 2].map(|_| {
                scope.spawn(|| {
                    let mut sum = 0;
                    for _ in 0..150 {
                        spin_randomly(3_000);
                        sum += runtime.block_on(async {
                            let task = heist::spawn(async {
                                heist::yield_now().await;
                                1
                            });
                            task.await.unwrap()
                        });
                    }
                    sum
                })
            });
            callers.map(|t| t.join().unwrap()).iter().sum()
        });
        assert_eq!(sum, 450);
        assert_eq!(runtime.block_on(background).unwrap(), 9_000);
    }
}

#[test]
fn timers_and_wakes_mixed_lose_neither() {
    run(async {
        let channel = Channel::new();
        let senders: Vec<_> = (0..50_u64)
            .map(|i| {
                let channel = channel.clone();
                heist::spawn(async move {
                    for j in 0..20 {
                        let wait = std::time::Duration::from_micros(fastrand::u64(0..300));
                        heist::time::sleep(wait).await;
                        channel.send(i * 20 + j);
                    }
                })
            })
            .collect();
        let mut sum = 0;
        for _ in 0..1_000 {
            sum += channel.receive().await;
        }
        assert_eq!(sum, 499_500);
        for sender in senders {
            sender.await.unwrap();
        }
    });
}
