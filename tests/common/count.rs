//! A counter that tasks and threads can wait on.

use super::lock;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

/// Counts events. Cloning it gives another handle to the same count; tasks await [`Counter::reached`], threads
/// block in [`Counter::wait`].
#[derive(Clone, Default)]
pub(crate) struct Counter(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    count: usize,
    wakers: Vec<Waker>,
}

impl Counter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Counts one more, and returns the new count.
    pub(crate) fn add(&self) -> usize {
        let mut state = lock(&self.0.state);
        state.count += 1;
        let count = state.count;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.0.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    pub(crate) fn get(&self) -> usize {
        lock(&self.0.state).count
    }

    /// Resolves once the count is at least `target`.
    pub(crate) fn reached(&self, target: usize) -> Reached {
        Reached {
            counter: self.clone(),
            target,
        }
    }

    /// Blocks the thread until the count is at least `target`.
    pub(crate) fn wait(&self, target: usize) {
        let state = lock(&self.0.state);
        let done = self.0.changed.wait_while(state, |s| s.count < target);
        drop(done.expect("no panic happens under this lock"));
    }

    /// A value that counts one when it is dropped.
    pub(crate) fn guard(&self) -> CountsDrop {
        CountsDrop(self.clone())
    }
}

/// The future behind [`Counter::reached`].
pub(crate) struct Reached {
    counter: Counter,
    target: usize,
}

impl Future for Reached {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.counter.0.state);
        if state.count >= self.target {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|w| w.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Counts its own drop; see [`Counter::guard`].
pub(crate) struct CountsDrop(Counter);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.add();
    }
}
