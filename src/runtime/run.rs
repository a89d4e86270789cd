//! `run`: a fresh loop for one future.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use crate::scheduler::context::{self, Place, Scope};
use crate::scheduler::{Engine, cache, caller, ending};

const NESTED_RUN: &str =
    "heist::run cannot be called from inside a running runtime: await the future, or spawn it";
pub(super) const NESTED_BLOCK_ON: &str =
    "heist::block_on cannot be called from inside a running runtime: await the future, or spawn it";

/// Why a future could not be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// This thread is inside of a task or a root already: await the future there, or spawn it.
    Nested,
    /// The settings are wrong, or the system refused a thread.
    Io(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nested => f.write_str(NESTED_RUN),
            Self::Io(error) => write!(f, "heist::run could not start: {error}"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Nested => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Runs `future` to its end in a fresh runtime, made for this call.
///
/// The calling thread is a worker of that runtime: the future is polled here, beside the tasks it spawns, and never moves to another thread. It need be neither
/// `Send` nor `'static`. When it ends, tasks that still live are cancelled and their futures dropped, and running blocking calls are
/// awaited, before `run` returns.
///
/// A fresh runtime costs well under a microsecond if an earlier `run` left its parts in a clean state, and some microseconds otherwise: call it wherever synchronous code needs something from asynchronous code. Inside of
/// [`spawn_blocking`](crate::spawn_blocking) and [`block_in_place`](crate::block_in_place) it is allowed; inside of somebody else's runtime too, but there
/// it blocks that runtime's thread.
///
/// # Panics
///
/// At the caller's line, inside of a task or a root of any heist runtime: await the future there, or spawn it. A panic of the future passes through,
/// after the same clean-up.
///
/// # Examples
///
/// ```
/// let answer = heist::run(async {
///     let a = heist::spawn(async { 20 });
///     let b = heist::spawn(async { 22 });
///     a.await.unwrap() + b.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// ```
///
/// What is not a future is not run:
///
/// ```compile_fail
/// heist::run(42);
/// ```
#[track_caller]
pub fn run<F: IntoFuture>(future: F) -> F::Output {
    match try_run(future) {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
    }
}

/// As [`run`], with the refusals as errors.
///
/// # Errors
///
/// [`RunError::Nested`] inside of a task or a root.
///
/// # Panics
///
/// A panic of the future passes through.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     assert!(matches!(heist::try_run(async {}), Err(heist::RunError::Nested)));
/// });
/// ```
#[track_caller]
pub fn try_run<F: IntoFuture>(future: F) -> Result<F::Output, RunError> {
    if refuse_nested() {
        return Err(RunError::Nested);
    }
    Ok(run_in(cache::take_default(), future, Location::caller()))
}

/// Whether this thread is inside of a task or a root.
pub(super) fn refuse_nested() -> bool {
    context::is_running()
}

/// Runs `future` as the whole life of an engine.
pub(super) fn run_in<F: IntoFuture>(
    engine: Arc<Engine>,
    future: F,
    location: &'static Location<'static>,
) -> F::Output {
    let scope = Scope::enter(engine, Place::Running);
    let result: thread::Result<F::Output> =
        match context::call(|| catch_unwind(AssertUnwindSafe(|| future.into_future()))) {
            Ok(future) => caller::block_on(&scope, future, location),
            Err(payload) => Err(payload),
        };
    ending::end_run(scope);
    match result {
        Ok(output) => output,
        Err(payload) => resume_unwind(payload),
    }
}
