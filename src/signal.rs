//! Ctrl-c, as a future.
//!
//! # Examples
//!
//! A server that stops in peace at the first ctrl-c, and at once at the second:
//!
//! ```no_run
//! use heist::signal::ctrl_c;
//! use std::time::Duration;
//!
//! # async fn serve() -> std::io::Result<()> { std::future::pending().await }
//! # async fn finish() -> std::io::Result<()> { heist::time::sleep(Duration::from_secs(5)).await; Ok(()) }
//! # fn main() -> std::io::Result<()> {
//! heist::run(async {
//!     futures_lite::future::or(ctrl_c(), serve()).await?;
//!     println!("stopping; ctrl-c again to stop at once");
//!     futures_lite::future::or(ctrl_c(), finish()).await
//! })
//! # }
//! ```

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::sync::Mutex;
use crate::util::contain::contain;

/// The ctrl-cs of the process.
struct CtrlCs {
    /// Whether they are noticed.
    listening: bool,
    /// How many were noticed.
    count: u64,
    /// Whom to wake at the next one, which empties the list: all who wait have seen the present count.
    waiting: Slab<Waker>,
}

static CTRL_CS: Mutex<CtrlCs> = Mutex::new(CtrlCs {
    listening: false,
    count: 0,
    waiting: Slab::new(),
});

/// Waits for the next ctrl-c (`SIGINT`; on Windows the console's event).
///
/// Every ctrl-c after this call counts, also one that arrives before the future is polled. One ctrl-c completes
/// all the futures there are; a future that is made after it was noticed waits for the next one. Ctrl-cs in quick succession
/// may count as one.
///
/// The first call that succeeds takes the default action of ctrl-c away, for the rest of the process's life:
/// ctrl-c does not end the process any more, whether or not somebody waits for it. So wait for a second one while
/// the program stops, as shown for the [module](self).
///
/// It works with and without a runtime, in any number of them, and keeps none of them alive. The process gets a
/// thread for it, which sleeps until there is a ctrl-c. On Unix handlers that others installed before are called too. One
/// that is installed later, and does not call those before it, takes the ctrl-cs away.
///
/// # Errors
///
/// The future yields the error if the handler cannot be installed: mostly for want of a descriptor or a thread.
/// The default action stays then, and the next call tries again.
///
/// # Cancel safety
///
/// Dropping the future forgets the ctrl-cs that it has noticed. To lose none between two waits, keep the future:
/// awaiting it by reference, in [`timeout`](crate::time::timeout) for one, leaves it as it is.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let stop = heist::signal::ctrl_c();
///     # #[cfg(unix)] {
///     // As if somebody pressed it.
///     use rustix::process::{Signal, getpid, kill_process};
///     kill_process(getpid(), Signal::INT)?;
///     stop.await
///     # } #[cfg(not(unix))] { drop(stop); Ok(()) }
/// })
/// # .map_err(|error: std::io::Error| panic!("{error}")).unwrap()
/// ```
pub fn ctrl_c() -> CtrlC {
    let mut all = CTRL_CS.lock();
    let mut failure = None;
    if !all.listening {
        failure = listen(notice).err();
        all.listening = failure.is_none();
    }
    CtrlC {
        seen: all.count,
        key: None,
        failure,
    }
}

/// The future of [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct CtrlC {
    /// The count at the call.
    seen: u64,
    /// Where the waker is, as long as the count is what was seen.
    key: Option<usize>,
    failure: Option<io::Error>,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(error) = self.failure.take() {
            return Poll::Ready(Err(error));
        }
        // Wakers are foreign code. This one is cloned before the lock is taken; what is left of it, or the one before
        // it, is dropped after the lock was given back, as locals go in reverse order.
        let mut waker = cx.waker().clone();
        let mut all = CTRL_CS.lock();
        if all.count != self.seen {
            return Poll::Ready(Ok(()));
        }
        match self.key {
            Some(key) => mem::swap(&mut all.waiting[key], &mut waker),
            None => self.key = Some(all.waiting.insert(waker)),
        }
        Poll::Pending
    }
}

impl Drop for CtrlC {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut all = CTRL_CS.lock();
        // After a ctrl-c the list was emptied, and the key may be somebody else's.
        let waker = (all.count == self.seen).then(|| all.waiting.remove(key));
        drop(all);
        drop(waker);
    }
}

/// Counts a ctrl-c and wakes all who wait.
fn notice() {
    let mut all = CTRL_CS.lock();
    all.count += 1;
    let waiting = mem::take(&mut all.waiting);
    drop(all);
    for (_, waker) in waiting {
        contain(|| waker.wake());
    }
}

/// Has `deliver` called at each ctrl-c from now on, on a thread made for it. If it fails, nothing has changed.
#[cfg(unix)]
fn listen(deliver: fn()) -> io::Result<()> {
    use signal_hook::{consts::SIGINT, iterator::Signals};

    // Room for the wakers, which run there, and for a panic of theirs.
    const STACK: usize = 256 * 1024;

    let mut signals = Signals::new::<_, i32>([])?;
    let handle = signals.handle();
    let thread = std::thread::Builder::new()
        .name("heist-signals".to_owned())
        .stack_size(STACK);
    thread.spawn(move || signals.forever().for_each(|_| deliver()))?;
    // Last, as the default action is gone for good from here on.
    handle.add_signal(SIGINT).inspect_err(|_| handle.close())
}

#[cfg(windows)]
fn listen(deliver: fn()) -> io::Result<()> {
    ctrlc::set_handler(deliver).map_err(io::Error::other)
}
