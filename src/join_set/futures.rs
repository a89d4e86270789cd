//! What a set's methods return.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::JoinSet;
use crate::JoinError;

/// Waits for the next task of a set to finish; made by [`JoinSet::join_next`].
#[must_use = "futures do nothing unless awaited or polled"]
pub struct JoinNext<'a, T> {
    pub(super) set: &'a mut JoinSet<T>,
}

impl<T> Future for JoinNext<'_, T> {
    type Output = Option<Result<T, JoinError>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().set.poll_join_next(cx)
    }
}

impl<T> fmt::Debug for JoinNext<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinNext").field(&self.set).finish()
    }
}

/// Waits for all tasks of a set; made by [`JoinSet::join_all`].
#[must_use = "futures do nothing unless awaited or polled; dropping this one aborts the tasks"]
pub struct JoinAll<T> {
    pub(super) set: JoinSet<T>,
    pub(super) values: Vec<T>,
    /// Why there will be no values: the first error, after which the other tasks were aborted.
    pub(super) failure: Option<JoinError>,
}

// Nothing of it is ever pinned.
impl<T> Unpin for JoinAll<T> {}

impl<T> Future for JoinAll<T> {
    type Output = Vec<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<T>> {
        while let Some(result) = ready!(self.set.poll_join_next(cx)) {
            match result {
                Ok(value) => self.values.push(value),
                Err(error) if self.failure.is_none() => {
                    self.failure = Some(error);
                    self.set.abort_all();
                }
                Err(_) => {}
            }
        }
        match self.failure.take().map(JoinError::try_into_panic) {
            None => Poll::Ready(std::mem::take(&mut self.values)),
            Some(Ok(payload)) => resume_unwind(payload),
            Some(Err(_)) => panic!(
                "JoinSet::join_all: a task was aborted, so its value is missing; \
                 use join_next where tasks may be aborted"
            ),
        }
    }
}

impl<T> fmt::Debug for JoinAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinAll").field(&self.set).finish()
    }
}

/// Aborts a set's tasks and waits until they are gone; made by [`JoinSet::shutdown`].
#[must_use = "futures do nothing unless awaited or polled"]
pub struct Shutdown<'a, T> {
    pub(super) set: &'a mut JoinSet<T>,
    pub(super) aborted: bool,
}

impl<T> Future for Shutdown<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.aborted {
            this.set.abort_all();
            this.aborted = true;
        }
        while ready!(this.set.poll_join_next(cx)).is_some() {}
        Poll::Ready(())
    }
}

impl<T> fmt::Debug for Shutdown<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shutdown").field(&self.set).finish()
    }
}
