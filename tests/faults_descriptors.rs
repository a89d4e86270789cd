//! A process that has used up its descriptors. Each test is a process of its own.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod common;

use common::limits::{Descriptors, is_exhausted};
use common::{Counter, Watchdog, child, process};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// More than what a test's process has open by itself.
const LIMIT: u64 = 64;
const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

#[track_caller]
fn exhausted<T>(result: io::Result<T>) {
    let error = result.err().expect("there is no descriptor left");
    assert!(is_exhausted(&error), "{error:?}");
}

/// Binds as soon as there are enough descriptors, which it gives back one by one.
async fn bind_with_ever_more(held: &mut Descriptors) -> TcpListener {
    for _ in 0..20 {
        let open = process::descriptors_without_look();
        match TcpListener::bind(LOCAL).await {
            Ok(listener) => return listener,
            Err(error) => assert!(is_exhausted(&error), "{error:?}"),
        }
        assert_eq!(
            process::descriptors_without_look(),
            open,
            "left open by the attempt"
        );
        held.give_back(1);
    }
    panic!("no socket though there are descriptors");
}

#[test]
fn the_first_socket_without_descriptors_is_an_error_and_a_later_one_works() {
    let this = "the_first_socket_without_descriptors_is_an_error_and_a_later_one_works";
    if !child::enter(this, &[]) {
        return;
    }
    let watchdog = Watchdog::start();
    let std_socket = std::net::UdpSocket::bind(LOCAL).unwrap();
    let mut held = Descriptors::take_all(LIMIT);
    heist::run(async {
        watchdog.knows_current();
        exhausted(TcpListener::bind(LOCAL).await);
        exhausted(UdpSocket::bind(LOCAL).await);
        exhausted(TcpStream::connect((Ipv4Addr::LOCALHOST, 9)).await);
        exhausted(UnixStream::pair());
        // Here it is the poller alone that cannot be made.
        exhausted(UdpSocket::from_std(std_socket));
        // What needs no descriptor goes on.
        heist::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(heist::spawn(async { 1 }).await.unwrap(), 1);
        assert_eq!(heist::spawn_blocking(|| 2).await.unwrap(), 2);

        let listener = bind_with_ever_more(&mut held).await;
        held.give_back(8);
        let address = listener.local_addr().unwrap();
        let server = heist::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"hello").await.unwrap();
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello");
        server.await.unwrap();
    });
    drop(held);
}

/// After a failed accept, the wait before the next: it doubles from the first to the last of these.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Echoes on every connection, and waits for a moment when no more can be accepted, as the documentation of `accept`
/// advises.
async fn serve(listener: TcpListener, failures: Counter) {
    let mut wait = FIRST_WAIT;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                wait = FIRST_WAIT;
                heist::spawn(async move { futures_lite::io::copy(&stream, &stream).await });
            }
            Err(error) => {
                assert!(is_exhausted(&error), "{error:?}");
                failures.add();
                heist::time::sleep(wait).await;
                wait = (wait * 2).min(LAST_WAIT);
            }
        }
    }
}

fn echo(client: &mut std::net::TcpStream, byte: u8) {
    client.write_all(&[byte]).unwrap();
    let mut back = [0];
    client.read_exact(&mut back).unwrap();
    assert_eq!(back, [byte]);
}

/// Connections that wait in the listener's backlog.
fn clients(address: SocketAddr, count: usize) -> Vec<std::net::TcpStream> {
    let connect = || std::net::TcpStream::connect(address).unwrap();
    (0..count).map(|_| connect()).collect()
}

#[test]
fn a_server_at_its_limit_of_descriptors_serves_on_does_not_spin_and_accepts_again() {
    let this = "a_server_at_its_limit_of_descriptors_serves_on_does_not_spin_and_accepts_again";
    if !child::enter(this, &[]) {
        return;
    }
    const ACCEPTED: usize = 5;
    let watchdog = Watchdog::start();
    let runtime = heist::Builder::new().worker_threads(2).build().unwrap();
    watchdog.knows(runtime.handle());
    let listener = runtime.block_on(TcpListener::bind(LOCAL)).unwrap();
    let mut clients = clients(listener.local_addr().unwrap(), 2 * ACCEPTED);
    let mut held = Descriptors::take_all(LIMIT);
    held.give_back(ACCEPTED);
    let failures = Counter::new();
    let server = runtime.spawn(serve(listener, failures.clone()));
    failures.wait(1);
    for (byte, client) in clients[..ACCEPTED].iter_mut().enumerate() {
        echo(client, byte as u8);
    }

    let (failed, used) = (failures.get(), process::clock());
    std::thread::sleep(Duration::from_secs(1));
    let used = process::clock() - used;
    let failed = failures.get() - failed;
    assert!(used < Duration::from_millis(100), "used {used:?} in 1 s");
    assert!(failed < 20, "{failed} failed accepts in 1 s");
    assert!(!server.is_finished());

    // Who goes makes room for those who wait.
    drop(clients.drain(..ACCEPTED));
    for client in &mut clients {
        echo(client, 7);
    }
    drop(held);
}
