//! heist: a multithreaded work-stealing async executor.

#[cfg(not(heist_loom))]
mod blocking;
#[cfg(not(heist_loom))]
mod driver;
#[cfg(not(heist_loom))]
pub mod io;
#[cfg(not(heist_loom))]
mod join_set;
#[cfg(not(heist_loom))]
pub mod net;
mod queue;
mod reactor;
#[cfg(not(heist_loom))]
mod runtime;
mod scheduler;
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
pub use join_set::{JoinAll, JoinNext, JoinSet, Shutdown};
#[cfg(not(heist_loom))]
pub use runtime::{
    Builder, EnterGuard, Handle, Metrics, NoRuntime, RunError, Runtime, run, spawn, try_run,
};
#[cfg(not(heist_loom))]
pub use task::{AbortHandle, JoinError, JoinHandle, TaskId};
#[cfg(not(heist_loom))]
pub use yield_now::{YieldNow, yield_now};
