//! Where a task goes on that awaited another one: behind what that one was queued with, or at once.

mod common;

use common::{Counter, run_on};
use std::sync::{Arc, Mutex};

type Order = Arc<Mutex<Vec<&'static str>>>;

/// A list, and what puts a name at its end.
fn notes() -> (Order, impl Fn(&'static str) + Clone + Send) {
    let order = Order::default();
    let note = {
        let order = Arc::clone(&order);
        move |name| order.lock().unwrap().push(name)
    };
    (order, note)
}

#[test]
fn a_joiner_goes_on_behind_the_neighbours_of_the_task_that_it_awaited() {
    let (order, note) = notes();
    run_on(1, async move {
        let joiner = heist::spawn(async move {
            let [first, second, third] = ["first", "second", "third"].map(|name| {
                let note = note.clone();
                heist::spawn(async move { note(name) })
            });
            first.await.unwrap();
            note("joiner");
            second.await.unwrap();
            third.await.unwrap();
        });
        joiner.await.unwrap();
    });
    // The last one spawned is in the next slot, the others are queued.
    let order = order.lock().unwrap();
    assert_eq!(*order, ["third", "first", "second", "joiner"]);
}

#[test]
fn a_root_lets_the_neighbours_of_the_task_that_it_awaited_pass_but_not_for_ever() {
    const NEIGHBOURS: usize = 1_000;
    let done = Counter::new();
    let passed = run_on(1, async {
        let tasks: Vec<_> = (0..NEIGHBOURS)
            .map(|_| {
                let done = done.clone();
                heist::spawn(async move { done.add() })
            })
            .collect();
        let mut tasks = tasks.into_iter();
        tasks.next().unwrap().await.unwrap();
        let passed = done.get();
        for task in tasks {
            task.await.unwrap();
        }
        passed
    });
    assert!((2..100).contains(&passed), "{passed}");
    assert_eq!(done.get(), NEIGHBOURS);
}

#[test]
fn a_joiner_goes_on_at_once_behind_a_task_of_the_next_slot() {
    let (order, note) = notes();
    run_on(1, async move {
        let other = {
            let note = note.clone();
            move || heist::spawn(async move { note("other") })
        };
        let joiner = heist::spawn(async move {
            let other = other();
            heist::spawn(async {}).await.unwrap();
            note("joiner");
            other.await.unwrap();
        });
        joiner.await.unwrap();
    });
    let order = order.lock().unwrap();
    assert_eq!(*order, ["joiner", "other"]);
}
