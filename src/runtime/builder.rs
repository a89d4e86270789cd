//! Settings.

use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::run::{refuse_nested, run_in};
use super::{RunError, Runtime};
use crate::scheduler::config::{Config, MAX_WORKERS};
use crate::scheduler::{Engine, cache, threads};

/// Settings for a runtime, with defaults that fit most programs.
///
/// # Examples
///
/// ```
/// let runtime = heist::Builder::new()
///     .worker_threads(2)
///     .thread_name("service")
///     .build()?;
/// assert_eq!(runtime.block_on(async { 42 }), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` or `run` is called"]
pub struct Builder {
    config: Config,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The default settings.
    pub fn new() -> Self {
        Self {
            config: Config::default(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        self.config.is_default = false;
        change(&mut self.config);
        self
    }

    /// How many workers, which is how many tasks run at the same time. Zero is refused by [`build`](Self::build), and so is more than 32,768.
    ///
    /// Default: the environment variable `HEIST_WORKER_THREADS`, read once per process, or else the available parallelism.
    pub fn worker_threads(self, workers: usize) -> Self {
        self.with(|config| config.workers = workers)
    }

    /// How many blocking calls run at the same time; more of them wait. Default: 512. Zero is refused by [`build`](Self::build).
    ///
    /// Calls that workers run, because the system refuses threads, are not counted.
    pub fn max_blocking_threads(self, threads: usize) -> Self {
        self.with(|config| config.max_blocking = threads)
    }

    /// How long a thread without work is kept. Default: 10 s.
    pub fn thread_keep_alive(self, time: Duration) -> Self {
        self.with(|config| config.keep_alive = time)
    }

    /// The name of threads. Default: "heist".
    pub fn thread_name(self, name: impl Into<String>) -> Self {
        self.with(|config| config.thread.name = Some(name.into()))
    }

    /// The stack size of threads, in bytes. Default: that of the standard library. The futures are polled on it, so a few hundred
    /// kilobytes should remain.
    pub fn thread_stack_size(self, bytes: usize) -> Self {
        self.with(|config| config.thread.stack_size = Some(bytes))
    }

    /// Runs `hook` whenever a thread begins to serve this runtime, callers of `block_on` and threads of blocking calls included. A panic in it is contained.
    pub fn on_thread_start(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.with(|config| config.on_start = Some(Arc::new(hook)))
    }

    /// Runs `hook` whenever a thread stops serving this runtime. A panic in it is contained.
    pub fn on_thread_stop(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.with(|config| config.on_stop = Some(Arc::new(hook)))
    }

    /// Debug mode: reports polls that take too long while they last, and tasks that waited when their runtime ended, and were cancelled (those of a gather as one). Reports go through the
    /// `log` crate, or to standard error where no logger is installed. Default: whether the environment variable `HEIST_DEBUG` is 1.
    pub fn debug(self, debug: bool) -> Self {
        self.with(|config| config.debug = debug)
    }

    /// From when on debug mode reports a poll. Default: 100 ms.
    pub fn slow_poll_threshold(self, time: Duration) -> Self {
        self.with(|config| config.slow_poll = time)
    }

    /// Whether spare workers are started when tasks block all the others. Default: true.
    pub fn compensate_blocking(self, compensate: bool) -> Self {
        self.with(|config| config.compensate = compensate)
    }

    /// Whether callers of `block_on` run tasks too. With false they poll only their root: for a root that must never wait behind a
    /// task that blocks. Default: true.
    pub fn caller_runs_tasks(self, runs: bool) -> Self {
        self.with(|config| config.caller_runs_tasks = runs)
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for settings that no runtime can have; otherwise when the system refuses a thread.
    pub fn build(mut self) -> io::Result<Runtime> {
        self.check()?;
        self.config.is_for_run = false;
        threads::ensure_one(&self.config)?;
        Ok(Runtime::from_engine(Engine::new(self.config)))
    }

    /// Runs `future` in a fresh runtime with these settings. See [`heist::run`](crate::run).
    ///
    /// # Errors
    ///
    /// [`RunError::Nested`] inside of a task or a root; [`RunError::Io`] as [`build`](Self::build).
    ///
    /// # Panics
    ///
    /// A panic of the future passes through.
    #[track_caller]
    pub fn run<F: IntoFuture>(self, future: F) -> Result<F::Output, RunError> {
        if refuse_nested() {
            return Err(RunError::Nested);
        }
        self.check()?;
        if !self.config.caller_runs_tasks {
            threads::ensure_one(&self.config)?;
        }
        Ok(run_in(cache::take(self.config), future, Location::caller()))
    }

    fn check(&self) -> io::Result<()> {
        let refuse = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.config.workers == 0 {
            return refuse(
                "heist::Builder::worker_threads(0): a runtime needs at least one worker",
            );
        }
        if self.config.workers > MAX_WORKERS {
            return refuse(
                "heist::Builder::worker_threads: no runtime can have more than 32768 workers",
            );
        }
        if self.config.max_blocking == 0 {
            return refuse(
                "heist::Builder::max_blocking_threads(0): blocking calls need at least one thread",
            );
        }
        if self
            .config
            .thread
            .name
            .as_ref()
            .is_some_and(|name| name.contains('\0'))
        {
            return refuse(
                "heist::Builder::thread_name: a thread's name cannot contain a zero byte",
            );
        }
        Ok(())
    }
}
