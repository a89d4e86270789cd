//! What is left of a runtime that is gone: whatever is done with it answers at once, and says why.

mod common;

use common::{Counter, Watchdog, panic_of};
use futures_lite::future::block_on;
use heist::io::Async;
use heist::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use heist::time::{interval, sleep, timeout};
use heist::{Builder, Handle, JoinSet, Runtime};
use std::future::{pending, ready};
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Handles of runtimes that are gone: of a `run`, and of a runtime that was dropped, given up or left behind.
fn gone() -> Vec<Handle> {
    let fresh = || Builder::new().worker_threads(1).build().unwrap();
    let endings: [fn(Runtime); 3] = [drop, Runtime::shutdown_background, |runtime| {
        runtime.shutdown_timeout(HOUR)
    }];
    let ended = endings.map(|end| {
        let runtime = fresh();
        let handle = runtime.handle();
        end(runtime);
        handle
    });
    let of_run = heist::run(async { Handle::current() });
    ended.into_iter().chain([of_run]).collect()
}

#[track_caller]
fn ended<T>(result: io::Result<T>) {
    let error = result.err().expect("the runtime has ended");
    assert!(error.to_string().contains("has ended"), "{error}");
}

#[track_caller]
fn panics_as_ended<R>(f: impl FnOnce() -> R) {
    let panic = panic_of(f);
    assert!(panic.message.contains("has ended"), "{}", panic.message);
}

#[test]
fn spawning_on_a_runtime_that_is_gone_is_cancelled_at_once() {
    let _watchdog = Watchdog::start();
    for handle in gone() {
        let dropped = Counter::new();
        let guard = dropped.guard();
        let task = handle.spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        assert!(task.is_finished());
        assert_eq!(dropped.get(), 1);
        assert!(block_on(task).unwrap_err().is_cancelled());
        let guard = dropped.guard();
        let call = handle.spawn_blocking(move || drop(guard));
        assert_eq!(dropped.get(), 2);
        assert!(block_on(call).unwrap_err().is_cancelled());
        assert_eq!(handle.metrics().live_tasks(), 0);
        assert!(!handle.dump().is_empty());
    }
}

#[test]
fn block_on_a_runtime_that_is_gone_drives_its_root_and_nothing_else() {
    let _watchdog = Watchdog::start();
    for handle in gone() {
        let result = handle.block_on(async {
            heist::yield_now().await;
            let task = heist::spawn(async {}).await;
            let call = heist::spawn_blocking(|| ()).await;
            task.unwrap_err().is_cancelled() && call.unwrap_err().is_cancelled()
        });
        assert!(result);
        let group = panic_of(|| handle.block_on(heist::gather([ready(1)])));
        assert!(!group.message.is_empty());
        handle.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(async {});
            let result = set.join_next().await.unwrap();
            assert!(result.unwrap_err().is_cancelled());
        });
        assert_eq!(handle.block_on(async { heist::block_in_place(|| 4) }), 4);
        panics_as_ended(|| handle.block_on(sleep_of(HOUR)));
        handle.block_on(sleep_of(Duration::ZERO));
    }
}

async fn sleep_of(time: Duration) {
    sleep(time).await;
}

#[test]
fn timers_of_a_runtime_that_is_gone_panic_with_a_reason_instead_of_waiting() {
    let _watchdog = Watchdog::start();
    for handle in gone() {
        let _guard = handle.enter();
        panics_as_ended(|| block_on(sleep(HOUR)));
        let mut again = pin!(sleep(HOUR));
        panics_as_ended(|| block_on(again.as_mut()));
        panics_as_ended(|| block_on(again.as_mut()));
        panics_as_ended(|| block_on(timeout(HOUR, pending::<()>())).is_err());
        // What needs no waiting gives its value.
        assert_eq!(block_on(timeout(HOUR, ready(1))), Ok(1));
        let mut ticks = interval(HOUR);
        block_on(ticks.tick());
        panics_as_ended(|| block_on(ticks.tick()));
    }
    // Made while it lived, and waited for already.
    let mut ticks = heist::run(async {
        let mut ticks = interval(HOUR);
        ticks.tick().await;
        assert!(
            timeout(Duration::from_millis(1), ticks.tick())
                .await
                .is_err()
        );
        ticks
    });
    panics_as_ended(|| heist::run(ticks.tick()));
}

#[test]
fn sockets_of_a_runtime_that_is_gone_are_errors() {
    let _watchdog = Watchdog::start();
    for handle in gone() {
        let _guard = handle.enter();
        ended(block_on(TcpListener::bind(LOCAL)));
        ended(block_on(UdpSocket::bind(LOCAL)));
        let listener = std::net::TcpListener::bind(LOCAL).unwrap();
        ended(block_on(TcpStream::connect(listener.local_addr().unwrap())));
        assert!(block_on(lookup_host("localhost:1")).is_err());
        ended(TcpListener::from_std(listener));
        ended(Async::new(std::net::UdpSocket::bind(LOCAL).unwrap()));
        #[cfg(unix)]
        ended(heist::net::UnixStream::pair());
    }
}

#[test]
fn an_enter_guard_of_a_runtime_that_is_gone_shows_it_and_keeps_nothing_alive() {
    let _watchdog = Watchdog::start();
    for handle in gone() {
        let guard = handle.enter();
        assert!(Handle::try_current().is_ok());
        assert!(block_on(heist::spawn(async {})).unwrap_err().is_cancelled());
        // Another runtime may be entered from here.
        assert_eq!(
            heist::run(async { heist::spawn(async { 1 }).await }).unwrap(),
            1
        );
        drop(guard);
        assert!(Handle::try_current().is_err());
    }
}
