//! A test that hangs fails with what is known about the scheduler, instead of hanging the suite.

use super::lock;
use heist::{Builder, Handle};
use std::io::Write;
use std::panic::Location;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Aborts the process when it lives for longer than 60 s, or `HEIST_TEST_TIMEOUT` seconds.
pub(crate) struct Watchdog {
    handles: Arc<Mutex<Vec<Handle>>>,
    done: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watchdog {
    /// Starts to watch the calling test.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let place = Location::caller();
        let name = thread::current().name().unwrap_or("?").to_owned();
        let handles = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&handles);
        let (done, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            let limit = limit();
            if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                bite(
                    &format!("{name} ({place}) hangs: not done after {limit:?}"),
                    &known,
                );
            }
        });
        Self {
            handles,
            done: Some(done),
            thread: Some(thread),
        }
    }

    /// Makes the state of this runtime part of what is printed when the test hangs.
    pub(crate) fn knows(&self, handle: Handle) {
        lock(&self.handles).push(handle);
    }

    /// As [`Watchdog::knows`], for the runtime that the calling thread is inside of.
    pub(crate) fn knows_current(&self) {
        self.knows(Handle::current());
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watchdog does not panic");
        }
        lock(&self.handles).clear();
    }
}

fn limit() -> Duration {
    let seconds = std::env::var("HEIST_TEST_TIMEOUT").ok();
    Duration::from_secs(seconds.and_then(|s| s.parse().ok()).unwrap_or(60))
}

/// Says what is known and ends the process. It writes to the descriptor, because a test's `eprintln!` is captured.
fn bite(what: &str, handles: &Mutex<Vec<Handle>>) -> ! {
    say(what);
    for handle in lock(handles).clone() {
        // On a thread of its own: a scheduler that hangs may hold a lock that the dump wants.
        let (text, dumped) = mpsc::channel();
        // None of it where the system refuses threads.
        let _ = thread::Builder::new().spawn(move || text.send(handle.dump()));
        match dumped.recv_timeout(Duration::from_secs(5)) {
            Ok(dump) => say(&dump),
            Err(_) => say("(no dump of the scheduler's state within 5 s)"),
        }
    }
    std::process::abort();
}

fn say(text: &str) {
    // Nothing is left to do if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `heist::run` under a watchdog.
#[track_caller]
pub(crate) fn run<F: IntoFuture>(future: F) -> F::Output {
    let watchdog = Watchdog::start();
    heist::run(async {
        watchdog.knows_current();
        future.await
    })
}

/// A fresh runtime of that many workers for `future`, under a watchdog.
#[track_caller]
pub(crate) fn run_on<F: IntoFuture>(workers: usize, future: F) -> F::Output {
    let watchdog = Watchdog::start();
    let result = Builder::new().worker_threads(workers).run(async {
        watchdog.knows_current();
        future.await
    });
    result.expect("a runtime")
}
