//! What costs nothing: a run that needs nothing, and a runtime that waits. One test, so that no neighbour disturbs
//! the counts.
#![cfg(target_os = "linux")]

mod common;

use common::{Counter, Watchdog, process};
use heist::net::{TcpListener, UdpSocket};
use heist::{Builder, Runtime};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

#[test]
fn idle_costs_nothing() {
    let watchdog = Watchdog::start();
    an_empty_run_creates_no_thread_and_no_descriptor();
    for workers in [1, 2, 8] {
        let runtime = Builder::new().worker_threads(workers).build().unwrap();
        watchdog.knows(runtime.handle());
        a_waiting_runtime_uses_no_processor_time_and_never_wakes_up(&runtime);
    }
}

fn an_empty_run_creates_no_thread_and_no_descriptor() {
    let look = || (process::threads(), process::descriptors());
    let before = look();
    for _ in 0..100 {
        assert_eq!(heist::run(async { look() }), before);
        let inside = Builder::new().worker_threads(8).run(async { look() });
        assert_eq!(inside.unwrap(), before);
    }
    assert_eq!(look(), before);
}

/// Sockets that nobody sends to, and a timer that is far away; the addresses of the sockets go to `ready`.
async fn wait_for_packets(ready: mpsc::Sender<Vec<SocketAddr>>, received: Counter) {
    let mut addresses = Vec::new();
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    heist::spawn(async move { listener.accept().await.is_ok() });
    heist::spawn(heist::time::sleep(Duration::from_secs(3600)));
    for _ in 0..50 {
        let socket = UdpSocket::bind(LOCAL).await.unwrap();
        addresses.push(socket.local_addr().unwrap());
        let received = received.clone();
        heist::spawn(async move {
            let mut buffer = [0; 8];
            socket.recv(&mut buffer).await.unwrap();
            received.add();
        });
    }
    // Some work for every worker, after which they have to come to rest.
    heist::gather((0..1_000).map(|_| heist::yield_now())).await;
    ready.send(addresses).unwrap();
    received.reached(50).await;
}

fn a_waiting_runtime_uses_no_processor_time_and_never_wakes_up(runtime: &Runtime) {
    let received = Counter::new();
    let (ready, addresses) = mpsc::channel();
    let windows = thread::scope(|scope| {
        let root = scope.spawn(|| runtime.block_on(wait_for_packets(ready, received.clone())));
        let addresses = addresses.recv().unwrap();
        // The monitor looks on for a while after the last activity, and then rests as well.
        thread::sleep(Duration::from_millis(400));
        let mut windows = vec![a_second()];
        // A busy machine adds to it: what is always there counts.
        while windows.len() < 5 && !windows.last().is_some_and(is_rest) {
            windows.push(a_second());
        }
        // It was waiting, not dead.
        let sender = std::net::UdpSocket::bind(LOCAL).unwrap();
        for address in addresses {
            sender.send_to(b"now", address).unwrap();
        }
        root.join().unwrap();
        windows
    });
    assert!(windows.iter().any(is_rest), "{windows:?}");
    assert_eq!(received.get(), 50);
}

/// The processor time that the process uses in a second, and how often its other threads wake up.
fn a_second() -> (Duration, u64) {
    let look = || {
        (
            process::processor_time(),
            process::sleeps_of_other_threads(),
        )
    };
    let before = look();
    thread::sleep(Duration::from_secs(1));
    let after = look();
    (after.0.saturating_sub(before.0), after.1 - before.1)
}

fn is_rest((used, woken): &(Duration, u64)) -> bool {
    *used < Duration::from_millis(5) && *woken <= 3
}
