//! Signals that hit every thread, wherever it waits: nothing fails, nothing is lost, nothing is early.
#![cfg(target_os = "linux")]

mod common;

use common::{Counter, run_on};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use heist::net::{TcpListener, TcpStream, UdpSocket};
use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const SIGNAL: libc::c_int = libc::SIGUSR1;

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Counts what heist has to complain about.
struct Complaints(AtomicUsize);

static COMPLAINTS: Complaints = Complaints(AtomicUsize::new(0));

impl log::Log for Complaints {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{}", record.args());
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn flush(&self) {}
}

/// System calls are interrupted by the signal, and not restarted.
fn install() {
    // SAFETY: all zeroes is a value of this structure: no flags, SA_RESTART above all, and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing but an atomic addition, which is allowed in one.
    let result = unsafe { libc::sigaction(SIGNAL, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Sends the signal to each thread of this process but the caller.
fn hit_all_threads() {
    let process = std::process::id();
    let own = fs::read_link("/proc/thread-self").expect("/proc");
    for entry in fs::read_dir("/proc/self/task").expect("/proc") {
        let name = entry.expect("an entry").file_name();
        let thread: libc::pid_t = name.to_str().and_then(|n| n.parse().ok()).expect("an id");
        if own.file_name() != Some(&name) {
            // SAFETY: takes three integers. A thread that has ended since is an error, which does no harm.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, SIGNAL) };
        }
    }
}

async fn sleeps() {
    let each = (0..200u64).map(|n| async move {
        let (start, time) = (Instant::now(), Duration::from_micros(n * 997 % 20_000));
        heist::time::sleep(time).await;
        assert!(start.elapsed() >= time, "early");
    });
    heist::gather(each).await;
}

async fn echoes() {
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = heist::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        futures_lite::io::copy(&stream, &stream).await.unwrap()
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    for n in 0..100 {
        client.write_all(&[n; 1000]).await.unwrap();
        let mut back = [0; 1000];
        client.read_exact(&mut back).await.unwrap();
        assert_eq!(back, [n; 1000]);
        // Time to wait in the poller.
        heist::time::sleep(Duration::from_micros(200)).await;
    }
    client.close().await.unwrap();
    assert_eq!(server.await.unwrap(), 100_000);
}

async fn calls() {
    for n in 0..50 {
        assert_eq!(heist::spawn_blocking(move || n).await.unwrap(), n);
    }
    assert!(heist::net::lookup_host("localhost:1").await.is_ok());
}

/// A wait without end in the poller, which only the foreign thread's packet ends.
async fn packet_from_outside() {
    let socket = UdpSocket::bind(LOCAL).await.unwrap();
    let address = socket.local_addr().unwrap();
    let waiting = Counter::new();
    let go = waiting.clone();
    let sender = thread::spawn(move || {
        go.wait(1);
        let before = HANDLED.load(Ordering::Relaxed);
        while HANDLED.load(Ordering::Relaxed) < before + 200 {
            thread::sleep(Duration::from_millis(1));
        }
        let sender = std::net::UdpSocket::bind(LOCAL).unwrap();
        sender.send_to(b"now", address).unwrap();
    });
    waiting.add();
    assert_eq!(socket.recv(&mut [0; 8]).await.unwrap(), 3);
    sender.join().unwrap();
}

#[test]
fn signals_interrupt_no_wait_for_timers_sockets_calls_or_work() {
    install();
    log::set_logger(&COMPLAINTS).expect("no other logger");
    log::set_max_level(log::LevelFilter::Trace);
    for workers in [1, 2] {
        let stop = AtomicBool::new(false);
        let before = HANDLED.load(Ordering::Relaxed);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    hit_all_threads();
                    thread::sleep(Duration::from_micros(300));
                }
            });
            run_on(workers, async {
                heist::gather!(sleeps(), echoes(), calls()).await;
                packet_from_outside().await;
            });
            stop.store(true, Ordering::Relaxed);
        });
        let handled = HANDLED.load(Ordering::Relaxed) - before;
        assert!(handled > 200, "{handled} signals");
    }
    assert_eq!(COMPLAINTS.0.load(Ordering::Relaxed), 0);
}
