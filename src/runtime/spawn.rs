//! Spawning on the current runtime.

use std::future::Future;
use std::panic::Location;

use crate::JoinHandle;
use crate::runtime::NoRuntime;
use crate::scheduler::context;
use crate::task::{self, Origin, Spec};

/// Starts a task on the current runtime. It runs at once, concurrently with its spawner, whether or not its handle is awaited.
///
/// Another worker may begin it before `spawn` returns. On a runtime that is closing the future is dropped here, and the handle
/// yields [`is_cancelled`](crate::JoinError::is_cancelled).
///
/// # Panics
///
/// At the caller's line, when there is no runtime on this thread.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let handle = heist::spawn(async { "done" });
///     assert_eq!(handle.await.unwrap(), "done");
/// });
/// ```
///
/// A task may move between threads and outlive its spawner, so what is not `Send` and `'static` is refused when compiled:
///
/// ```compile_fail
/// heist::run(async {
///     let local = std::rc::Rc::new(1);
///     heist::spawn(async move { drop(local) });
/// });
/// ```
///
/// ```compile_fail,E0597
/// heist::run(async {
///     let text = String::from("borrowed");
///     let borrowed = &text;
///     heist::spawn(async move { borrowed.len() }).await
/// });
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: IntoFuture,
    F::IntoFuture: Send + 'static,
    F::Output: Send + 'static,
{
    spawn_here(spec(None), future.into_future())
}

#[track_caller]
#[inline]
fn spawn_here<F>(spec: Spec, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match context::with_engine(|engine| Some(engine?.spawn(spec, future))) {
        Some(handle) => handle,
        None => panic!("heist::spawn must be called from inside a runtime: {NoRuntime}"),
    }
}

/// What a spawner knows of the task to be.
#[track_caller]
#[inline]
pub(crate) fn spec(name: Option<String>) -> Spec {
    Spec {
        origin: Origin::new(Location::caller(), name),
        parent: task::id(),
    }
}

impl task::Builder {
    /// Starts the task on the current runtime. See [`heist::spawn`](crate::spawn).
    ///
    /// # Panics
    ///
    /// At the caller's line, when there is no runtime on this thread.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: IntoFuture,
        F::IntoFuture: Send + 'static,
        F::Output: Send + 'static,
    {
        spawn_here(spec(self.name), future.into_future())
    }
}
