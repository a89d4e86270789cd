//! A worker that was called in vain again and again naps instead of going to sleep: who needs it all the same gets it soon.

#![cfg(unix)]

use heist::net::UnixStream;
use heist::{Builder, Runtime, gather, spawn};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::{AsyncReadExt, AsyncWriteExt};

fn two_workers() -> Runtime {
    Builder::new().worker_threads(2).build().unwrap()
}

/// Calls the other worker for things that are over before it comes.
async fn call_in_vain() {
    for n in 0..5_000_u64 {
        let two = [n, n + 1].map(|number| async move { number });
        assert_eq!(gather(two).await, [n, n + 1]);
    }
}

#[test]
fn a_socket_is_read_while_the_other_worker_is_blocked() {
    two_workers().block_on(async {
        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut near = UnixStream::from_std(near).unwrap();
        let is_blocked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_blocked);
        let reader = spawn(async move {
            let mut byte = [0];
            near.read_exact(&mut byte).await.unwrap();
            (byte, seen.load(Ordering::SeqCst))
        });
        let blocker = spawn(async move {
            call_in_vain().await;
            is_blocked.store(true, Ordering::SeqCst);
            let writer = thread::spawn(move || far.write_all(&[7]));
            thread::sleep(Duration::from_millis(300));
            is_blocked.store(false, Ordering::SeqCst);
            writer.join().unwrap().unwrap();
        });
        blocker.await.unwrap();
        assert_eq!(reader.await.unwrap(), ([7], true));
    });
}

#[test]
fn a_runtime_that_ends_does_not_wait_for_a_nap_for_ever() {
    for _ in 0..20 {
        let runtime = two_workers();
        runtime.block_on(async { spawn(call_in_vain()).await.unwrap() });
        let begin = Instant::now();
        drop(runtime);
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}

/// The worker that would sit in the driver's seat is disturbed there by each message of a connection that it has nothing to do with.
#[test]
fn what_comes_from_outside_is_noticed_beside_a_connection_that_never_rests() {
    const BYTES: u8 = 20;
    two_workers().block_on(async {
        let (mut a, mut b) = UnixStream::pair().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let echo = spawn(async move {
            let mut byte = [0];
            while b.read_exact(&mut byte).await.is_ok() {
                b.write_all(&byte).await.unwrap();
            }
        });
        let asker = spawn(async move {
            let mut byte = [0];
            while !over.load(Ordering::Relaxed) {
                a.write_all(&byte).await.unwrap();
                a.read_exact(&mut byte).await.unwrap();
            }
        });
        let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut near = UnixStream::from_std(near).unwrap();
        let writer = thread::spawn(move || {
            (0..BYTES)
                .map(|byte| {
                    thread::sleep(Duration::from_millis(10));
                    let at = Instant::now();
                    far.write_all(&[byte]).unwrap();
                    at
                })
                .collect::<Vec<_>>()
        });
        let reader = spawn(async move {
            let mut read_at = Vec::new();
            for expected in 0..BYTES {
                let mut byte = [0];
                near.read_exact(&mut byte).await.unwrap();
                assert_eq!(byte, [expected]);
                read_at.push(Instant::now());
            }
            read_at
        });
        let read_at = reader.await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        let written_at = writer.join().unwrap();
        let mut late: Vec<_> = read_at
            .iter()
            .zip(written_at)
            .map(|(read, written)| *read - written)
            .collect();
        late.sort();
        // The median, and plenty of time: this machine may have other things to do as well.
        assert!(
            late[late.len() / 2] < Duration::from_millis(100),
            "{late:?}"
        );
        asker.await.unwrap();
        echo.await.unwrap();
    });
}
