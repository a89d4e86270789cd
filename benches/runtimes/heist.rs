//! heist: the caller of `block_on` and `run` is one of the workers.

use super::{Runtime, Spawner};

/// A kept `heist::Runtime`; fresh loops are `heist::run`.
#[derive(Debug)]
pub struct Heist(heist::Runtime);

/// As [`Heist`], but fresh loops are `heist::Builder::run`, with the number of workers given there.
#[derive(Debug)]
pub struct HeistBuilder(Heist);

/// `heist::spawn` and its company.
#[derive(Clone, Copy, Debug)]
pub struct HeistSpawner;

impl Runtime for Heist {
    type Spawner = HeistSpawner;

    fn start(workers: usize) -> Self {
        let runtime = heist::Builder::new().worker_threads(workers).build();
        Self(runtime.expect("heist starts"))
    }

    fn spawner(&self) -> HeistSpawner {
        HeistSpawner
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }

    /// The number of workers comes from the environment: see [`crate::pin_workers`].
    fn fresh<F: Future>(_workers: usize, root: impl FnOnce(HeistSpawner) -> F) -> F::Output {
        heist::run(root(HeistSpawner))
    }
}

impl Runtime for HeistBuilder {
    type Spawner = HeistSpawner;

    fn start(workers: usize) -> Self {
        Self(Heist::start(workers))
    }

    fn spawner(&self) -> HeistSpawner {
        HeistSpawner
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }

    fn fresh<F: Future>(workers: usize, root: impl FnOnce(HeistSpawner) -> F) -> F::Output {
        let builder = heist::Builder::new().worker_threads(workers);
        match builder.run(root(HeistSpawner)) {
            Ok(output) => output,
            Err(error) => panic!("heist runs: {error}"),
        }
    }
}

impl Spawner for HeistSpawner {
    type Handle<T: Send + 'static> = heist::JoinHandle<T>;

    fn spawn<T, F>(&self, future: F) -> heist::JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        heist::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: heist::JoinHandle<T>) -> T {
        handle.await.expect("the task ran to its end")
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        heist::yield_now()
    }
}

/// The sum of what `tasks` tasks give, as one `heist::gather`.
pub(crate) async fn gather<F>(tasks: u64, task: impl Fn(u64) -> F + Send) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    heist::gather((0..tasks).map(task)).await.into_iter().sum()
}
