//! Completion by the owner of the pages, who gives its reference back at once, and by others, who do not.
//!
//! Asserted: the join waker is taken from the cell before that is given out again, and the cell is freed once.
//!
//! Mutants that must die: `release-before-wake`, `thief-releases-early`, `owner-releases-late`.
#![cfg(heist_loom)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use heist::model::JoinHandle;
use heist_loom_tests::{Signal, World, model};
use loom::thread;

/// Leaves a waker with the handle, if its task is not complete.
fn wait_in_vain(handle: &mut JoinHandle<u8>) {
    let waker = Arc::new(Signal::default()).waker();
    let _ = Pin::new(handle).poll(&mut Context::from_waker(&waker));
}

#[test]
fn a_thief_completes_while_the_owner_gives_the_cell_out_anew() {
    model("completion by a thief against reuse", 3, || {
        World::stage(|world| {
            let (task, mut handle) = world.create(std::future::ready(1));
            world.push(task);
            let thief = thread::spawn(move || assert!(world.turn()));
            wait_in_vain(&mut handle);
            drop(handle);
            // The cell that came back last is the first to go.
            let (task, handle) = world.create(std::future::ready(2));
            drop(handle);
            world.push(task);
            assert!(world.turn());
            thief.join().unwrap();
        });
    });
}

#[test]
fn the_owner_takes_the_join_waker_from_a_cell_that_is_free() {
    model("completion by the owner against a free", 3, || {
        World::stage(|world| {
            let (task, mut handle) = world.create(std::future::ready(1));
            world.push(task);
            world.abandon();
            let owner = thread::spawn(move || {
                world.take_over();
                assert!(world.turn());
                // Finds the cell that the other thread gave back, if it did.
                let (task, handle) = world.create(std::future::ready(2));
                let (other, other_handle) = world.create(std::future::ready(3));
                for task in [task, other] {
                    world.push(task);
                    assert!(world.turn());
                }
                drop((handle, other_handle));
                world.abandon();
            });
            wait_in_vain(&mut handle);
            drop(handle);
            owner.join().unwrap();
        });
    });
}
