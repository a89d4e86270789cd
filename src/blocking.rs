//! Calls that block, and where they may.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::JoinHandle;
use crate::runtime::NoRuntime;
use crate::scheduler::{Engine, caller, context, schedule};
use crate::task::{Fresh, Spec};

/// A call as a future of one poll.
struct Call<C>(Option<C>);

// Nothing in it is ever pinned.
impl<C> Unpin for Call<C> {}

impl<T, C: FnOnce() -> T> Future for Call<C> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<T> {
        let call = self.0.take();
        // A task is not polled again once it is ready.
        let call = call.expect("a blocking call was polled twice");
        // A worker polls it where no thread was to be had.
        Poll::Ready(block_in_place(call))
    }
}

/// Runs `call` on a thread for blocking calls, of which a runtime has up to
/// [`max_blocking_threads`](crate::Builder::max_blocking_threads); more calls wait.
///
/// A call that has started cannot be cancelled: `abort` then does nothing, and the end of the runtime waits for it.
///
/// When the system refuses a thread, the call waits for one that runs calls already. If there is none, a worker runs
/// it, as by [`block_in_place`]: a call that never ends then holds up what that thread would do next, which can be the
/// root and, if it is the only thread, everything.
///
/// # Panics
///
/// At the caller's line, when there is no runtime on this thread. A panic in the call is the handle's [`JoinError`](crate::JoinError).
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let text = heist::spawn_blocking(|| std::fs::read_to_string("Cargo.toml")).await.unwrap()?;
///     assert!(text.contains("heist"));
///     Ok::<(), std::io::Error>(())
/// }).unwrap();
/// ```
#[track_caller]
pub fn spawn_blocking<T, C>(call: C) -> JoinHandle<T>
where
    T: Send + 'static,
    C: FnOnce() -> T + Send + 'static,
{
    let spec = crate::runtime::spec(None);
    match context::with_engine(|engine| Some(spawn_on(engine?, spec, call))) {
        Some(handle) => handle,
        None => panic!("heist::spawn_blocking must be called from inside a runtime: {NoRuntime}"),
    }
}

pub(crate) fn spawn_on<T, C>(engine: &Engine, spec: Spec, call: C) -> JoinHandle<T>
where
    T: Send + 'static,
    C: FnOnce() -> T + Send + 'static,
{
    match engine.create_foreign(spec, Call(Some(call))) {
        Ok((Fresh(task), handle)) => {
            engine.push_blocking(task);
            handle
        }
        Err((spec, call)) => schedule::orphan(spec, call),
    }
}

/// Runs `call` here, on this thread, after giving the worker away: other tasks go on elsewhere meanwhile.
///
/// [`heist::run`](crate::run) and [`block_on`](crate::Runtime::block_on) are allowed inside. Outside of tasks and roots it just calls.
///
/// # Panics
///
/// A panic of the call passes through.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let sum = heist::block_in_place(|| heist::run(async { 40 }) + 2);
///     assert_eq!(sum, 42);
/// });
/// ```
pub fn block_in_place<T>(call: impl FnOnce() -> T) -> T {
    caller::block_in_place(call)
}
