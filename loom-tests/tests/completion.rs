//! Completion by the owner of the pages, who gives its reference back at once, and by others, who do not.
//!
//! Asserted: the join waker is taken from the cell before that is given out again, whoever takes the output sees it, and the cell is freed once,
//! also where wakers were made of the runner's spare references.
//!
//! Mutants that must die: `complete-relaxed`, `complete-sees-no-waker`, `release-before-wake`, `thief-releases-early`, `owner-releases-twice`,
//! `owner-frees-nothing`, `release-complete-relaxed`, `wake-value-unreleased`, `spare-forgotten-at-the-end`, `spare-made-one-by-one`, `spare-given-back-and-kept`, `spare-outlives-the-turn`,
//! `output-dropped-in-place`.
#![cfg(heist_loom)]

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use heist::model::{AbortHandle, JoinHandle};
use heist_loom_tests::{Signal, World, model};
use loom::thread;

/// Leaves a waker with the handle, if its task is not complete.
fn wait_in_vain(handle: &mut JoinHandle<u8>) {
    let waker = Arc::new(Signal::default()).waker();
    let _ = Pin::new(handle).poll(&mut Context::from_waker(&waker));
}

/// On the owner's thread. The cell that came back last is the first to go, if it is free by now.
fn make_another(world: &'static World) {
    let (task, handle) = world.create(std::future::ready(2));
    drop(handle);
    world.push(task);
    assert!(world.turn());
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
            make_another(world);
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

#[test]
fn a_joiner_takes_the_output_from_a_thief() {
    model("output from a thief", 3, || {
        World::stage(|world| {
            let (task, mut handle) = world.create(std::future::ready(1));
            world.push(task);
            let thief = thread::spawn(move || assert!(world.turn()));
            let output = Arc::new(Signal::default()).block_on(&mut handle);
            assert_eq!(output.unwrap(), 1);
            drop(handle);
            make_another(world);
            thief.join().unwrap();
        });
    });
}

#[test]
fn wakers_of_the_last_poll_outlive_it() {
    model("wakers of the last poll", 3, || {
        World::stage(|world| {
            let wakers = Arc::new(Mutex::new(Vec::new()));
            let left = Arc::clone(&wakers);
            let (task, handle) = world.create(poll_fn(move |cx| {
                // More than there are spare references, and one that is given back.
                let made: Vec<_> = (0..5).map(|_| cx.waker().clone()).collect();
                drop(cx.waker().clone());
                *left.lock().unwrap() = made;
                Poll::Ready(Spare(cx.waker().clone()))
            }));
            world.push(task);
            let other = thread::spawn(move || drop(handle));
            assert!(world.turn());
            let mut wakers = std::mem::take(&mut *wakers.lock().unwrap());
            drop(wakers.pop());
            wakers.into_iter().for_each(Waker::wake);
            other.join().unwrap();
        });
    });
}

/// Wakers of one turn are dropped in the next, more than that has made, while others use theirs.
#[test]
fn a_turn_gives_wakers_of_the_last_one_back() {
    model("wakers of the last turn", 3, || {
        World::stage(|world| {
            let sent = Arc::new(Mutex::new(None));
            let elsewhere = Arc::clone(&sent);
            let mut kept = Vec::new();
            let (task, handle) = world.create(poll_fn(move |cx| {
                if kept.is_empty() {
                    kept = (0..5).map(|_| cx.waker().clone()).collect();
                    *elsewhere.lock().unwrap() = Some(cx.waker().clone());
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                kept.clear();
                Poll::Ready(())
            }));
            world.push(task);
            assert!(world.turn());
            let waker: Option<Waker> = sent.lock().unwrap().take();
            let other = thread::spawn(move || {
                waker.expect("the first turn has left it").wake();
                drop(handle);
            });
            assert!(world.turn());
            other.join().unwrap();
        });
    });
}

/// An output that makes wakers when it is dropped, whose task has its last turn, or is over.
struct Spare(Waker);

impl Drop for Spare {
    fn drop(&mut self) {
        drop(self.0.clone());
    }
}

/// An output whose destructor gives the last reference to its task back, and then makes another one.
struct Heir {
    abort: Option<AbortHandle>,
    world: Lent,
    canary: u64,
}

#[derive(Clone, Copy)]
struct Lent(&'static World);

// SAFETY: loom watches what its threads do with a world.
unsafe impl Send for Lent {}

impl Lent {
    fn world(self) -> &'static World {
        self.0
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        drop(self.abort.take());
        if !self.world.world().is_own() {
            return;
        }
        let fill = [!0_u64; 4];
        let (task, handle) = self.world.world().create(async move { fill });
        assert_eq!(self.canary, 7, "dropped where the new task lies");
        drop(handle);
        self.world.world().push(task);
    }
}

#[test]
fn an_output_is_dropped_whose_cell_is_given_out_anew_meanwhile() {
    model("output dropped while its cell is given out", 3, || {
        World::stage(|world| {
            let abort = Arc::new(Mutex::new(None));
            let (own, lent) = (Arc::clone(&abort), Lent(world));
            let (task, handle) = world.create(async move {
                Heir {
                    abort: own.lock().unwrap().take(),
                    world: lent,
                    canary: 7,
                }
            });
            *abort.lock().unwrap() = Some(handle.abort_handle());
            world.push(task);
            let other = thread::spawn(move || drop(handle));
            while world.turn() {}
            other.join().unwrap();
            while world.turn() {}
        });
    });
}
