//! smol's executor (async-executor) on threads of its own, set up as its documentation does it.

use super::{Runtime, Spawner};
use async_channel::{Receiver, Sender};
use async_executor::{Executor, Task};
use futures_lite::future;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// An executor run by as many threads as there are workers: the caller of `block_on` is one of them.
#[derive(Debug)]
pub struct Smol {
    executor: Arc<Executor<'static>>,
    running: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

/// `Executor::spawn`.
#[derive(Clone, Debug)]
pub struct SmolSpawner(Arc<Executor<'static>>);

impl Runtime for Smol {
    type Spawner = SmolSpawner;

    fn start(workers: usize) -> Self {
        let executor = Arc::new(Executor::new());
        let (running, stopped) = async_channel::bounded(1);
        let threads = (1..workers)
            .map(|_| serve(Arc::clone(&executor), stopped.clone()))
            .collect();
        Self {
            executor,
            running,
            threads,
        }
    }

    fn spawner(&self) -> SmolSpawner {
        SmolSpawner(Arc::clone(&self.executor))
    }

    fn block_on<F: Future>(&self, root: F) -> F::Output {
        future::block_on(self.executor.run(root))
    }
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.running.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("no task panics");
        }
    }
}

/// A thread that runs the executor's tasks until the channel is closed.
fn serve(executor: Arc<Executor<'static>>, stopped: Receiver<()>) -> JoinHandle<()> {
    thread::spawn(move || {
        let closed = future::block_on(executor.run(stopped.recv()));
        debug_assert!(closed.is_err(), "nothing is ever sent");
    })
}

impl Spawner for SmolSpawner {
    type Handle<T: Send + 'static> = Task<T>;

    fn spawn<T, F>(&self, future: F) -> Task<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.0.spawn(future)
    }

    async fn join<T: Send + 'static>(handle: Task<T>) -> T {
        handle.await
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }
}
