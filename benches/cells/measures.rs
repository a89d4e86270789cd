//! How work is timed: the clock is read where the work is driven, and every result is checked.

use super::Measure;
use crate::runtimes::{Runtime, Spawner};
use crate::workers;
use crate::workloads::{boxed, sum_below};
use rayon::ThreadPoolBuilder;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use std::thread;
use std::time::{Duration, Instant};

/// Runs `driver` as a task, so that what it does is done on a worker.
pub(super) fn on_worker<R, F>(runtime: &R, driver: F) -> F::Output
where
    R: Runtime,
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let spawner = runtime.spawner();
    runtime.block_on(async { R::Spawner::join(spawner.spawn(driver)).await })
}

/// Iterations are whole batches of tasks, begun and joined by a task on a worker. Each gives the sum of the numbers below `tasks`.
pub(super) fn batch<R, F>(
    tasks: u64,
    work: impl Fn(R::Spawner) -> F + Copy + Send + 'static,
) -> Measure
where
    R: Runtime,
    F: Future<Output = u64> + Send + 'static,
{
    let runtime = R::start(workers());
    Box::new(move |iterations| {
        let spawner = runtime.spawner();
        on_worker(&runtime, async move {
            let start = Instant::now();
            for _ in 0..iterations {
                assert_eq!(work(spawner.clone()).await, sum_below(tasks));
            }
            start.elapsed()
        })
    })
}

/// Iterations are calls that give back their number.
pub(super) fn timed(mut call: impl FnMut(u64) -> u64 + 'static) -> Measure {
    Box::new(move |iterations| {
        let start = Instant::now();
        let sum: u64 = (0..iterations).map(&mut call).sum();
        let time = start.elapsed();
        assert_eq!(sum, sum_below(iterations));
        time
    })
}

/// The floor of single operations: all iterations in one call.
pub(super) fn floor(work: fn(u64) -> u64) -> Measure {
    Box::new(move |iterations| {
        let start = Instant::now();
        let sum = work(iterations);
        let time = start.elapsed();
        assert_eq!(sum, sum_below(iterations));
        time
    })
}

/// The floor of batches.
pub(super) fn floor_batch<F>(tasks: u64, task: impl Fn(u64) -> F + Copy + 'static) -> Measure
where
    F: Future<Output = u64> + Send + 'static,
{
    Box::new(move |iterations| {
        let start = Instant::now();
        for _ in 0..iterations {
            assert_eq!(boxed(tasks, task), sum_below(tasks));
        }
        start.elapsed()
    })
}

/// The floor of batches that compute: rayon, on as many threads as there are workers. Every number is up for stealing by itself, as tasks are.
pub(super) fn floor_parallel(numbers: u32, compute: fn(u64) -> u64) -> Measure {
    let pool = ThreadPoolBuilder::new().num_threads(workers()).build();
    let pool = pool.expect("rayon starts");
    Box::new(move |iterations| {
        pool.install(|| {
            let start = Instant::now();
            for _ in 0..iterations {
                let each = (0..numbers).into_par_iter().with_max_len(1);
                let sum: u64 = each.map(|number| compute(number.into())).sum();
                assert_eq!(sum, sum_below(numbers.into()));
            }
            start.elapsed()
        })
    })
}

/// Runs `work` on a thread that is no worker, while the caller waits in `block_on`, and so lends itself to the runtime as a worker if that is
/// the runtime's way.
pub(super) fn outside<R, W>(runtime: &R, work: W) -> Duration
where
    R: Runtime,
    W: FnOnce(R::Remote) -> Duration + Send + 'static,
{
    let remote = runtime.remote();
    let (done, time) = async_channel::bounded(1);
    let thread = thread::spawn(move || {
        let time = work(remote);
        done.try_send(time).expect("the caller waits");
    });
    let time = runtime.block_on(time.recv());
    thread.join().expect("the work was done");
    time.expect("the work was timed")
}
