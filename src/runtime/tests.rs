//! Work under a limit to sharing (`scheduler/sharing.rs`), which the monitor sets by how the machine is used, and these tests by themselves.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Barrier, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use super::{Builder, Runtime};
use crate::scheduler::sharing::Limit;
use crate::sync::{AtomicBool, Ordering};
use crate::{gather, spawn, time, yield_now};

/// Does `work` while the limit is set to one after the other of these, again and again, for so many microseconds each. The monitor lifts it at its ticks.
fn under_limits(
    workers: usize,
    limits: &[Option<Limit>],
    pause: Range<u64>,
    work: impl FnOnce(&Runtime),
) {
    let runtime = Builder::new().worker_threads(workers).build().unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        // Also if the work panics.
        struct Done<'d>(&'d AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let sharing = &runtime.handle.engine().sharing;
        let limiter = scope.spawn(|| {
            let mut rng = fastrand::Rng::with_seed(1);
            for limit in limits.iter().cycle() {
                sharing.limit_to(*limit);
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                thread::park_timeout(Duration::from_micros(rng.u64(pause.clone())));
            }
        });
        {
            let _done = Done(&is_done);
            work(&runtime);
        }
        limiter.thread().unpark();
    });
}

/// Shorter than a tick of the monitor, and longer than a few.
const SHORT: Range<u64> = 0..200;
const TICKS: Range<u64> = 40_000..60_000;

const ALONE: Option<Limit> = Some(Limit {
    company: 1,
    long: 1_000,
});
const TWO: Option<Limit> = Some(Limit {
    company: 2,
    long: 10,
});
const ALWAYS_ALONE: &[Option<Limit>] = &[ALONE];
const CHANGING: &[Option<Limit>] = &[None, TWO, ALONE, None, ALONE];

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Spawns, yields, sleeps, joins and gathers; the number of tasks that were run.
fn tree(depth: u32) -> Task<u64> {
    Box::pin(async move {
        if depth == 0 {
            time::sleep(Duration::from_micros(300)).await;
            return 1;
        }
        let children = [(); 4].map(|()| spawn(tree(depth - 1)));
        yield_now().await;
        let gathered = gather((0..3).map(|n| async move { n })).await;
        assert_eq!(gathered, [0, 1, 2]);
        let mut sum = 1;
        for child in children {
            sum += child.await.unwrap();
        }
        sum
    })
}

#[test]
fn what_is_run_does_not_depend_on_who_may_share() {
    for workers in [2, 4, 16] {
        for limits in [ALWAYS_ALONE, CHANGING] {
            under_limits(workers, limits, SHORT, |runtime| {
                let callers = |n: u64| {
                    for _ in 0..n {
                        let tree = runtime.block_on(async { spawn(tree(4)).await.unwrap() });
                        assert_eq!(tree, 1 + 4 + 16 + 64 + 256);
                    }
                };
                thread::scope(|scope| {
                    (0..3).for_each(|_| drop(scope.spawn(|| callers(3))));
                });
            });
        }
    }
}

/// For how long whoever holds a thread up waits to be told that others go on.
const LONG: Duration = Duration::from_secs(20);

/// Holds its thread up until all that `spawn` makes has used its sender.
fn hold_up(spawn: impl FnOnce(mpsc::Sender<()>)) -> bool {
    let (tell, told) = mpsc::channel();
    spawn(tell);
    while told.recv_timeout(LONG).is_ok() {}
    matches!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected))
}

fn spawn_some(count: usize) -> impl FnOnce(mpsc::Sender<()>) {
    move |tell| {
        for _ in 0..count {
            let tell = tell.clone();
            spawn(async move { tell.send(()).unwrap() });
        }
    }
}

#[test]
fn nothing_waits_for_a_poll_that_blocks() {
    under_limits(2, ALWAYS_ALONE, TICKS, |runtime| {
        for count in [1, 2, 10, 100] {
            let task = async move { hold_up(spawn_some(count)) };
            let ran = runtime.block_on(async { spawn(task).await.unwrap() });
            assert!(ran, "{count} tasks in the queue");
        }
        let timer = async {
            let asleep = spawn(time::sleep(Duration::from_millis(30)));
            yield_now().await;
            hold_up(|tell| {
                drop(spawn(async move {
                    asleep.await.unwrap();
                    drop(tell)
                }))
            })
        };
        assert!(
            runtime.block_on(async { spawn(timer).await.unwrap() }),
            "a timer"
        );
        let (tell, told) = mpsc::channel();
        let blocks = async move { told.recv_timeout(LONG).is_ok() };
        let tells = async move { tell.send(()).is_ok() };
        let both = [Box::pin(blocks) as Task<bool>, Box::pin(tells)];
        assert_eq!(runtime.block_on(gather(both)), [true, true]);
    });
}

/// Between two polls, that is: the root is over.
#[test]
fn nothing_waits_for_the_drop_of_a_root_that_blocks() {
    struct HoldsUp<'r>(&'r AtomicBool);
    impl Drop for HoldsUp<'_> {
        fn drop(&mut self) {
            // The first one is in the next slot, which this thread alone looks into.
            spawn(async {});
            self.0.store(hold_up(spawn_some(5)), Ordering::Relaxed);
        }
    }
    under_limits(2, ALWAYS_ALONE, TICKS, |runtime| {
        let all_ran = AtomicBool::new(false);
        let mut holds_up = Some(HoldsUp(&all_ran));
        runtime.block_on(poll_fn(move |_| {
            let _kept = &mut holds_up;
            Poll::Ready(())
        }));
        assert!(all_ran.into_inner());
    });
}

#[cfg(unix)]
#[test]
fn sockets_are_attended_while_a_task_blocks_and_by_whoever_sleeps_last() {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream as Peer;

    use futures_lite::{AsyncReadExt, AsyncWriteExt};

    use crate::net::UnixStream;

    under_limits(3, CHANGING, SHORT, |runtime| {
        let (mine, mut theirs) = Peer::pair().unwrap();
        let echo = runtime.spawn(async move {
            let mut mine = UnixStream::try_from(mine).unwrap();
            let mut byte = [0];
            while mine.read_exact(&mut byte).await.is_ok() {
                mine.write_all(&byte).await.unwrap();
            }
        });
        theirs
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut exchange = |n: u8| {
            theirs.write_all(&[n]).unwrap();
            let mut back = [0];
            theirs.read_exact(&mut back).unwrap();
            assert_eq!(back, [n]);
        };
        // One by one, so that everybody sleeps in between.
        (0..200).for_each(&mut exchange);
        // Beside one that is busy with short polls, and one that does not come back from its poll.
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let busy = runtime.spawn(poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            }));
            scope.spawn(|| {
                runtime.block_on(async {
                    while !is_done.load(Ordering::Relaxed) {
                        thread::park_timeout(Duration::from_millis(1));
                    }
                });
            });
            (0..200).for_each(&mut exchange);
            is_done.store(true, Ordering::Relaxed);
            busy.abort();
        });
        drop(theirs);
        runtime.block_on(echo).unwrap();
    });
}

/// The other worker is called in vain, until it naps.
async fn call_in_vain() {
    for n in 0..5_000_u64 {
        let two = [n, n + 1].map(|number| async move { number });
        assert_eq!(gather(two).await, [n, n + 1]);
    }
}

#[test]
fn without_one_two_that_wait_for_each_other_by_blocking_meet_before_the_monitor_comes() {
    const ROUNDS: usize = 41;

    under_limits(2, &[None], SHORT, |runtime| {
        let rounds = async {
            let mut waits = Vec::new();
            for _ in 0..ROUNDS {
                call_in_vain().await;
                let barrier = Arc::new(Barrier::new(2));
                let meet = |barrier: Arc<Barrier>| async move { barrier.wait().is_leader() };
                let begin = Instant::now();
                let leaders = gather([meet(barrier.clone()), meet(barrier)]).await;
                waits.push(begin.elapsed());
                assert_ne!(leaders[0], leaders[1]);
            }
            waits
        };
        let mut waits = runtime.block_on(async { spawn(rounds).await.unwrap() });
        waits.sort_unstable();
        // It ticks every 10 ms.
        assert!(waits[ROUNDS / 2] < Duration::from_millis(5), "{waits:?}");
    });
}
