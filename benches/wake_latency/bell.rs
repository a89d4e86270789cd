//! A bell that anybody can ring, and the task that answers it.

use crate::ringer::Answer;
use futures_util::task::AtomicWaker;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::Instant;

/// Dropping it ends the task.
pub(crate) struct Bell(Arc<Shared>);

#[derive(Default)]
struct Shared {
    task: AtomicWaker,
    /// The number of the last ring.
    rung: AtomicU64,
}

const NO_MORE: u64 = u64::MAX;

impl Bell {
    pub(crate) fn ring(&self, number: u64) {
        // Release: pairs with the Acquire of the task.
        self.0.rung.store(number, Ordering::Release);
        self.0.task.wake();
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.ring(NO_MORE);
    }
}

/// A bell, and its task: each of its polls is an answer, the first one, to no ring, too. The task gives the number of answers.
pub(crate) fn bell(answers: Sender<Answer>) -> (Bell, impl Future<Output = u64> + Send + 'static) {
    let shared = Arc::new(Shared::default());
    let bell = Bell(Arc::clone(&shared));
    let mut polls = 0;
    let task = poll_fn(move |cx| {
        let polled = Instant::now();
        shared.task.register(cx.waker());
        // Acquire: pairs with the Release of `ring`.
        let number = shared.rung.load(Ordering::Acquire);
        if number == NO_MORE {
            return Poll::Ready(polls);
        }
        polls += 1;
        let sent = answers.send(Answer { number, polled });
        sent.expect("who rings waits for the answer");
        Poll::Pending
    });
    (bell, task)
}
