//! The way to a runtime from anywhere.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{Location, resume_unwind};
use std::sync::Arc;

use super::Metrics;
use super::run::{NESTED_BLOCK_ON, refuse_nested};
use crate::JoinHandle;
use crate::blocking;
use crate::scheduler::context::{self, Place, Scope};
use crate::scheduler::{Engine, caller};

/// A handle to a runtime. It does not keep the runtime alive: once that is gone, what is spawned here is dropped, and its
/// handle says that it was cancelled.
///
/// # Examples
///
/// ```
/// let runtime = heist::Runtime::new()?;
/// let handle = runtime.handle();
/// let answer = std::thread::spawn(move || handle.block_on(async { 42 }));
/// assert_eq!(answer.join().unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    engine: Arc<Engine>,
}

/// There is no runtime on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoRuntime;

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "not inside a heist runtime: call it from a task, from the future given to heist::run, or under Runtime::enter",
        )
    }
}

impl std::error::Error for NoRuntime {}

impl Handle {
    pub(crate) fn from_engine(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The runtime this thread is inside of.
    ///
    /// # Panics
    ///
    /// At the caller's line, when there is none. [`try_current`](Self::try_current) does not panic.
    #[track_caller]
    #[must_use]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("heist::Handle::current: {error}"),
        }
    }

    /// The runtime this thread is inside of.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] when there is none.
    pub fn try_current() -> Result<Self, NoRuntime> {
        context::current().map(Self::from_engine).ok_or(NoRuntime)
    }

    /// Spawns a task on this runtime, from any thread. See [`heist::spawn`](crate::spawn).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: Send + 'static,
        F::Output: Send + 'static,
    {
        self.engine
            .spawn(super::spawn::spec(None), future.into_future())
    }

    /// Runs a blocking call on a thread of its own. See [`heist::spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<T, C>(&self, call: C) -> JoinHandle<T>
    where
        T: Send + 'static,
        C: FnOnce() -> T + Send + 'static,
    {
        blocking::spawn_on(&self.engine, super::spawn::spec(None), call)
    }

    /// Drives `future` to its end on this thread. See [`Runtime::block_on`](crate::Runtime::block_on).
    ///
    /// On a runtime that has ended the future is driven all the same, but what it spawns is cancelled, and its timers and sockets say that their
    /// runtime has ended.
    ///
    /// # Panics
    ///
    /// At the caller's line, inside of a task or a root of any heist runtime. A panic of the future passes through.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        if refuse_nested() {
            panic!("{NESTED_BLOCK_ON}");
        }
        // SAFETY: the scope ends before this returns, and until then the engine's Arc is borrowed.
        let scope = unsafe { Scope::visit(&self.engine, Place::Running) };
        let future = context::call(|| future.into_future());
        match caller::block_on(&scope, future, Location::caller()) {
            Ok(output) => output,
            Err(payload) => {
                drop(scope);
                resume_unwind(payload)
            }
        }
    }

    /// Makes this runtime the current one of this thread, for as long as the guard lives. See [`Runtime::enter`](crate::Runtime::enter).
    pub fn enter(&self) -> EnterGuard {
        EnterGuard {
            _scope: Scope::enter(Arc::clone(&self.engine), Place::Entered),
            not_send: PhantomData,
        }
    }

    /// A look at what the runtime is doing.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::new(Arc::clone(&self.engine))
    }

    /// The state of the scheduler in words, for people: workers, queues, and every task that has not ended, with its spawn location (the tasks of a gather as one). Its form may change.
    #[must_use]
    pub fn dump(&self) -> String {
        format!("{:?}", self.engine)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("workers", &self.engine.regular())
            .field("closed", &self.engine.is_closed())
            .finish_non_exhaustive()
    }
}

/// Keeps a runtime current on this thread. Guards are to be dropped in the reverse order of their making.
#[must_use = "the runtime is current only while the guard lives"]
pub struct EnterGuard {
    _scope: Scope,
    not_send: PhantomData<*const ()>,
}

impl fmt::Debug for EnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnterGuard")
    }
}
