//! A worker that was called in vain again and again naps instead of going to sleep: who needs it all the same gets it soon.

#![cfg(unix)]

use heist::net::UnixStream;
use heist::{Builder, Runtime, gather, spawn};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::AsyncReadExt;

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
