//! Asynchronous input and output for any source that the system can watch.
//!
//! [`Async`] wraps a socket, a pipe, or whatever else the system's poller takes. The sockets of
//! [`heist::net`](crate::net) are built on it.

mod async_source;
pub(crate) mod forward;
mod operation;
mod pollable;
mod stream;
mod transfer;

pub use async_source::Async;
pub use operation::{ReadWith, Readable, Writable, WriteWith};
pub use pollable::Pollable;

use std::io;
use std::sync::Arc;

use crate::scheduler::context;
use crate::scheduler::engine::Engine;

/// The runtime that a new source belongs to.
pub(crate) fn current_engine() -> io::Result<Arc<Engine>> {
    context::current().ok_or_else(|| {
        io::Error::other(
            "no heist runtime on this thread: create sockets and other sources from a future given to \
             heist::run or Runtime::block_on, from a task, or while the guard of Runtime::enter lives",
        )
    })
}

/// What operations say once their runtime has ended.
pub(crate) fn runtime_ended() -> io::Error {
    io::Error::other("the heist runtime that this source belongs to has ended")
}
