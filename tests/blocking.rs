//! Blocking calls, and the promise that a task which blocks its thread holds nothing else back. These are tests of
//! time: they run one at a time.

mod common;

use common::{Counter, DELIBERATE, Watchdog, median, one_at_a_time, run, run_on, turns};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::Builder;
use heist::net::TcpListener;
use heist::time::MissedTickBehavior;
use std::future::pending;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// For how long a task blocks its thread: long against what is asked of the others meanwhile.
const BLOCK: Duration = Duration::from_secs(1);

/// Worst delays that were seen while tasks blocked their threads.
#[derive(Clone, Copy, Debug)]
struct Delays {
    /// Between two ticks of a 1 ms interval in a task.
    interval: Duration,
    /// Connecting, and one byte to and fro.
    echo: Duration,
    /// From the spawn by a poll that then blocks to the first poll of the spawned task.
    spawned: Duration,
}

/// Ticks until `stop`; the longest time between two ticks.
async fn worst_gap(stop: Arc<AtomicBool>, ticks: Counter) -> Duration {
    let mut interval = heist::time::interval(Duration::from_millis(1));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut worst = Duration::ZERO;
    interval.tick().await;
    let mut last = Instant::now();
    while !stop.load(Ordering::SeqCst) {
        interval.tick().await;
        worst = worst.max(last.elapsed());
        last = Instant::now();
        ticks.add();
    }
    worst
}

/// Serves one byte a connection.
async fn serve_echo(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        heist::spawn(async move {
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            stream.write_all(&byte).await.unwrap();
        });
    }
}

/// Connects again and again, on a thread that is not the runtime's; the longest that one echo took.
fn worst_echo(address: SocketAddr, stop: &AtomicBool, rounds: &Counter) -> Duration {
    let mut worst = Duration::ZERO;
    while !stop.load(Ordering::SeqCst) {
        let start = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"?").unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"?");
        worst = worst.max(start.elapsed());
        rounds.add();
        // A client's pace; a tight loop would measure its own load.
        thread::sleep(Duration::from_millis(1));
    }
    worst
}

/// Spawns a task, blocks, and only then suspends; how long the spawned task had to wait.
async fn spawn_and_block() -> Duration {
    let start = Instant::now();
    let child = heist::spawn(async move { start.elapsed() });
    thread::sleep(BLOCK);
    child.await.unwrap()
}

async fn delays_with(blockers: usize) -> Delays {
    let stop = Arc::new(AtomicBool::new(false));
    let (ticks, rounds) = (Counter::new(), Counter::new());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    heist::spawn(serve_echo(listener));
    let ticker = heist::spawn(worst_gap(Arc::clone(&stop), ticks.clone()));
    let client = thread::spawn({
        let (stop, rounds) = (Arc::clone(&stop), rounds.clone());
        move || worst_echo(address, &stop, &rounds)
    });
    ticks.reached(5).await;
    rounds.reached(5).await;
    let blockers: Vec<_> = (0..blockers)
        .map(|_| heist::spawn(spawn_and_block()))
        .collect();
    // In a task, so that it is over at once even when the root's own thread is the blocked one.
    let spawned = heist::spawn(async move {
        let mut worst = Duration::ZERO;
        for blocker in blockers {
            worst = worst.max(blocker.await.unwrap());
        }
        stop.store(true, Ordering::SeqCst);
        worst
    });
    let spawned = spawned.await.unwrap();
    let interval = ticker.await.unwrap();
    let echo = heist::spawn_blocking(|| client.join().unwrap())
        .await
        .unwrap();
    Delays {
        interval,
        echo,
        spawned,
    }
}

/// The medians of five runs, each a fresh runtime.
fn median_delays(workers: usize, blockers: usize) -> Delays {
    let all: Vec<_> = (0..5)
        .map(|_| run_on(workers, delays_with(blockers)))
        .collect();
    let of = |field: fn(&Delays) -> Duration| median(all.iter().map(field).collect());
    Delays {
        interval: of(|d| d.interval),
        echo: of(|d| d.echo),
        spawned: of(|d| d.spawned),
    }
}

#[test]
fn one_blocked_worker_of_two_holds_back_neither_timers_nor_sockets_nor_what_it_spawned() {
    let _turn = one_at_a_time();
    let limit = Duration::from_millis(30);
    let delays = median_delays(2, 1);
    assert!(
        delays.interval <= limit && delays.echo <= limit && delays.spawned <= limit,
        "{delays:?}"
    );
}

#[test]
fn with_every_worker_blocked_a_queued_task_still_runs_soon() {
    let _turn = one_at_a_time();
    let limit = Duration::from_millis(50);
    for workers in [1, 2] {
        let delays = median_delays(workers, workers);
        assert!(
            delays.interval <= limit && delays.echo <= limit && delays.spawned <= limit,
            "{workers} workers: {delays:?}"
        );
    }
}

#[test]
fn one_blocked_worker_without_a_reactor_or_a_second_thread_is_noticed_too() {
    let _turn = one_at_a_time();
    let all = (0..5).map(|_| run_on(1, async { heist::spawn(spawn_and_block()).await.unwrap() }));
    let waited = median(all.collect());
    assert!(waited <= Duration::from_millis(50), "waited {waited:?}");
}

/// Spawns four blocking tasks one after another from a root that ticks; how often that root stalled.
async fn stalls_of_the_root() -> usize {
    let block = || heist::spawn(async { thread::sleep(Duration::from_millis(60)) });
    let mut interval = heist::time::interval(Duration::from_millis(1));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.tick().await;
    let (mut stalls, mut left, mut blocked) = (0, 4, block());
    let mut last = Instant::now();
    while left > 0 {
        interval.tick().await;
        stalls += usize::from(last.elapsed() > Duration::from_millis(40));
        last = Instant::now();
        if blocked.is_finished() {
            left -= 1;
            blocked = block();
        }
    }
    stalls
}

#[test]
fn a_root_whose_thread_was_blocked_goes_on_as_a_guest_and_stalls_no_more() {
    let _turn = one_at_a_time();
    let stalls = median((0..5).map(|_| run_on(2, stalls_of_the_root())).collect());
    assert!(stalls <= 1, "{stalls} stalls");
}

#[test]
fn a_caller_that_runs_no_tasks_never_waits_behind_one() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let builder = || Builder::new().worker_threads(2).caller_runs_tasks(false);
    let stalls = (0..5).map(|_| builder().run(stalls_of_the_root()).unwrap());
    assert_eq!(median(stalls.collect()), 0);
    let caller = thread::current().id();
    let others = builder().run(async {
        let threads = heist::gather((0..100).map(|_| async { thread::current().id() })).await;
        let spawned = heist::spawn(async { thread::current().id() })
            .await
            .unwrap();
        assert_eq!(thread::current().id(), caller);
        threads.into_iter().chain([spawned]).all(|id| id != caller)
    });
    assert!(others.unwrap());
}

#[test]
fn block_in_place_gives_the_worker_away_and_stays_on_its_thread() {
    let _turn = one_at_a_time();
    for workers in [1, 2] {
        run_on(workers, async {
            block_until_a_task_says_so();
            heist::spawn(async {
                block_until_a_task_says_so();
                turns(2).await;
                block_until_a_task_says_so();
            })
            .await
            .unwrap();
        });
    }
}

/// Hangs unless the task that was queued behind the caller runs somewhere else.
fn block_until_a_task_says_so() {
    let thread = thread::current().id();
    let (send, receive) = mpsc::channel();
    heist::spawn(async move { send.send(7).unwrap() });
    let value = heist::block_in_place(|| {
        assert_eq!(thread::current().id(), thread);
        receive.recv().unwrap()
    });
    assert_eq!(value, 7);
}

#[test]
fn the_rest_of_a_poll_after_block_in_place_can_spawn_and_sleep() {
    let _turn = one_at_a_time();
    run_on(1, async {
        let task = heist::spawn(async {
            heist::block_in_place(|| heist::block_in_place(|| ()));
            let child = heist::spawn(async { 1 });
            heist::time::sleep(Duration::from_millis(1)).await;
            child.await.unwrap()
        });
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn a_blocking_call_leaves_the_only_worker_free_and_is_inside_the_runtime() {
    let _turn = one_at_a_time();
    run_on(1, async {
        let (send, receive) = mpsc::channel::<i32>();
        let caller = thread::current().id();
        let call = heist::spawn_blocking(move || {
            let task = heist::spawn(async { 2 });
            assert_ne!(thread::current().id(), caller);
            receive.recv().unwrap() + futures_lite::future::block_on(task).unwrap()
        });
        turns(3).await;
        send.send(1).unwrap();
        assert_eq!(call.await.unwrap(), 3);
    });
}

#[test]
fn a_thousand_blocking_calls_all_return() {
    let _turn = one_at_a_time();
    run(async {
        let calls: Vec<_> = (0..1_000)
            .map(|i| heist::spawn_blocking(move || i))
            .collect();
        let values = heist::gather(calls).await.into_iter().map(Result::unwrap);
        assert_eq!(values.sum::<usize>(), 499_500);
    });
}

#[test]
fn a_hundred_blocking_calls_run_at_the_same_time() {
    let _turn = one_at_a_time();
    run(async {
        let inside = Counter::new();
        let calls = (0..100).map(|_| {
            let inside = inside.clone();
            heist::spawn_blocking(move || {
                inside.add();
                inside.wait(100);
            })
        });
        let results = heist::gather(calls.collect::<Vec<_>>()).await;
        assert!(results.iter().all(Result::is_ok));
    });
}

#[test]
fn no_more_blocking_calls_run_at_once_than_allowed() {
    let _turn = one_at_a_time();
    let watchdog = Watchdog::start();
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let result = Builder::new().max_blocking_threads(4).run(async {
        watchdog.knows_current();
        let met = Counter::new();
        let calls = (0..100).map(|_| {
            let (inside, most, met) = (Arc::clone(&inside), Arc::clone(&most), met.clone());
            heist::spawn_blocking(move || {
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                // The first four have to be there together.
                met.add();
                met.wait(4);
                inside.fetch_sub(1, Ordering::SeqCst);
            })
        });
        let results = heist::gather(calls.collect::<Vec<_>>()).await;
        assert!(results.iter().all(Result::is_ok));
    });
    result.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

/// Released by a task, because it may be the root's own thread that is blocked.
#[test]
fn a_task_blocked_for_long_does_not_keep_the_others_from_finishing() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let (release, wait) = mpsc::channel::<()>();
        let stuck = heist::spawn(async move { wait.recv().is_err() });
        let stuck_state = stuck.abort_handle();
        let others = heist::spawn(async move {
            let children = heist::gather((0..1_000).map(|i| async move {
                heist::yield_now().await;
                i
            }));
            let sum: usize = children.await.into_iter().sum();
            let still_stuck = !stuck_state.is_finished();
            drop(release);
            (sum, still_stuck)
        });
        assert_eq!(others.await.unwrap(), (499_500, true));
        assert!(stuck.await.unwrap());
    });
}

#[test]
fn a_panic_in_block_in_place_passes_through_and_the_worker_is_found_again() {
    let _turn = one_at_a_time();
    common::quiet_panics();
    run_on(1, async {
        let task = heist::spawn(async {
            heist::block_in_place(|| panic!("{DELIBERATE}"));
            pending::<()>().await;
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(heist::spawn(async { 1 }).await.unwrap(), 1);
    });
}
