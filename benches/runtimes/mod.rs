//! The runtimes under measurement, behind two small traits.

mod heist;
mod smol;
mod tokio;

pub use self::heist::{Heist, HeistBuilder, HeistSpawner};
pub use self::smol::{Smol, SmolSpawner};
pub use self::tokio::{Tokio, TokioBare, TokioCurrentThread, TokioSpawner};

pub(crate) use self::heist::gather;
pub(crate) use self::tokio::join_set;

/// A runtime that can be started and stopped. Dropping it stops it, and waits until its threads are gone or idle.
pub trait Runtime: Sized + 'static {
    /// What tasks of this runtime spawn with.
    type Spawner: Spawner;

    /// Starts a runtime in the configuration its documentation recommends, with `workers` workers.
    fn start(workers: usize) -> Self;

    /// A spawner for this runtime.
    fn spawner(&self) -> Self::Spawner;

    /// Runs `root` on the calling thread until it is done.
    fn block_on<F: Future>(&self, root: F) -> F::Output;

    /// Starts a runtime, runs one root in it, and stops it: a fresh loop.
    fn fresh<F: Future>(workers: usize, root: impl FnOnce(Self::Spawner) -> F) -> F::Output {
        let runtime = Self::start(workers);
        runtime.block_on(root(runtime.spawner()))
    }
}

/// Spawns tasks on a runtime, from the inside.
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

    /// Lets other tasks run, by the runtime's own function for it.
    fn yield_now() -> impl Future<Output = ()> + Send;
}
