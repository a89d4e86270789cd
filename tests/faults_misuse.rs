//! Uses that nobody should make of it, all of them possible in safe code: an answer, or an ordinary panic; never a hang.

mod common;

use common::{Counter, Watchdog, panic_of, poll_once, run, run_on, turns};
use futures_lite::future::block_on;
use heist::net::UdpSocket;
use heist::time::{interval, sleep};
use heist::{Builder, Handle, JoinHandle, JoinSet, Runtime};
use std::cell::RefCell;
use std::future::pending;
use std::io::ErrorKind;
use std::mem::forget;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn settings_that_no_runtime_can_have_are_errors() {
    let _watchdog = Watchdog::start();
    let settings = [
        Builder::new().worker_threads(0),
        Builder::new().worker_threads(usize::MAX),
        Builder::new().worker_threads(usize::MAX / 2 + 1),
        Builder::new().worker_threads(1 << 30),
        Builder::new().max_blocking_threads(0),
        Builder::new().thread_name("a\0b"),
    ];
    for builder in settings {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().starts_with("heist::Builder::"), "{error}");
    }
}

#[test]
fn extreme_settings_work() {
    let _watchdog = Watchdog::start();
    let settings = [
        Builder::new().max_blocking_threads(usize::MAX),
        Builder::new().thread_keep_alive(Duration::ZERO),
        Builder::new().thread_keep_alive(Duration::MAX),
        Builder::new().thread_stack_size(64 << 10),
        Builder::new()
            .slow_poll_threshold(Duration::MAX)
            .debug(true),
        Builder::new().thread_name("a name longer than any system keeps of it"),
        Builder::new().worker_threads(1_000),
    ];
    for builder in settings {
        let runtime = builder.build().unwrap();
        let sum = runtime.block_on(async {
            let (task, call) = (heist::spawn(async { 1 }), heist::spawn_blocking(|| 2));
            heist::gather([task, call])
                .await
                .into_iter()
                .map(Result::unwrap)
                .sum::<i32>()
        });
        assert_eq!(sum, 3);
    }
}

#[test]
fn a_stack_that_no_thread_can_have_is_an_error_of_build_and_costs_a_run_its_threads_only() {
    let _watchdog = Watchdog::start();
    let builder = || {
        Builder::new()
            .worker_threads(2)
            .thread_stack_size(usize::MAX)
    };
    assert!(builder().build().is_err());
    let sum = builder().run(async {
        let (one, two) = (heist::spawn(async { 1 }), heist::spawn(async { 2 }));
        heist::block_in_place(|| ());
        one.await.unwrap() + two.await.unwrap() + heist::spawn_blocking(|| 3).await.unwrap()
    });
    assert_eq!(sum.unwrap(), 6);
}

#[test]
fn thread_hooks_may_use_runtimes() {
    let watchdog = Watchdog::start();
    let (started, stopped) = (Counter::new(), Counter::new());
    let (says_start, says_stop) = (started.clone(), stopped.clone());
    let nested = || heist::run(async { heist::spawn(async { 1 }).await.unwrap() });
    let builder = Builder::new()
        .worker_threads(2)
        .on_thread_start(move || {
            // A hook is inside of the runtime, and may not block.
            heist::spawn(async {});
            assert!(
                panic_of(nested)
                    .message
                    .contains("from inside a running runtime")
            );
            says_start.add();
        })
        .on_thread_stop(move || {
            heist::spawn(async {});
            says_stop.add();
        });
    let runtime = builder.build().unwrap();
    watchdog.knows(runtime.handle());
    assert_eq!(
        runtime.block_on(async { heist::spawn(async { 5 }).await.unwrap() }),
        5
    );
    assert_eq!(block_on(runtime.spawn(async { 6 })).unwrap(), 6);
    drop(runtime);
    assert_eq!(started.get(), stopped.get());
    assert!(started.get() > 0);
}

fn nest(depth: usize) -> usize {
    heist::run(async move {
        let task = heist::spawn(async move {
            if depth == 0 {
                return 0;
            }
            heist::block_in_place(move || nest(depth - 1)) + 1
        });
        let sum = task.await.unwrap();
        // It is this runtime again.
        heist::spawn(async {}).await.unwrap();
        sum
    })
}

#[test]
fn runs_are_nested_deeper_than_anybody_should() {
    let _watchdog = Watchdog::start();
    common::with_large_stack(|| assert_eq!(nest(30), 30));
}

struct RunsWhenDropped(Handle, Counter);

impl Drop for RunsWhenDropped {
    fn drop(&mut self) {
        self.1.add();
        assert!(block_on(self.0.spawn(async {})).unwrap_err().is_cancelled());
        assert_eq!(heist::block_in_place(|| heist::run(async { 2 })), 2);
    }
}

#[test]
fn a_future_may_use_runtimes_while_it_is_dropped_at_the_end_of_its_own() {
    let _watchdog = Watchdog::start();
    let dropped = Counter::new();
    for workers in [1, 2] {
        let runtime = Builder::new().worker_threads(workers).build().unwrap();
        let held = RunsWhenDropped(runtime.handle(), dropped.clone());
        let task = runtime.spawn(async move {
            let _held = held;
            pending::<()>().await;
        });
        runtime.block_on(turns(3));
        drop(runtime);
        assert!(block_on(task).unwrap_err().is_cancelled());
    }
    assert_eq!(dropped.get(), 2);
}

#[test]
fn a_task_that_awaits_itself_ends_with_its_run() {
    let dropped = Counter::new();
    let guard = dropped.guard();
    run(async move {
        let own: Arc<Mutex<Option<JoinHandle<()>>>> = Arc::default();
        let mine = Arc::clone(&own);
        let task = heist::spawn(async move {
            let _guard = guard;
            heist::yield_now().await;
            let own = common::lock(&mine).take().unwrap();
            let _ = own.await;
        });
        *common::lock(&own) = Some(task);
        turns(10).await;
    });
    assert_eq!(dropped.get(), 1);
}

#[test]
fn what_is_forgotten_in_the_middle_of_its_use_keeps_nobody_waiting() {
    for workers in [1, 2] {
        run_on(workers, async {
            let mut timer = Box::pin(sleep(HOUR));
            assert!(poll_once(timer.as_mut()).is_pending());
            forget(timer);
            let mut group = Box::pin(heist::gather((0..10).map(|_| pending::<()>())));
            assert!(poll_once(group.as_mut()).is_pending());
            forget(group);
            let mut set = JoinSet::new();
            set.spawn(pending::<()>());
            forget(set);
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let socket: &'static UdpSocket = Box::leak(Box::new(socket));
            let mut receive = Box::pin(async { socket.recv(&mut [0]).await });
            assert!(poll_once(receive.as_mut()).is_pending());
            forget(receive);
            forget(heist::spawn(pending::<()>()));
            let mut ticks = interval(HOUR);
            ticks.tick().await;
            assert!(poll_once(pin!(ticks.tick())).is_pending());
            forget(ticks);
            turns(5).await;
        });
    }
}

#[test]
fn futures_polled_once_too_often_panic_and_the_runtime_goes_on() {
    run(async {
        let mut task = pin!(heist::spawn(async { 1 }));
        assert_eq!(task.as_mut().await.unwrap(), 1);
        panic_of(|| poll_once(task.as_mut()));
        let mut group = pin!(heist::gather([async { 1 }]));
        assert_eq!(group.as_mut().await, [1]);
        panic_of(|| poll_once(group.as_mut()));
        // A sleep stays ready.
        let mut timer = pin!(sleep(Duration::ZERO));
        timer.as_mut().await;
        timer.as_mut().await;
        assert_eq!(heist::spawn(async { 2 }).await.unwrap(), 2);
    });
}

thread_local! {
    static KEPT: RefCell<Option<Runtime>> = const { RefCell::new(None) };
}

#[test]
fn a_runtime_in_a_thread_local_ends_with_its_thread() {
    let _watchdog = Watchdog::start();
    let dropped = Counter::new();
    let guard = dropped.guard();
    let thread = thread::spawn(move || {
        let runtime = Builder::new().worker_threads(2).build().unwrap();
        let task = runtime.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        runtime.block_on(async { sleep(Duration::from_millis(1)).await });
        drop(task);
        KEPT.set(Some(runtime));
    });
    thread.join().unwrap();
    assert_eq!(dropped.get(), 1);
}
