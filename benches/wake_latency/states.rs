//! The states of the workers in which a task is woken.

use crate::bell::bell;
use crate::crowd::{self, Crowd, amid};
use crate::ringer::{Answer, Ringer};
use crate::wakes::Wakes;
use heist_benches::launch::{Launch, Measured};
use heist_benches::runtimes::{Runtime, Spawner};
use heist_benches::workers;
use heist_benches::workloads::calibrate;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How long wakes are measured.
pub(crate) const TIME: Duration = Duration::from_secs(3);

/// As [`TIME`], in the mixed crowd.
const MIXED_TIME: Duration = Duration::from_millis(1_500);

/// In the mixed crowd so many tasks are woken at once, more than there are workers to run them next.
const TOGETHER: usize = 8;

/// Before a wake from outside: long enough for all workers to fall asleep.
pub(crate) const LONG_PAUSE: Duration = Duration::from_millis(1);

/// Before a wake from outside: long enough for the task's last poll to end.
const SHORT_PAUSE: Duration = Duration::from_micros(100);

/// All workers sleep, and a thread outside wakes.
pub(crate) fn parked<R: Runtime>(launch: Launch) -> Measured {
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let wakes = runtime.block_on(from_outside(launch.time(TIME), &spawner, LONG_PAUSE));
    Ok(wakes.percentiles())
}

/// All workers run tasks that yield all the time, and a thread outside wakes.
pub(crate) fn busy<R: Runtime>(launch: Launch) -> Measured {
    crowded_from_outside::<R>(launch.time(TIME), crowd::YIELDING)
}

/// All workers run tasks that yield all the time, some after a long poll, and one more task wakes several at once.
pub(crate) fn mixed<R: Runtime>(launch: Launch) -> Measured {
    calibrate();
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let driver = async {
        let wakes = from_task(TOGETHER, launch.time(MIXED_TIME), spawner.clone());
        R::Spawner::join(spawner.spawn(wakes)).await
    };
    let wakes = runtime.block_on(amid(crowd::MIXED, &spawner, driver));
    Ok(wakes.percentiles())
}

/// As [`mixed`], but a thread outside wakes a single task.
pub(crate) fn mixed_outside<R: Runtime>(launch: Launch) -> Measured {
    calibrate();
    crowded_from_outside::<R>(launch.time(MIXED_TIME), crowd::MIXED)
}

fn crowded_from_outside<R: Runtime>(time: Duration, crowd: Crowd) -> Measured {
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let outside = from_outside(time, &spawner, SHORT_PAUSE);
    let wakes = runtime.block_on(amid(crowd, &spawner, outside));
    Ok(wakes.percentiles())
}

/// A running task wakes, and goes on to yield. Where the woken task then runs is the runtime's affair.
pub(crate) fn same_worker<R: Runtime>(launch: Launch) -> Measured {
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    let wakes = runtime.block_on(async {
        let wakes = from_task(1, launch.time(TIME), spawner.clone());
        R::Spawner::join(spawner.spawn(wakes)).await
    });
    Ok(wakes.percentiles())
}

/// Wakes so many tasks at once.
async fn from_task<S: Spawner>(together: usize, time: Duration, spawner: S) -> Wakes {
    let (answers, answered) = channel();
    let (bells, tasks): (Vec<_>, Vec<_>) = (0..together).map(|_| bell(answers.clone())).unzip();
    let tasks: Vec<_> = tasks.into_iter().map(|task| spawner.spawn(task)).collect();
    let ring = move |number| bells.iter().for_each(|bell| bell.ring(number));
    let ringer = Ringer::new(ring, answered);
    let (rung, wakes) = ringer.wake_from_task::<S>(together, time).await;
    for task in tasks {
        assert_eq!(S::join(task).await, rung + 1);
    }
    wakes
}

async fn from_outside<S: Spawner>(time: Duration, spawner: &S, pause: Duration) -> Wakes {
    let (answers, answered) = channel();
    let (bell, task) = bell(answers);
    let ring = move |number| bell.ring(number);
    wake_from_outside(time, spawner, task, ring, answered, pause).await
}

/// Spawns `task`, which gives the number of its answers, and wakes it from a thread of its own. The task ends when `ring` is dropped.
pub(crate) async fn wake_from_outside<S: Spawner>(
    time: Duration,
    spawner: &S,
    task: impl Future<Output = u64> + Send + 'static,
    ring: impl FnMut(u64) + Send + 'static,
    answers: Receiver<Answer>,
    pause: Duration,
) -> Wakes {
    let task = spawner.spawn(task);
    let ringer = Ringer::new(ring, answers);
    let outside = thread::spawn(move || ringer.wake_from_outside(pause, time));
    let answers = S::join(task).await;
    let (rung, wakes) = outside.join().expect("every wake is answered");
    assert_eq!(answers, rung + 1);
    wakes
}
