//! What still works when the system refuses every thread.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

mod common;

use common::Watchdog;
use heist::Builder;
use std::thread;

/// More than there are addresses for.
const TOO_LARGE: usize = 1 << 46;

#[test]
fn a_caller_whose_runtime_gets_no_threads_runs_the_tasks_itself() {
    let watchdog = Watchdog::start();
    let refused = thread::Builder::new().stack_size(TOO_LARGE).spawn(|| ());
    assert!(refused.is_err(), "the test needs threads to be refused");
    for workers in [1, 2, 4] {
        let builder = Builder::new()
            .worker_threads(workers)
            .thread_stack_size(TOO_LARGE);
        let sum = builder.run(async {
            watchdog.knows_current();
            let (one, two) = (heist::spawn(async { 1 }), heist::spawn(async { 2 }));
            // Gives the caller's worker away, and nobody comes for it.
            heist::block_in_place(|| ());
            one.await.unwrap() + two.await.unwrap()
        });
        assert_eq!(sum.unwrap(), 3);
    }
}
