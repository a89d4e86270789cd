//! What a runtime was built with.

use super::context;
use crate::sync::{AtomicBool, Ordering};
use crate::util::contain::contain;
use crate::util::report::warning;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What threads run when they begin and stop to serve a runtime.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) workers: usize,
    pub(crate) max_blocking: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) thread: ThreadSettings,
    pub(crate) on_start: Option<Hook>,
    pub(crate) on_stop: Option<Hook>,
    pub(crate) debug: bool,
    pub(crate) slow_poll: Duration,
    pub(crate) compensate: bool,
    pub(crate) caller_runs_tasks: bool,
    /// Nothing was set.
    pub(crate) is_default: bool,
    /// For a run, and not a `Runtime`: the engine may serve the next one.
    pub(crate) is_for_run: bool,
}

/// What distinguishes the threads that a runtime may use from those of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadSettings {
    pub(crate) name: Option<String>,
    pub(crate) stack_size: Option<usize>,
}

/// Far more than any machine has processors: what is above it is a mistake, and there may be no memory for it.
pub(crate) const MAX_WORKERS: usize = 1 << 15;

/// The default number of workers, and what was asked for in vain.
static DEFAULT_WORKERS: LazyLock<(usize, Option<String>)> = LazyLock::new(|| {
    let asked = std::env::var("HEIST_WORKER_THREADS").ok();
    match asked.as_deref().map(str::parse) {
        Some(Ok(n)) if (1..=MAX_WORKERS).contains(&n) => (n, None),
        _ => (parallelism(), asked),
    }
});

fn default_workers() -> usize {
    static COMPLAINED: AtomicBool = AtomicBool::new(false);
    let (workers, refused) = &*DEFAULT_WORKERS;
    // Not where the static is made: a logger may use heist. Relaxed: said once.
    if let Some(asked) = refused
        && !COMPLAINED.swap(true, Ordering::Relaxed)
    {
        warning!("HEIST_WORKER_THREADS={asked} is not a number from 1 to {MAX_WORKERS}: ignored");
    }
    *workers
}

static DEFAULT_DEBUG: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("HEIST_DEBUG").is_some_and(|value| value == "1"));

fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: default_workers(),
            max_blocking: 512,
            keep_alive: Duration::from_secs(10),
            thread: ThreadSettings::default(),
            on_start: None,
            on_stop: None,
            debug: *DEFAULT_DEBUG,
            slow_poll: Duration::from_millis(100),
            compensate: true,
            caller_runs_tasks: true,
            is_default: true,
            is_for_run: true,
        }
    }
}

impl Config {
    pub(crate) fn has_hooks(&self) -> bool {
        self.on_start.is_some() || self.on_stop.is_some()
    }

    /// Whether an engine built with the one serves as one built with the other. Hooks cannot be compared.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let settings = |config: &Self| {
            let &Self {
                workers,
                max_blocking,
                keep_alive,
                thread: _,
                on_start: _,
                on_stop: _,
                debug,
                slow_poll,
                compensate,
                caller_runs_tasks,
                is_default: _,
                is_for_run: _,
            } = config;
            let flags = (debug, compensate, caller_runs_tasks);
            (workers, max_blocking, keep_alive, slow_poll, flags)
        };
        settings(self) == settings(other)
            && self.thread == other.thread
            && !self.has_hooks()
            && !other.has_hooks()
    }

    /// A thread begins to serve, and is inside of the runtime already.
    pub(crate) fn greet(&self) {
        let hooks = self.on_start.iter();
        hooks.for_each(|hook| context::call(|| contain(|| hook())));
    }

    /// A thread stops serving.
    pub(crate) fn say_farewell(&self) {
        self.on_stop.iter().for_each(|hook| contain(|| hook()));
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("workers", &self.workers)
            .field("max_blocking", &self.max_blocking)
            .field("keep_alive", &self.keep_alive)
            .field("thread", &self.thread)
            .field("debug", &self.debug)
            .field("slow_poll", &self.slow_poll)
            .field("compensate", &self.compensate)
            .field("caller_runs_tasks", &self.caller_runs_tasks)
            .finish_non_exhaustive()
    }
}
