//! Pitfalls of what is kept, counted and shared: see the table in `pitfalls.rs`.

mod common;

use common::{Counter, Watchdog, run_on};
use futures_lite::future::block_on;
use heist::{Builder, Handle, Runtime};
use std::fs;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The version of a package, as resolved for this repository.
fn locked_version(package: &str) -> Vec<u32> {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let (_, after) = lock
        .split_once(&format!("name = \"{package}\"\nversion = \""))
        .unwrap();
    let (version, _) = after.split_once('"').unwrap();
    version.split('.').map(|n| n.parse().unwrap()).collect()
}

#[test]
fn the_deques_are_not_those_that_gave_one_element_twice() {
    assert!(locked_version("crossbeam-deque") >= vec![0, 8, 1]);
}

#[test]
fn owners_and_thieves_of_the_same_queues_poll_each_task_once() {
    const TASKS: usize = 20_000;
    run_on(4, async {
        let polls: Arc<[AtomicU32]> = (0..TASKS).map(|_| AtomicU32::new(0)).collect();
        // Four tasks fill the queues of their workers, and take from each other's.
        let spawners: Vec<_> = (0..4)
            .map(|part| {
                let polls = Arc::clone(&polls);
                heist::spawn(async move {
                    let own = (0..TASKS / 4).map(|i| {
                        let polls = Arc::clone(&polls);
                        let i = i * 4 + part;
                        heist::spawn(async move { polls[i].fetch_add(1, Ordering::Relaxed) })
                    });
                    for task in own.collect::<Vec<_>>() {
                        assert_eq!(task.await.unwrap(), 0);
                    }
                })
            })
            .collect();
        for spawner in spawners {
            spawner.await.unwrap();
        }
        assert!(polls.iter().all(|polls| polls.load(Ordering::Relaxed) == 1));
    });
}

#[test]
fn tasks_that_hold_a_handle_of_their_runtime_do_not_keep_it() {
    let _watchdog = Watchdog::start();
    for workers in [1, 2] {
        // The hook goes when the runtime's memory does.
        let (freed, dropped) = (Counter::new(), Counter::new());
        let hook = freed.guard();
        let builder = Builder::new().worker_threads(workers);
        let runtime = builder.on_thread_start(move || _ = &hook).build().unwrap();
        for _ in 0..10 {
            let (own, guard) = (runtime.handle(), dropped.guard());
            runtime.spawn(async move {
                let _held = (own, guard);
                pending::<()>().await;
            });
            // One that is done, and whose output, which nobody takes, is a handle as well.
            let own = runtime.handle();
            runtime.spawn(async move { own });
            // One that holds its runtime by way of a child.
            runtime.spawn(async { heist::spawn(pending::<Handle>()).await.ok() });
        }
        runtime.block_on(async { heist::time::sleep(std::time::Duration::from_millis(1)).await });
        drop(runtime);
        assert_eq!(dropped.get(), 10);
        // By a thread of the process that is on its way out of the runtime.
        freed.wait(1);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn one_future_on_a_runtime_of_32_workers_starts_two_threads_at_most_besides_its_monitor() {
    use common::{child, process};
    let this =
        "one_future_on_a_runtime_of_32_workers_starts_two_threads_at_most_besides_its_monitor";
    if !child::enter(this, &[]) {
        return;
    }
    let before = process::threads();
    let runtime = Builder::new().worker_threads(32).build().unwrap();
    assert_eq!(
        runtime.block_on(async { heist::spawn(async { 1 }).await.unwrap() }),
        1
    );
    assert_eq!(block_on(runtime.spawn(async { 2 })).unwrap(), 2);
    let started = process::threads() - before;
    assert!(started <= 3, "{started} threads");
}

/// The number of a task id.
fn number(id: heist::TaskId) -> u64 {
    id.to_string().parse().unwrap()
}

#[test]
fn runtimes_that_spawn_in_turn_do_not_take_turns_at_one_counter() {
    const SPAWNS: usize = 10_000;
    let _watchdog = Watchdog::start();
    let runtimes = [Runtime::new().unwrap(), Runtime::new().unwrap()];
    let ids: Vec<[u64; 2]> = (0..SPAWNS)
        .map(|_| [0, 1].map(|which| number(runtimes[which].spawn(async {}).id())))
        .collect();
    for which in [0, 1] {
        let is_gap = |pair: &&[[u64; 2]]| pair[1][which] != pair[0][which] + 1;
        let gaps = ids.windows(2).filter(is_gap).count();
        // Of a shared counter each would get every other number; here each comes by it once in many spawns.
        assert!(gaps <= SPAWNS / 500, "{gaps} gaps in {SPAWNS} ids");
    }
}
