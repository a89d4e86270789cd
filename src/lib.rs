//! heist: a multithreaded work-stealing async executor.
//!
//! It runs futures as tasks on all cores, with timers, sockets, blocking calls and cancellation. [`run`] makes a runtime
//! for one call, with the calling thread as one of its workers; [`Runtime`] is one that is kept.
//!
//! # Quick start
//!
//! ```
//! use heist::time::{sleep, timeout};
//! use std::time::Duration;
//!
//! async fn square(n: u64) -> u64 {
//!     sleep(Duration::from_millis(n)).await;
//!     n * n
//! }
//!
//! let answer = heist::run(async {
//!     // A future does nothing by itself. Awaited, it runs here, in place.
//!     assert_eq!(square(2).await, 4);
//!
//!     // Spawned, it is a task: it runs at once, on whichever worker is free.
//!     let task = heist::spawn(square(4));
//!
//!     // Many tasks, their results in order.
//!     let squares = heist::gather((1..=3).map(square)).await;
//!     assert_eq!(squares, [1, 4, 9]);
//!
//!     // Given up after a while: the future is dropped by then.
//!     let late = timeout(Duration::from_millis(1), sleep(Duration::from_secs(60))).await;
//!     assert!(late.is_err());
//!
//!     task.await.unwrap() + heist::spawn_blocking(|| 26).await.unwrap()
//! });
//! assert_eq!(answer, 42);
//! ```
//!
//! # What is where
//!
//! | for | see |
//! | --- | --- |
//! | running a future from synchronous code | [`run`], [`try_run`], [`Runtime`], [`Builder`], [`Handle`] |
//! | starting tasks | [`spawn`], [`task::Builder`], [`gather()`], [`JoinSet`] |
//! | awaiting and cancelling them | [`JoinHandle`], [`AbortHandle`], [`JoinError`] |
//! | who a task is | [`task`] |
//! | code that blocks | [`spawn_blocking`], [`block_in_place`] |
//! | sleeps, timeouts, intervals | [`time`] |
//! | sockets | [`net`] |
//! | other sources of events | [`io`] |
//! | HTTP, by hyper | `hyper`, with the feature of that name |
//! | ctrl-c | [`signal`] |
//! | what the runtime is doing | [`Metrics`], [`Handle::dump`] |
//!
//! # Who handed which task to which runtime, and when
//!
//! A task belongs to one runtime for life.
//!
//! - **Which**: that of the code that spawned it. [`spawn`] takes the *current* runtime: that of the task or root that runs
//!   on this thread, or the one entered last with [`Runtime::enter`]. [`Handle::spawn`] takes its own, from any thread.
//!   Without a current runtime `spawn` panics at the caller's line.
//! - **When**: at the call. [`spawn`] queues the task, and another worker may have begun or even finished it before `spawn`
//!   returns. [`gather()`] takes its futures at the call, and makes tasks of them when it is polled for the first time.
//! - **Who**: each task knows its [id](task::id), the [line](task::location) that spawned it, and its
//!   [parent](task::parent), the task that ran there. [`task::Builder`] gives it a name. [`Handle::dump`] lists all that
//!   live, those of a gather as one.
//! - **Until when**: the end of the runtime. The runtime owns its tasks; dropping a [`JoinHandle`] detaches the task, and
//!   none is lost because nobody holds it. When the root of [`run`] is done, tasks that are left are cancelled, and their
//!   futures dropped, before `run` returns.
//!
//! A task may resume on another worker after each `await`. A root never leaves its thread.
//!
//! ```
//! heist::run(async {
//!     let outer = heist::task::Builder::new().name("outer").spawn(async {
//!         heist::spawn(async { (heist::task::parent(), heist::task::location()) }).await
//!     });
//!     let id = outer.id();
//!     let (parent, location) = outer.await.unwrap().unwrap();
//!     assert_eq!(parent, Some(id));
//!     assert!(location.is_some());
//! });
//! ```
//!
//! # Coming from asyncio
//!
//! Most of it is as there: coroutines are lazy, tasks are scheduled, `run` cancels what is left, `gather` keeps the order.
//! These differ on purpose:
//!
//! - **Tasks run in parallel.** There are no turns between which shared data is safe. The compiler asks for `Send`.
//! - **[`spawn`] may run before it returns**; `create_task` never does.
//! - **The runtime owns its tasks**; a loop of asyncio keeps weak references, and a task that nobody holds may vanish.
//! - **[`gather()`] is lazy.** Nothing runs before it is awaited, and dropping it cancels its children. When a child panics,
//!   the others are cancelled first; then the panic goes on in the waiter.
//! - **Cancelling is dropping.** No exception is raised inside the task: its future is dropped at a suspension, and
//!   destructors clean up. A task cannot refuse.
//! - **[`time::timeout`]** polls before it looks at the clock: a future that is ready gives its value, however late.
//! - **Panics stay in their task**, and come out of its [`JoinHandle`] as a [`JoinError`].
//!
//! What is no mistake at run time here is one at compile time. `await` outside of `async`:
//!
//! ```compile_fail,E0728
//! fn synchronous() {
//!     heist::yield_now().await;
//! }
//! ```
//!
//! and awaiting what is no future:
//!
//! ```compile_fail,E0277
//! heist::run(async {
//!     let answer: u32 = 42;
//!     answer.await;
//! });
//! ```
//!
//! # Code that blocks
//!
//! A poll that blocks its thread takes a worker out of service. The process's monitor notices within ticks of 10 ms: what
//! is queued behind goes to other workers, and when all are blocked a spare one starts (see
//! [`Builder::compensate_blocking`]). That is a safety net. The ways to block are:
//!
//! - [`spawn_blocking`]: the call runs on a thread of its own. Once begun it cannot be cancelled, and the end of the
//!   runtime waits for it.
//! - [`block_in_place`]: the call runs here, after the worker was given away. For tasks that hold something that cannot be
//!   moved.
//!
//! # Cancelling
//!
//! [`JoinHandle::abort`] and [`AbortHandle::abort`] cancel a task: its future is dropped on a worker at the next
//! suspension, or before its first poll. The handle then yields an error with [`JoinError::is_cancelled`]. Aborting a task
//! that is done does nothing. Dropping a future that is awaited in place, by [`time::timeout`] for one, cancels that
//! future; tasks that it only has handles to go on. Dropping a [`gather()`] or a [`JoinSet`] cancels its tasks.
//!
//! Public futures say under "Cancel safety" what is lost when they are dropped half way.
//!
//! # Runtimes in runtimes
//!
//! [`run`] and [`Runtime::block_on`] block their thread, so inside of a task or a root they panic at the caller's line, of
//! whichever heist runtime it is; [`try_run`] gives [`RunError::Nested`]. Await the future there, or spawn it. Inside of
//! [`spawn_blocking`] and [`block_in_place`] they are allowed. Inside another library's runtime they work, and block its
//! thread: better to await a handle of [`Handle::spawn`] there.
//!
//! ```
//! heist::run(async {
//!     assert!(matches!(heist::try_run(async {}), Err(heist::RunError::Nested)));
//!     let inner = heist::spawn_blocking(|| heist::run(async { 1 })).await.unwrap();
//!     assert_eq!(inner, 1);
//! });
//! ```
//!
//! # Environment
//!
//! | variable | meaning |
//! | --- | --- |
//! | `HEIST_WORKER_THREADS` | the default number of workers; otherwise the available parallelism |
//! | `HEIST_DEBUG=1` | debug mode for all runtimes that do not set it: see [`Builder::debug`] |
//!
//! Both are read once per process.
#![cfg_attr(
    heist_loom,
    allow(
        unused,
        missing_docs,
        missing_debug_implementations,
        clippy::new_without_default,
        reason = "the models use some of the parts, and are their only readers"
    )
)]

#[cfg(not(heist_loom))]
mod blocking;
mod driver;
#[cfg(not(heist_loom))]
mod gather;
#[cfg(all(feature = "hyper", not(heist_loom)))]
pub mod hyper;
#[cfg(not(heist_loom))]
pub mod io;
#[cfg(not(heist_loom))]
mod join_set;
#[cfg(heist_loom)]
#[doc(hidden)]
pub mod model;
#[cfg(not(heist_loom))]
pub mod net;
mod queue;
mod reactor;
#[cfg(not(heist_loom))]
mod runtime;
mod scheduler;
#[cfg(not(heist_loom))]
pub mod signal;
mod sync;
pub mod task;
#[cfg(not(heist_loom))]
pub mod time;
mod timer;
mod util;
#[cfg(not(heist_loom))]
mod yield_now;

#[cfg(not(heist_loom))]
pub use blocking::{block_in_place, spawn_blocking};
#[cfg(not(heist_loom))]
#[doc(hidden)]
pub use gather::tuple as __gather;
#[cfg(not(heist_loom))]
pub use gather::{Gather, TryGather, gather, try_gather};
#[cfg(not(heist_loom))]
pub use join_set::{JoinAll, JoinNext, JoinSet, Shutdown};
#[cfg(not(heist_loom))]
pub use runtime::{
    Builder, EnterGuard, Handle, Metrics, NoRuntime, RunError, Runtime, run, spawn, try_run,
};
#[cfg(not(heist_loom))]
pub use task::{AbortHandle, JoinError, JoinHandle, TaskId};
#[cfg(not(heist_loom))]
pub use yield_now::{YieldNow, yield_now};
