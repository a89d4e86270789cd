//! Work spreads over the workers. What other tests do meanwhile could hide it, so these run one at a time, in a
//! process of their own.

mod common;

use common::{Counter, compute_for, one_at_a_time, run_on};
use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn a_thousand_children_of_fifty_microseconds_use_all_workers() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let threads = heist::gather((0..1_000).map(|_| async {
            compute_for(Duration::from_micros(50));
            thread::current().id()
        }));
        let distinct: HashSet<_> = threads.await.into_iter().collect();
        assert!(distinct.len() >= 2); // More, if the caller was stuck and made room.
    });
}

/// Two workers, one of them kept computing: what it had queued is stolen by the other.
#[test]
fn tasks_queued_behind_a_long_computation_are_stolen() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let task = heist::spawn(async {
            let done = Counter::new();
            for _ in 0..100 {
                let done = done.clone();
                heist::spawn(async move { done.add() });
            }
            let start = Instant::now();
            while done.get() < 100 && start.elapsed() < Duration::from_secs(10) {
                compute_for(Duration::from_micros(100));
            }
            done.get()
        });
        assert_eq!(task.await.unwrap(), 100);
    });
}

#[test]
fn spawned_tasks_use_all_workers() {
    let _turn = one_at_a_time();
    run_on(2, async {
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                heist::spawn(async {
                    compute_for(Duration::from_micros(50));
                    thread::current().id()
                })
            })
            .collect();
        let mut threads = HashSet::new();
        for task in tasks {
            threads.insert(task.await.unwrap());
        }
        assert!(threads.len() >= 2); // More, if the caller was stuck and made room.
    });
}

/// Such runs take the requests for a second thread back. The worker that the thread was to sit at is there for the next run.
#[test]
fn runs_that_end_before_the_thread_they_called_has_come_leave_the_next_one_whole() {
    let _turn = one_at_a_time();
    for _ in 0..2_000 {
        heist::run(async {
            for _ in 0..3 {
                heist::spawn(async {});
            }
        });
    }
    let threads_of_two_computations = || {
        heist::run(async {
            let threads = heist::gather((0..2).map(|_| async {
                compute_for(Duration::from_millis(1));
                thread::current().id()
            }));
            let distinct: HashSet<_> = threads.await.into_iter().collect();
            (distinct.len(), heist::Handle::current().metrics().workers())
        })
    };
    // The system may be late with a thread, but not each time.
    let spread = (0..50)
        .map(|_| threads_of_two_computations())
        .any(|(threads, workers)| threads == workers.min(2));
    assert!(spread);
}
