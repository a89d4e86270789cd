//! The end of a runtime against foreign threads that wake and spawn, on real cells and pages.
//!
//! Asserted: the future is dropped, once, before the closing ends or by the one who came late; the joiner hears of it; nobody touches the
//! engine after its last cell has freed it.
//!
//! Mutants that must die: `closed-unchecked`, `push-without-fence`, `gate-unchecked`, `waker-lets-go-early`,
//! `claim-busy`, `cells-gone-relaxed`, `depart-fence`, `deserted-fence`.
#![cfg(heist_loom)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize as Tally, Ordering as Any};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use heist_loom_tests::{Signal, World, model, stage};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::sync::{Condvar, Mutex as Lock};
use loom::thread;

/// Never ready. Notes order nothing.
#[derive(Clone, Default)]
struct Notes(Arc<(Mutex<Option<Waker>>, Tally)>);

struct Never(Notes);

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *self.0.0.0.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Never {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Any::Relaxed);
    }
}

#[test]
fn a_late_wake_against_closing() {
    model("late wake against closing", 3, || {
        World::stage(|world| {
            let notes = Notes::default();
            let (task, handle) = world.create(Never(notes.clone()));
            world.push(task);
            assert!(world.turn());
            let waker = notes.0.0.lock().unwrap().take().unwrap();
            drop(handle);
            world.abandon();
            let foreign = thread::spawn(move || waker.wake());
            world.close();
            assert_eq!(notes.0.1.load(Any::Relaxed), 1, "dropped when closed");
            foreign.join().unwrap();
        });
    });
}

#[test]
fn a_spawn_against_closing() {
    model("spawn against closing", 3, || {
        World::stage(|world| {
            world.abandon();
            let notes = Notes::default();
            let future = Never(notes.clone());
            let foreign = thread::spawn(move || {
                if let Some(handle) = world.spawn_foreign(future) {
                    let outcome = Arc::new(Signal::default()).block_on(handle);
                    assert!(outcome.is_err_and(|error| error.is_cancelled()));
                }
            });
            world.close();
            foreign.join().unwrap();
            assert_eq!(notes.0.1.load(Any::Relaxed), 1);
        });
    });
}

/// `Closing::depart` against `Engine::wait_until_deserted`, which stand on the engine, by the same calls in the same order.
struct Closing {
    closed: AtomicBool,
    present: AtomicUsize,
    events: Lock<usize>,
    changed: Condvar,
}

impl Closing {
    fn depart(&self) {
        self.present.fetch_sub(1, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Acquire) {
            *self.events.lock().unwrap() += 1;
            self.changed.notify_all();
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
        loop {
            let seen = *self.events.lock().unwrap();
            if self.present.load(Ordering::Acquire) == 0 {
                return;
            }
            let mut events = self.events.lock().unwrap();
            while *events == seen {
                events = self.changed.wait(events).unwrap();
            }
        }
    }
}

#[test]
fn the_last_thread_departs_while_the_closer_waits() {
    model("departure against closing", 3, || {
        let closing = Closing {
            closed: AtomicBool::new(false),
            present: AtomicUsize::new(1),
            events: Lock::new(0),
            changed: Condvar::new(),
        };
        stage(closing, |closing| {
            let last = thread::spawn(|| closing.depart());
            closing.close();
            last.join().unwrap();
        });
    });
}
