//! Who waits for a runtime to end uses no processor time. One test, so that no neighbour disturbs the measurement.
#![cfg(target_os = "linux")]

mod common;

use common::{Counter, Watchdog, process};
use heist::Builder;
use std::future::poll_fn;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

/// Its drop begins, and ends when it is let go.
struct LongDrop {
    begun: Counter,
    let_go: Counter,
}

impl Drop for LongDrop {
    fn drop(&mut self) {
        self.begun.add();
        self.let_go.wait(1);
    }
}

/// A task is pending when its runtime ends, is woken by another thread, and then is being dropped for a long time.
#[test]
fn waiting_for_the_last_task_to_be_dropped_does_not_spin() {
    let watchdog = Watchdog::start();
    let runtime = Builder::new().worker_threads(1).build().unwrap();
    watchdog.knows(runtime.handle());
    let (begun, let_go) = (Counter::new(), Counter::new());
    let held = LongDrop {
        begun: begun.clone(),
        let_go: let_go.clone(),
    };
    let (left, wakers) = mpsc::channel();
    let polling = Counter::new();
    let says = polling.clone();
    runtime.spawn(async move {
        let _held = held;
        poll_fn(|cx| {
            says.add();
            // Long enough that the runtime begins to end meanwhile.
            thread::sleep(Duration::from_millis(100));
            left.send(cx.waker().clone()).unwrap();
            Poll::<()>::Pending
        })
        .await;
    });
    let (release, wait) = mpsc::channel::<()>();
    runtime.spawn_blocking(move || wait.recv().is_err());
    polling.wait(1);
    let closer = thread::spawn(move || drop(runtime));
    let waker = wakers.recv().unwrap();
    // Everyone comes to rest before the wake.
    thread::sleep(Duration::from_millis(50));
    let foreign = thread::spawn(move || waker.wake());
    begun.wait(1);
    drop(release);
    thread::sleep(Duration::from_millis(50));

    let before = process::processor_time();
    thread::sleep(Duration::from_millis(500));
    let used = process::processor_time().saturating_sub(before);
    let_go.add();
    closer.join().unwrap();
    foreign.join().unwrap();
    assert!(used < Duration::from_millis(50), "used {used:?} in 0.5 s");
}
