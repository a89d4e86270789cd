//! Runtimes: built once and used many times, or made afresh by every [`run`](crate::run).

mod builder;
mod handle;
mod metrics;
mod run;
mod spawn;
#[cfg(all(test, not(heist_loom)))]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::JoinHandle;
use crate::scheduler::Engine;

pub use builder::Builder;
pub use handle::{EnterGuard, Handle, NoRuntime};
pub use metrics::Metrics;
pub use run::{RunError, run, try_run};
pub use spawn::spawn;
pub(crate) use spawn::spec;

/// A runtime that is kept: its tasks live on between one [`block_on`](Self::block_on) and the next.
///
/// Threads are borrowed from the process when there is work for them, and given back.
///
/// **Dropping it** cancels its tasks, and waits until their futures have been dropped and running blocking calls have ended.
/// From inside the runtime itself (a task, a root, a blocking call) nobody can wait for that: then it acts as
/// [`shutdown_background`](Self::shutdown_background).
///
/// # Examples
///
/// ```
/// let runtime = heist::Runtime::new()?;
/// let handle = runtime.spawn(async { 20 });
/// let sum = runtime.block_on(async { handle.await.unwrap() + 22 });
/// assert_eq!(sum, 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Runtime {
    handle: Handle,
}

impl Runtime {
    /// A runtime with default settings.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn new() -> io::Result<Self> {
        Builder::new().build()
    }

    fn from_engine(engine: Arc<Engine>) -> Self {
        Self {
            handle: Handle::from_engine(engine),
        }
    }

    /// Drives `future` to its end on this thread, which takes a worker of the runtime for as long as that lasts, or is a guest, polling nothing
    /// else, when no worker is free.
    ///
    /// # Panics
    ///
    /// At the caller's line, inside of a task or a root of any heist runtime: await the future there, or spawn it. A panic of the future passes through.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Spawns a task on this runtime. See [`heist::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs a blocking call on a thread of its own. See [`heist::spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<T, C>(&self, call: C) -> JoinHandle<T>
    where
        T: Send + 'static,
        C: FnOnce() -> T + Send + 'static,
    {
        self.handle.spawn_blocking(call)
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Makes [`heist::spawn`](crate::spawn) and the constructors of [`heist::time`](crate::time) and [`heist::net`](crate::net) work on this
    /// thread, for as long as the guard lives.
    pub fn enter(&self) -> EnterGuard {
        self.handle.enter()
    }

    /// As dropping it, but waits for at most `patience`. What has not ended by then is left to itself: its futures are dropped as soon as
    /// its threads come back.
    pub fn shutdown_timeout(self, patience: Duration) {
        self.handle.engine().shut_down(Some(patience));
    }

    /// As dropping it, but waits for nobody.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.handle.engine().shut_down(None);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runtime({:?})", self.handle)
    }
}
