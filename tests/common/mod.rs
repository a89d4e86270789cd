//! Helpers shared by the integration tests: a watchdog, counters that can be awaited, hand-made wakers, and a look
//! at the process through `/proc`.
#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary uses its own part of this"
)]

#[cfg(target_os = "linux")]
pub(crate) mod child;
mod count;
#[cfg(unix)]
pub(crate) mod example;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod limits;
mod panics;
#[cfg(target_os = "linux")]
pub(crate) mod process;
mod watchdog;

pub(crate) use count::{Counter, CountsDrop};
pub(crate) use panics::{DELIBERATE, Panic, message_of, panic_of, quiet_panics};
pub(crate) use watchdog::{Watchdog, run, run_on};

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// Polls `future` once with a waker that does nothing.
pub(crate) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// Polls `future` once with `waker`.
pub(crate) fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// A waker that counts how often it was woken.
#[derive(Default)]
pub(crate) struct WakeCount(AtomicUsize);

impl WakeCount {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        let waker = Waker::from(Arc::clone(&count));
        (count, waker)
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for WakeCount {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Locks `mutex`, whether or not another test panicked while it held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held by each test of a binary whose tests run one at a time.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    lock(&TURN)
}

/// Keeps the processor busy for `time`.
pub(crate) fn compute_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Keeps the processor busy for a random moment of at most about `most` turns of a loop.
pub(crate) fn spin_randomly(most: u32) {
    for _ in 0..fastrand::u32(0..=most) {
        std::hint::spin_loop();
    }
}

pub(crate) fn median<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

/// Gives every other task of this worker a turn, a few times over.
pub(crate) async fn turns(n: usize) {
    for _ in 0..n {
        heist::yield_now().await;
    }
}

/// Runs `f` on a thread with room for a few copies of a very large future, which debug builds make.
pub(crate) fn with_large_stack(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(f);
    if let Err(panic) = thread.expect("a thread").join() {
        std::panic::resume_unwind(panic);
    }
}
