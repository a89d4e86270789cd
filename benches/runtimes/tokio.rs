//! tokio: the multi-thread runtime, and the current-thread one for fresh loops.

use super::{Runtime, Spawner};
use tokio::runtime;
use tokio::task::{self, JoinHandle, JoinSet};

/// tokio's multi-thread runtime, as `#[tokio::main]` builds it.
#[derive(Debug)]
pub struct Tokio(runtime::Runtime);

/// tokio's current-thread runtime, as `#[tokio::main(flavor = "current_thread")]` builds it.
#[derive(Debug)]
pub struct TokioCurrentThread(runtime::Runtime);

/// As [`TokioCurrentThread`], with neither sockets nor timers: the least that tokio can start.
#[derive(Debug)]
pub struct TokioBare(runtime::Runtime);

/// `tokio::spawn` and its company.
#[derive(Clone, Copy, Debug)]
pub struct TokioSpawner;

impl Runtime for Tokio {
    type Spawner = TokioSpawner;

    fn start(workers: usize) -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .enable_all()
            .build();
        Self(runtime.expect("tokio starts"))
    }

    fn spawner(&self) -> TokioSpawner {
        TokioSpawner
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }
}

impl Runtime for TokioCurrentThread {
    type Spawner = TokioSpawner;

    fn start(_workers: usize) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        Self(runtime.expect("tokio starts"))
    }

    fn spawner(&self) -> TokioSpawner {
        TokioSpawner
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }
}

impl Runtime for TokioBare {
    type Spawner = TokioSpawner;

    fn start(_workers: usize) -> Self {
        let runtime = runtime::Builder::new_current_thread().build();
        Self(runtime.expect("tokio starts"))
    }

    fn spawner(&self) -> TokioSpawner {
        TokioSpawner
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        self.0.block_on(root)
    }
}

impl Spawner for TokioSpawner {
    type Handle<T: Send + 'static> = JoinHandle<T>;

    fn spawn<T, F>(&self, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        tokio::spawn(future)
    }

    async fn join<T: Send + 'static>(handle: JoinHandle<T>) -> T {
        handle.await.expect("the task ran to its end")
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        task::yield_now()
    }
}

/// The sum of what `tasks` tasks give, spawned into and joined from a `JoinSet`.
pub(crate) async fn join_set<F>(tasks: u64, task: impl Fn(u64) -> F + Send) -> u64
where
    F: Future<Output = u64> + Send + 'static,
{
    let mut set: JoinSet<u64> = (0..tasks).map(task).collect();
    let mut sum = 0;
    while let Some(output) = set.join_next().await {
        sum += output.expect("the task ran to its end");
    }
    sum
}
