//! How a batch ends: who is told, and who has the values.

use std::any::Any;
use std::mem;
use std::task::{Poll, Waker};

use crate::sync::Mutex;
use crate::util::contain::contain;

/// Why there are no values.
pub(crate) enum Stop<E> {
    /// An element panicked.
    Panic(Box<dyn Any + Send>),
    /// An element gave an error that ends the batch.
    Error(E),
    /// An element was cancelled with its runtime.
    Lost,
}

/// Until the end is reached the gather may say that it goes; then the values are its own, or else of who got there.
pub(super) struct End<E>(Mutex<State<E>>);

struct State<E> {
    waker: Option<Waker>,
    reached: bool,
    abandoned: bool,
    stop: Option<Stop<E>>,
}

impl<E> End<E> {
    pub(super) fn new(waker: Waker) -> Self {
        Self(Mutex::new(State {
            waker: Some(waker),
            reached: false,
            abandoned: false,
            stop: None,
        }))
    }

    /// The first reason stays; another one, or one that nobody waits for, comes back.
    pub(super) fn note(&self, stop: Stop<E>) -> Option<Stop<E>> {
        let mut state = self.0.lock();
        if state.stop.is_some() || state.abandoned {
            return Some(stop);
        }
        state.stop = Some(stop);
        None
    }

    /// For who has the values: why there are none.
    pub(super) fn take_stop(&self) -> Option<Stop<E>> {
        self.0.lock().stop.take()
    }

    /// The last future is gone. Gives the waker of the awaiting task, and whether there is no gather any more.
    pub(super) fn reach(&self) -> (Option<Waker>, bool) {
        let mut state = self.0.lock();
        state.reached = true;
        (state.waker.take(), state.abandoned)
    }

    /// The gather goes. True: the end was reached before.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.0.lock();
        state.abandoned = true;
        let waker = state.waker.take();
        let reached = state.reached;
        drop(state);
        contain(|| drop(waker));
        reached
    }

    /// Ready if the end is reached, with the reason why there are no values, if there are none. Else it will wake `waker`.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<Option<Stop<E>>> {
        let mut state = self.0.lock();
        if state.reached {
            return Poll::Ready(state.stop.take());
        }
        if state.waker.as_ref().is_some_and(|w| w.will_wake(waker)) {
            return Poll::Pending;
        }
        drop(state);
        // Cloned and dropped outside of the lock: both may be the user's code.
        let mut new = Some(waker.clone());
        let mut state = self.0.lock();
        let reached = state.reached;
        if !reached {
            mem::swap(&mut state.waker, &mut new);
        }
        drop(state);
        contain(|| drop(new));
        if reached {
            return Poll::Ready(self.take_stop());
        }
        Poll::Pending
    }
}
