//! The runtimes under measurement, behind small traits.

mod heist;
mod smol;
mod tokio;

pub use self::heist::{Heist, HeistBuilder, HeistCallerWaits, HeistRemote, HeistSpawner};
pub use self::smol::{Smol, SmolIo, SmolSpawner, SmolTimer};
pub use self::tokio::{Tokio, TokioBare, TokioCurrentThread, TokioRemote, TokioSpawner};

pub(crate) use self::heist::gather;
pub(crate) use self::smol::spawn_many;
pub(crate) use self::tokio::join_set;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A runtime that can be started and stopped. Dropping it stops it, and waits until its threads are gone or idle.
pub trait Runtime: Sized + 'static {
    /// What tasks of this runtime spawn with.
    type Spawner: Spawner;

    /// What threads that are no workers of it spawn with.
    type Remote: Spawner;

    /// Starts a runtime in the configuration its documentation recommends, with `workers` workers.
    fn start(workers: usize) -> Self;

    /// A spawner for this runtime.
    fn spawner(&self) -> Self::Spawner;

    /// A spawner for threads that are no workers of this runtime.
    fn remote(&self) -> Self::Remote;

    /// Runs `root` on the calling thread until it is done.
    fn block_on<F: Future>(&self, root: F) -> F::Output;

    /// Starts a runtime, runs one root in it, and stops it: a fresh loop.
    fn fresh<F: Future>(workers: usize, root: impl FnOnce(Self::Spawner) -> F) -> F::Output {
        let runtime = Self::start(workers);
        runtime.block_on(root(runtime.spawner()))
    }
}

/// Spawns tasks on a runtime.
pub trait Spawner: Clone + Send + Sync + 'static {
    /// A spawned task, as the runtime hands it out.
    type Handle<T: Send + 'static>: Send;

    /// Spawns `future` as a task of its own.
    fn spawn<T, F>(&self, future: F) -> Self::Handle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static;

    /// Waits for a task's output.
    fn join<T: Send + 'static>(handle: Self::Handle<T>) -> impl Future<Output = T> + Send;

    /// Leaves a task to run to its end by itself, by the runtime's own way to do so.
    fn detach<T: Send + 'static>(handle: Self::Handle<T>);

    /// Lets other tasks run, by the runtime's own function for it.
    fn yield_now() -> impl Future<Output = ()> + Send;
}

/// Timers of a runtime.
pub trait Clock: Spawner {
    /// Waits for so long.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;
}

/// Where listeners are bound: at a free port of the machine's own address.
pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// TCP sockets of a runtime.
pub trait Net: Spawner {
    /// A socket that accepts.
    type Listener: Send + Sync + 'static;
    /// One end of a connection.
    type Stream: Send + 'static;

    /// Listens at a free port of loopback: the listener, and its address.
    fn listen() -> impl Future<Output = io::Result<(Self::Listener, SocketAddr)>> + Send;

    /// Connects to `address`.
    fn connect(address: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Accepts a connection.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Reads until `bytes` is full.
    fn read_exact(
        stream: &mut Self::Stream,
        bytes: &mut [u8],
    ) -> impl Future<Output = io::Result<()>> + Send;

    /// Writes all of `bytes`.
    fn write_all(
        stream: &mut Self::Stream,
        bytes: &[u8],
    ) -> impl Future<Output = io::Result<()>> + Send;
}

/// What hyper needs of a runtime.
pub trait Http: Net {
    /// A stream for hyper.
    type Io: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static;
    /// Time limits for hyper.
    type Timer: hyper::rt::Timer + Send + Sync + 'static;

    /// Wraps a stream.
    fn io(stream: Self::Stream) -> Self::Io;

    /// The timer.
    fn timer() -> Self::Timer;
}
