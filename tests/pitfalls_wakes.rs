//! Pitfalls of waking: see the table in `pitfalls.rs`. These count wakes and moves between threads, so they run one at a
//! time.

mod common;

use common::{Counter, Watchdog, compute_for, one_at_a_time, run_on};
use futures_lite::future::block_on;
use heist::net::UdpSocket;
use heist::{Builder, Handle, Runtime};
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Spawns two tasks and computes for a moment: which of them began before that was over, unless it is so long ago that this
/// task was spawned that its worker may pass for stuck.
async fn began_meanwhile(spawned: Instant) -> Option<[bool; 2]> {
    let start = Instant::now();
    let begun = [Counter::new(), Counter::new()];
    // The second task gets the next slot, and the first one has to go to the queue.
    let tasks = begun
        .clone()
        .map(|begun| heist::spawn(async move { begun.add() }));
    while start.elapsed() < Duration::from_millis(2) && begun[1].get() == 0 {
        compute_for(Duration::from_micros(20));
    }
    let meanwhile = begun.map(|begun| begun.get() > 0);
    let is_valid = spawned.elapsed() < Duration::from_millis(10);
    heist::gather(tasks).await;
    is_valid.then_some(meanwhile)
}

#[test]
fn what_runs_next_is_not_stolen_from_a_worker_that_is_not_stuck() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let (mut thefts, mut rounds) = (0, 0);
        // Until a thief was there often enough.
        while thefts < 20 && rounds < 1_000 {
            rounds += 1;
            let round = heist::spawn(began_meanwhile(Instant::now())).await.unwrap();
            let [queued, next] = round.unwrap_or_default();
            thefts += usize::from(queued);
            assert!(!next, "stolen in round {rounds}");
        }
    });
}

/// The worker that waited in the poller gets a long task from there, while the other one is parked.
#[test]
fn what_was_taken_from_a_worker_that_is_stuck_is_woken_once_more_by_the_same_poll() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let (sender, receiver) = async_channel::unbounded();
        let got = Counter::new();
        let seen = got.clone();
        let receiving = heist::spawn(async move {
            while receiver.recv().await.is_ok() {
                seen.add();
            }
        });
        let sending = heist::spawn(async move {
            heist::yield_now().await;
            for sent in 1..=3 {
                sender.try_send(()).unwrap();
                // Each time it goes into the next slot, from where only the monitor takes it.
                while got.get() < sent {
                    compute_for(Duration::from_micros(100));
                }
                // It waits again by now, as well as can be told.
                compute_for(Duration::from_millis(1));
            }
        });
        sending.await.unwrap();
        receiving.await.unwrap();
    });
}

#[test]
fn timers_and_sockets_are_attended_to_beside_a_task_that_computes() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let socket = UdpSocket::bind(LOCAL).await.unwrap();
        let address = socket.local_addr().unwrap();
        let (begun, served) = (Counter::new(), Counter::new());
        let (ticks, packets) = (served.clone(), served.clone());
        let ticker = heist::spawn(async move {
            heist::time::sleep(Duration::from_millis(30)).await;
            ticks.add();
        });
        let receiver = heist::spawn(async move {
            socket.recv(&mut [0]).await.unwrap();
            packets.add();
        });
        let go = begun.clone();
        let sender = thread::spawn(move || {
            go.wait(1);
            let sender = std::net::UdpSocket::bind(LOCAL).unwrap();
            sender.send_to(b"x", address).unwrap();
        });
        // One poll, which ends when both were served: by the other worker.
        let computing = heist::spawn(async move {
            heist::time::sleep(Duration::from_millis(15)).await;
            begun.add();
            while served.get() < 2 {
                compute_for(Duration::from_micros(100));
            }
        });
        for task in [ticker, receiver, computing] {
            task.await.unwrap();
        }
        sender.join().unwrap();
    });
}

/// Pending once, and woken by a thread while a nested runtime runs on its own.
async fn woken_during_a_nested_run() {
    let mut polls = 0;
    poll_fn(move |cx| {
        polls += 1;
        if polls == 2 {
            return Poll::Ready(());
        }
        let (waker, woken) = (cx.waker().clone(), Counter::new());
        let says = woken.clone();
        heist::block_in_place(|| {
            heist::run(async {
                let thread = thread::spawn(move || {
                    waker.wake();
                    says.add();
                });
                // Sleeps on this thread, where the wake arrives.
                woken.reached(1).await;
                heist::time::sleep(Duration::from_millis(1)).await;
                thread.join().unwrap();
            });
        });
        Poll::Pending
    })
    .await;
}

#[test]
fn a_wake_that_arrives_during_a_nested_run_is_not_swallowed() {
    let _turn = one_at_a_time();
    for workers in [1, 2] {
        for _ in 0..20 {
            run_on(workers, async {
                woken_during_a_nested_run().await;
                heist::spawn(woken_during_a_nested_run()).await.unwrap();
            });
        }
    }
}

#[test]
fn a_thread_that_user_code_parks_and_unparks_loses_neither_its_token_nor_a_wake() {
    let _turn = one_at_a_time();
    run_on(1, async {
        for _ in 0..50 {
            let root = thread::current();
            // The user's token is there before heist puts this thread to sleep, again and again.
            root.unpark();
            let opened = Counter::new();
            let opener = opened.clone();
            let foreign = thread::spawn(move || {
                opener.add();
                root.unpark();
            });
            opened.reached(1).await;
            heist::time::sleep(Duration::from_micros(100)).await;
            foreign.join().unwrap();
            // Hangs if heist has used it up.
            heist::block_in_place(thread::park);
        }
    });
}

/// A runtime of that many workers, each with a thread that sleeps.
fn asleep(workers: usize, watchdog: &Watchdog) -> Runtime {
    let builder = Builder::new().worker_threads(workers);
    let runtime = builder
        .thread_keep_alive(Duration::from_secs(3600))
        .build()
        .unwrap();
    watchdog.knows(runtime.handle());
    let (met, parked) = (Counter::new(), |handle: &Handle| {
        let metrics = handle.metrics();
        metrics.parks().saturating_sub(metrics.wakeups())
    });
    for _ in 0..workers {
        let met = met.clone();
        runtime.spawn(async move {
            met.add();
            while met.get() < workers {
                compute_for(Duration::from_micros(50));
            }
        });
    }
    met.wait(workers);
    while parked(&runtime.handle()) < workers as u64 {
        thread::sleep(Duration::from_millis(1));
    }
    runtime
}

#[test]
fn one_event_wakes_one_worker_and_no_herd() {
    const EVENTS: u64 = 100;
    let _turn = one_at_a_time();
    let watchdog = Watchdog::start();
    let runtime = asleep(8, &watchdog);
    let before = runtime.handle().metrics().wakeups();
    for _ in 0..EVENTS {
        block_on(runtime.spawn(async {})).unwrap();
    }
    let woken = runtime.handle().metrics().wakeups() - before;
    assert!(
        woken <= EVENTS + EVENTS / 10,
        "{woken} wake-ups for {EVENTS} events"
    );
}
