//! Ten thousand fresh runtimes leave no thread, no descriptor, no memory and no future behind, and a burst of tasks no
//! memory. One test at a time, so that no neighbour disturbs the counts.

mod common;

use common::{Counter, Watchdog, one_at_a_time, run_on};
use heist::Builder;
use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{Future, pending, poll_fn};
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// The system's allocator, with the bytes in use counted.
struct Counting;

static BYTES: AtomicIsize = AtomicIsize::new(0);

// SAFETY: Every call goes to `System` with the caller's arguments, and its answer is given back unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: The caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        // SAFETY: The pointer came from `System`, through `alloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Empty,
    OneTask,
    Threads,
    Timer,
    Socket,
    SocketsAndThreads,
    Leftovers,
}

const KINDS: [Kind; 7] = [
    Kind::Empty,
    Kind::OneTask,
    Kind::Threads,
    Kind::Timer,
    Kind::Socket,
    Kind::SocketsAndThreads,
    Kind::Leftovers,
];

/// What one fresh runtime does. Every guard that it makes counts in `made`, and in `dropped` at its end.
async fn work(kind: Kind, made: Counter, dropped: Counter) {
    match kind {
        Kind::Empty => {}
        Kind::OneTask => {
            made.add();
            let guard = dropped.guard();
            heist::spawn(async move { drop(guard) }).await.unwrap();
        }
        Kind::Threads => {
            let meet = Counter::new();
            let other = meet.clone();
            let call = heist::spawn_blocking(move || other.add());
            heist::gather((0..4).map(|_| meet.reached(1))).await;
            call.await.unwrap();
        }
        Kind::Timer => heist::time::sleep(Duration::from_micros(50)).await,
        Kind::Socket => send_to_myself().await,
        Kind::SocketsAndThreads => drop(heist::gather((0..8).map(|_| send_to_myself())).await),
        Kind::Leftovers => {
            for _ in 0..10 {
                made.add();
                let guard = dropped.guard();
                heist::spawn(async move {
                    let _guard = guard;
                    pending::<()>().await;
                });
            }
            heist::yield_now().await;
        }
    }
}

async fn send_to_myself() {
    let socket = heist::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let address = socket.local_addr().unwrap();
    socket.send_to(b"to myself", address).await.unwrap();
    let mut buffer = [0; 16];
    assert_eq!(socket.recv_from(&mut buffer).await.unwrap(), (9, address));
}

/// Half of the runtimes are `run`'s own, half built with two workers.
fn run_fresh(rounds: usize, made: &Counter, dropped: &Counter) {
    for round in 0..rounds {
        for kind in KINDS {
            let work = work(kind, made.clone(), dropped.clone());
            if round % 2 == 0 {
                heist::run(work);
            } else {
                Builder::new().worker_threads(2).run(work).unwrap();
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn threads_and_descriptors() -> (usize, usize) {
    (common::process::threads(), common::process::descriptors())
}

#[cfg(not(target_os = "linux"))]
fn threads_and_descriptors() -> (usize, usize) {
    (0, 0)
}

/// No other takes over what a `Runtime` had, so nothing of it is kept.
#[cfg(target_os = "linux")]
#[test]
fn runtimes_that_were_dropped_leave_no_descriptor() {
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let before = common::process::descriptors();
    for _ in 0..20 {
        let runtime = Builder::new().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            drop(heist::gather((0..8).map(|_| send_to_myself())).await);
            // Meanwhile the thread that was called comes to rest.
            heist::time::sleep(Duration::from_millis(2)).await;
        });
        drop(runtime);
        // The thread that closes them may be the last to go.
        while common::process::descriptors() > before {
            thread::yield_now();
        }
    }
}

#[test]
fn ten_thousand_fresh_runtimes_leave_nothing_behind() {
    const ROUNDS: usize = 1_700;
    let _turn = one_at_a_time();
    let _watchdog = Watchdog::start();
    let (made, dropped) = (Counter::new(), Counter::new());
    // Fills the caches, of threads and of engines, which are meant to stay.
    run_fresh(100, &made, &dropped);
    let bytes = BYTES.load(Ordering::Relaxed);
    let (threads, descriptors) = threads_and_descriptors();

    run_fresh(ROUNDS, &made, &dropped);

    assert_eq!(made.get(), dropped.get(), "futures");
    let (threads_now, descriptors_now) = threads_and_descriptors();
    // Two caches hold at most one engine per processor each, with five descriptors each, and may have been empty before. A thread that was
    // sent away holds another for a moment.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    assert!(
        descriptors_now <= descriptors + 5 * (2 * cores + 4),
        "descriptors: {descriptors}, then {descriptors_now}"
    );
    // Threads come back to their cache a little after the run that used them.
    assert!(
        threads_now <= threads + 16,
        "threads: {threads}, then {threads_now}"
    );
    let grown = BYTES.load(Ordering::Relaxed) - bytes;
    // Less than fifty bytes for each runtime, which no leak of a task, a waker or a page could stay under.
    assert!(grown < 500_000, "{grown} bytes more than before");
}

async fn hundred_thousand_tasks_at_once() {
    let before = BYTES.load(Ordering::Relaxed);
    let tasks: Vec<_> = (0..100_000)
        .map(|_| heist::spawn(heist::yield_now()))
        .collect();
    assert!(BYTES.load(Ordering::Relaxed) - before > 6_000_000);
    for task in tasks {
        task.await.unwrap();
    }
}

/// What is in use beside `before`: far less than the tasks took. The local queue's memory is given back in steps, and a worker that
/// trimmed its pages a moment ago keeps what came back since.
fn assert_little_is_left(before: isize) {
    let left = BYTES.load(Ordering::Relaxed) - before;
    assert!(left < 3_000_000, "{left} bytes more than before");
}

#[test]
fn a_burst_of_tasks_in_one_run_leaves_no_memory_to_the_next() {
    let _turn = one_at_a_time();
    let before = BYTES.load(Ordering::Relaxed);
    heist::run(hundred_thousand_tasks_at_once());
    assert_little_is_left(before);
}

#[test]
fn a_burst_of_tasks_gives_its_memory_back_while_its_runtime_lives() {
    let _turn = one_at_a_time();
    run_on(1, async {
        let neighbour = heist::spawn(pending::<()>());
        let before = BYTES.load(Ordering::Relaxed);
        heist::spawn(hundred_thousand_tasks_at_once())
            .await
            .unwrap();
        heist::time::sleep(Duration::from_millis(1)).await;
        assert_little_is_left(before);
        neighbour.abort();
    });
}

async fn hundred_thousand_gathered_tasks_at_once() {
    let before = BYTES.load(Ordering::Relaxed);
    let futures = (0..100_000).map(|_| async {
        heist::yield_now().await;
        BYTES.load(Ordering::Relaxed)
    });
    let most = heist::gather(futures).await.into_iter().max();
    assert!(most.is_some_and(|most| most - before > 6_000_000));
}

/// The monitor gives it back, two of its ticks later.
fn wait_until_little_is_left(before: isize) {
    let _watchdog = Watchdog::start();
    while BYTES.load(Ordering::Relaxed) - before > 2_000_000 {
        thread::yield_now();
    }
}

#[test]
fn a_burst_of_gathered_tasks_gives_its_memory_back_though_nothing_happens_afterwards() {
    let _turn = one_at_a_time();
    let runtime = Builder::new().worker_threads(2).build().unwrap();
    let before = BYTES.load(Ordering::Relaxed);
    runtime.block_on(hundred_thousand_gathered_tasks_at_once());
    wait_until_little_is_left(before);
    drop(runtime);
    heist::run(hundred_thousand_gathered_tasks_at_once());
    wait_until_little_is_left(before);
}

/// Sleeps that were made at a worker, half of them polled.
async fn sleeps() -> Vec<Pin<Box<heist::time::Sleep>>> {
    let mut sleeps: Vec<_> = (0..10)
        .map(|_| Box::pin(heist::time::sleep(Duration::from_secs(3600))))
        .collect();
    poll_fn(|cx| {
        let polled = sleeps.iter_mut().step_by(2);
        assert!(
            polled
                .map(|sleep| sleep.as_mut().poll(cx))
                .all(|poll| poll.is_pending())
        );
        Poll::Ready(())
    })
    .await;
    sleeps
}

#[test]
fn sleeps_that_outlive_their_runtime_leave_nothing_behind() {
    let _turn = one_at_a_time();
    let mut before = 0;
    for round in 0..1_100 {
        if round == 100 {
            before = BYTES.load(Ordering::Relaxed);
        }
        let runtime = Builder::new().worker_threads(2).build().unwrap();
        let mut left = runtime.block_on(async { heist::spawn(sleeps()).await.unwrap() });
        // Some go elsewhere, some while the runtime ends or after it, and those of a run as well.
        left.truncate(8);
        let some = left.split_off(4);
        let elsewhere = thread::spawn(move || drop(some));
        drop(runtime);
        elsewhere.join().unwrap();
        drop(left);
        drop(heist::run(sleeps()));
    }
    let grown = BYTES.load(Ordering::Relaxed) - before;
    assert!(grown < 100_000, "{grown} bytes more than before");
}
