//! Tasks that keep all workers running while another task is woken.

use crate::wakes::Wakes;
use heist_benches::runtimes::Spawner;
use heist_benches::workers;
use heist_benches::workloads::{Computation, Compute};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a task does at each of its polls, given their number, which it gives back.
type Work = fn(u64) -> u64;

/// The tasks for each worker, by what they do before they yield again.
pub(crate) type Crowd = [Work; 5];

/// All of them do nothing else than yield.
pub(crate) const YIELDING: Crowd = [nothing; 5];

/// One in five computes for 50 µs per poll.
pub(crate) const MIXED: Crowd = [nothing, nothing, Compute::<50>::compute, nothing, nothing];

fn nothing(polls: u64) -> u64 {
    polls
}

/// Runs `wakes` in a crowd, which goes when it ends.
///
/// The processor time of a wake is not given: the crowd uses all there is.
pub(crate) async fn amid<S: Spawner>(
    crowd: Crowd,
    spawner: &S,
    wakes: impl Future<Output = Wakes>,
) -> Wakes {
    let stays = Arc::new(AtomicBool::new(true));
    let crowd = (0..workers()).flat_map(|_| crowd);
    let crowd = crowd.map(|work| spawner.spawn(keep_yielding::<S>(work, Arc::clone(&stays))));
    let crowd: Vec<_> = crowd.collect();
    let mut wakes = wakes.await;
    // Relaxed: it says nothing of anything else.
    stays.store(false, Ordering::Relaxed);
    for task in crowd {
        assert!(S::join(task).await > 0, "all of them were run");
    }
    wakes.processor = None;
    wakes
}

async fn keep_yielding<S: Spawner>(work: Work, stays: Arc<AtomicBool>) -> u64 {
    let mut polls = 0;
    // Relaxed: as where it is stored.
    while stays.load(Ordering::Relaxed) {
        assert_eq!(work(polls), polls);
        S::yield_now().await;
        polls += 1;
    }
    polls
}
