//! Fresh loops by the cheapest idiom of each family: one thread, and nothing that the root does not need.

use crate::workloads::ready;
use async_executor::LocalExecutor;
use futures_executor::LocalPool;
use futures_lite::future;
use futures_util::task::LocalSpawnExt;

/// An empty root, polled by a `block_on` that has no tasks.
pub(super) fn block_on_only(number: u64) -> u64 {
    future::block_on(ready(number))
}

/// futures' `LocalPool`, with so many tasks.
pub(super) fn local_pool(tasks: u64, number: u64) -> u64 {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let spawn = |number| {
        let handle = spawner.spawn_local_with_handle(ready(number));
        handle.expect("the pool is there")
    };
    pool.run_until(root(tasks, number, spawn))
}

/// smol's `LocalExecutor`, with so many tasks.
pub(super) fn local_executor(tasks: u64, number: u64) -> u64 {
    let executor = LocalExecutor::new();
    let spawn = |number| executor.spawn(ready(number));
    future::block_on(executor.run(root(tasks, number, spawn)))
}

/// smol's `LocalExecutor` on a thread that looks after sockets and timers.
pub(super) fn local_executor_io(root: impl Future<Output = u64>) -> u64 {
    let executor = LocalExecutor::new();
    async_io::block_on(executor.run(root))
}

/// Spawns so many tasks and awaits them, as the roots of the other runtimes do.
async fn root<H>(tasks: u64, number: u64, spawn: impl Fn(u64) -> H) -> u64
where
    H: Future<Output = u64>,
{
    match tasks {
        0 => ready(number).await,
        1 => spawn(number).await,
        _ => {
            let handles: Vec<H> = (0..tasks).map(|_| spawn(number)).collect();
            let mut sum = 0;
            for handle in handles {
                sum += handle.await;
            }
            assert_eq!(sum, tasks * number);
            number
        }
    }
}
