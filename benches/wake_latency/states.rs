//! The states of the workers in which a task is woken.

use crate::bell::bell;
use crate::ringer::{Answer, Ringer};
use crate::wakes::Wakes;
use heist_benches::launch::{Launch, Measured};
use heist_benches::runtimes::{Runtime, Spawner};
use heist_benches::workers;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long wakes are measured.
const TIME: Duration = Duration::from_secs(3);

/// Before a wake from outside: long enough for all workers to fall asleep.
pub(crate) const LONG_PAUSE: Duration = Duration::from_millis(1);

/// Before a wake from outside: long enough for the task's last poll to end.
const SHORT_PAUSE: Duration = Duration::from_micros(100);

/// Tasks for each worker that yield all the time.
const YIELDING: usize = 4;

/// All workers sleep, and a thread outside wakes.
pub(crate) fn parked<R: Runtime>(launch: Launch) -> Measured {
    let runtime = R::start(workers());
    let wakes = runtime.block_on(from_outside(launch, &runtime.spawner(), LONG_PAUSE));
    Ok(wakes.percentiles())
}

/// All workers run tasks that yield all the time, and a thread outside wakes.
///
/// The processor time of a wake is not given: those tasks use all there is.
pub(crate) fn busy<R: Runtime>(launch: Launch) -> Measured {
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let mut wakes = runtime.block_on(async {
        let busy = Arc::new(AtomicBool::new(true));
        let yielding: Vec<_> = (0..YIELDING * workers())
            .map(|_| spawner.spawn(keep_yielding::<R::Spawner>(Arc::clone(&busy))))
            .collect();
        let wakes = from_outside(launch, &spawner, SHORT_PAUSE).await;
        // Relaxed: it says nothing of anything else.
        busy.store(false, Ordering::Relaxed);
        for task in yielding {
            let yields = R::Spawner::join(task).await;
            assert!(yields > 0, "all of them were run");
        }
        wakes
    });
    wakes.processor = None;
    Ok(wakes.percentiles())
}

async fn keep_yielding<S: Spawner>(busy: Arc<AtomicBool>) -> u64 {
    let mut yields = 0;
    // Relaxed: as where it is stored.
    while busy.load(Ordering::Relaxed) {
        S::yield_now().await;
        yields += 1;
    }
    yields
}

/// A running task wakes, and goes on to yield. Where the woken task then runs is the runtime's affair.
pub(crate) fn same_worker<R: Runtime>(launch: Launch) -> Measured {
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let wakes = runtime.block_on(async {
        let driver = spawner.spawn(from_task(launch, spawner.clone()));
        R::Spawner::join(driver).await
    });
    Ok(wakes.percentiles())
}

async fn from_task<S: Spawner>(launch: Launch, spawner: S) -> Wakes {
    let (answers, answered) = channel();
    let (bell, task) = bell(answers);
    let task = spawner.spawn(task);
    let ringer = Ringer::new(move |number| bell.ring(number), answered);
    let (rung, wakes) = ringer.wake_from_task::<S>(launch.time(TIME)).await;
    assert_eq!(S::join(task).await, rung + 1);
    wakes
}

async fn from_outside<S: Spawner>(launch: Launch, spawner: &S, pause: Duration) -> Wakes {
    let (answers, answered) = channel();
    let (bell, task) = bell(answers);
    let ring = move |number| bell.ring(number);
    wake_from_outside(launch, spawner, task, ring, answered, pause).await
}

/// Spawns `task`, which gives the number of its answers, and wakes it from a thread of its own. The task ends when `ring` is dropped.
pub(crate) async fn wake_from_outside<S: Spawner>(
    launch: Launch,
    spawner: &S,
    task: impl Future<Output = u64> + Send + 'static,
    ring: impl FnMut(u64) + Send + 'static,
    answers: Receiver<Answer>,
    pause: Duration,
) -> Wakes {
    let task = spawner.spawn(task);
    let ringer = Ringer::new(ring, answers);
    let time = launch.time(TIME);
    let outside = thread::spawn(move || ringer.wake_from_outside(pause, time));
    let answers = S::join(task).await;
    let (rung, wakes) = outside.join().expect("every wake is answered");
    assert_eq!(answers, rung + 1);
    wakes
}
