//! Memory of pending tasks: many of them, spawned by a task, all waiting for one event.
//!
//! Counted is what the runtime takes for them, and what the spawner keeps: handles in a vector, a gather, a `JoinSet`. Once in bytes that were
//! asked of the allocator, and once in bytes by which the process grew, where allocators keep room for themselves and for alignment.

use crate::allocator::in_use;
use heist_benches::launch::{Figure, Launch, Measured, figure};
use heist_benches::process::resident;
use heist_benches::runtimes::{Heist, Runtime, Spawner, Tokio};
use heist_benches::workers;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use tokio::task::JoinSet;

const TASKS: usize = 100_000;

/// What the futures' bytes are filled with.
const FILL: u8 = 0xA5;

/// What all tasks wait for. A static, so that a future needs no bytes to find it.
static EVENT: Mutex<Event> = Mutex::new(Event {
    happened: false,
    waiting: Vec::new(),
});

struct Event {
    happened: bool,
    waiting: Vec<Waker>,
}

fn event() -> MutexGuard<'static, Event> {
    EVENT.lock().expect("no panic happens under this lock")
}

/// Waits for the event, and holds so many bytes.
struct Waiting<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Future for Waiting<BYTES> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut event = event();
        if event.happened {
            drop(event);
            assert_eq!(self.0, [FILL; BYTES]);
            return Poll::Ready(());
        }
        event.waiting.push(cx.waker().clone());
        Poll::Pending
    }
}

fn all<const BYTES: usize>() -> impl Iterator<Item = Waiting<BYTES>> + Send {
    (0..TASKS).map(|_| Waiting([FILL; BYTES]))
}

/// Each task spawned by itself.
pub(crate) fn spawned<R: Runtime, const BYTES: usize>(_launch: Launch) -> Measured {
    bytes_per_task::<R, _>(spawn_all::<R::Spawner, BYTES>)
}

/// The tasks of one `heist::gather`.
pub(crate) fn gathered<const BYTES: usize>(_launch: Launch) -> Measured {
    bytes_per_task::<Heist, _>(|_| async { heist::gather(all::<BYTES>()).await.len() })
}

/// The tasks of one `JoinSet` of tokio's.
pub(crate) fn in_join_set<const BYTES: usize>(_launch: Launch) -> Measured {
    bytes_per_task::<Tokio, _>(|_| async {
        let mut set: JoinSet<()> = all::<BYTES>().collect();
        let mut done = 0;
        while let Some(output) = set.join_next().await {
            output.expect("the task ran to its end");
            done += 1;
        }
        done
    })
}

async fn spawn_all<S: Spawner, const BYTES: usize>(spawner: S) -> usize {
    let handles: Vec<_> = all::<BYTES>().map(|task| spawner.spawn(task)).collect();
    let mut done = 0;
    for handle in handles {
        S::join(handle).await;
        done += 1;
    }
    done
}

/// `start` gives a future that starts all tasks, awaits them, and gives their number.
fn bytes_per_task<R, F>(start: impl FnOnce(R::Spawner) -> F) -> Measured
where
    R: Runtime,
    F: Future<Output = usize> + Send + 'static,
{
    let runtime = R::start(workers());
    let spawner = runtime.spawner();
    // The wakers are no part of what is measured: their place is there, and has been written to.
    event().waiting.resize(TASKS, Waker::noop().clone());
    event().waiting.clear();
    let before = (in_use(), resident());
    runtime.block_on(async {
        let tasks = spawner.spawn(start(spawner.clone()));
        while event().waiting.len() < TASKS {
            R::Spawner::yield_now().await;
        }
        let bytes = in_use() - before.0;
        let grown = before.1.and_then(|before| Some(resident()? - before));
        let waiting = happen();
        assert_eq!(waiting, TASKS, "each task was polled once");
        assert_eq!(R::Spawner::join(tasks).await, TASKS);
        let mut figures = figure(bytes as f64 / TASKS as f64);
        figures.extend(grown.map(|grown| Figure {
            suffix: "_resident",
            value: grown as f64 / TASKS as f64,
            processor: None,
            threads: None,
        }));
        Ok(figures)
    })
}

/// Lets the event happen. Gives the number of those who waited.
fn happen() -> usize {
    let mut event = event();
    event.happened = true;
    let waiting = std::mem::take(&mut event.waiting);
    drop(event);
    let tasks = waiting.len();
    waiting.into_iter().for_each(Waker::wake);
    tasks
}
