//! Threads, memory and time: of the first runtime in a process, while it is alive, and after it.

use crate::allocator::in_use;
use heist_benches::launch::{Launch, Measured, figure};
use heist_benches::process;
use heist_benches::runtimes::{Runtime, Spawner};
use heist_benches::workers;
use heist_benches::workloads::{ready, sum_below};
use std::thread;
use std::time::Instant;

const NO_THREADS: &str = "threads are counted on Linux alone";

/// Threads of the process while a runtime is alive that has run one task.
pub(crate) fn threads_alive<R: Runtime>(_launch: Launch) -> Measured {
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let threads = runtime.block_on(async {
        assert_eq!(R::Spawner::join(spawner.spawn(ready(1))).await, 1);
        process::threads()
    });
    Ok(figure(threads.ok_or(NO_THREADS)? as f64))
}

/// Threads that are left right after the last of so many fresh runtimes, each with one task.
pub(crate) fn threads<R: Runtime, const LIVES: u64>(_launch: Launch) -> Measured {
    let before = process::threads().ok_or(NO_THREADS)?;
    live::<R>(LIVES);
    // The system lists a thread that was joined for a moment more.
    let looks = (0..LOOKS).map(|_| {
        thread::yield_now();
        process::threads()
    });
    let left = looks.min().flatten().ok_or(NO_THREADS)?;
    Ok(figure(left as f64 - before as f64))
}

/// The fewest threads of so many looks are those that are left.
const LOOKS: usize = 100;

/// Bytes that are in use right after the last of so many fresh runtimes, each with one task.
pub(crate) fn bytes<R: Runtime, const LIVES: u64>(_launch: Launch) -> Measured {
    let before = in_use();
    live::<R>(LIVES);
    Ok(figure((in_use() - before) as f64))
}

/// How long the first fresh runtime of a process takes, with one task: nothing is kept or warm yet.
pub(crate) fn first<R: Runtime>(_launch: Launch) -> Measured {
    let start = Instant::now();
    live::<R>(1);
    Ok(figure(start.elapsed().as_nanos() as f64))
}

fn live<R: Runtime>(lives: u64) {
    let one_task = |number| {
        R::fresh(workers(), |spawner| async move {
            R::Spawner::join(spawner.spawn(ready(number))).await
        })
    };
    let sum: u64 = (0..lives).map(one_task).sum();
    assert_eq!(sum, sum_below(lives));
}
