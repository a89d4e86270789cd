//! The harness itself: it finds a lost wake-up, a leaked cell, a race and a contained panic, and does not accept a model with one interleaving.
#![cfg(heist_loom)]

use heist_loom_tests::{World, model, stage};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

#[test]
#[should_panic(expected = "deadlock")]
fn a_planted_lost_wake_up() {
    model("planted lost wake-up", 2, || {
        stage((AtomicBool::new(false), AtomicBool::new(false)), |flags| {
            let sleeper = thread::current();
            let waker = thread::spawn(move || {
                flags.0.store(true, Ordering::Release);
                // No fence: the look may be stale.
                if flags.1.load(Ordering::Acquire) {
                    sleeper.unpark();
                }
            });
            flags.1.store(true, Ordering::Release);
            if !flags.0.load(Ordering::Acquire) {
                thread::park();
            }
            waker.join().unwrap();
        });
    });
}

#[test]
#[should_panic(expected = "cells out")]
fn a_planted_leak() {
    model("planted leak", 2, || {
        World::stage(|world| {
            let (task, handle) = world.create(std::future::ready(()));
            world.push(task);
            assert!(world.turn());
            let other = thread::spawn(|| std::mem::forget(handle));
            world.queue.is_empty();
            other.join().unwrap();
        });
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_planted_race() {
    model("planted race", 2, || {
        stage((AtomicBool::new(false), UnsafeCell::new(0)), |shared| {
            let writer = thread::spawn(|| {
                shared.1.with_mut(|_| ());
                // Relaxed publishes nothing.
                shared.0.store(true, Ordering::Relaxed);
            });
            if shared.0.load(Ordering::Acquire) {
                shared.1.with(|_| ());
            }
            writer.join().unwrap();
        });
    });
}

#[test]
#[should_panic(expected = "a panic was contained")]
fn a_contained_panic_is_seen() {
    model("contained panic", 2, || {
        World::stage(|world| {
            let (task, handle) = world.create(async { panic!("planted") });
            drop(handle);
            world.push(task);
            assert!(world.turn());
        });
    });
}

#[test]
#[should_panic(expected = "only one interleaving")]
fn a_model_with_one_interleaving() {
    model("one interleaving", 2, || ());
}
