//! A set of tasks that are awaited in the order in which they finish.

mod finished;
mod futures;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use slab::Slab;

use crate::scheduler::context;
use crate::{AbortHandle, JoinError, JoinHandle};
use finished::Finished;
pub use futures::{JoinAll, JoinNext, Shutdown};

/// A set of tasks that all give a `T`, to be awaited in the order in which they finish.
///
/// Tasks start at once when they are spawned, and run whether or not anybody waits. Dropping the set
/// aborts those that are left; [`detach_all`](Self::detach_all) lets them run on instead.
///
/// A task that finished stays in the set, and counts in [`len`](Self::len), until its result is taken out.
///
/// # Examples
///
/// ```
/// use heist::JoinSet;
///
/// heist::run(async {
///     let mut set = JoinSet::new();
///     for n in 1..=3 {
///         set.spawn(async move { n * n });
///     }
///     let mut sum = 0;
///     while let Some(result) = set.join_next().await {
///         sum += result?;
///     }
///     assert_eq!(sum, 14);
///     Ok::<(), heist::JoinError>(())
/// })
/// .unwrap();
/// ```
pub struct JoinSet<T> {
    members: Slab<Member<T>>,
    finished: Finished,
}

struct Member<T> {
    handle: JoinHandle<T>,
    /// Wakes by putting the member on the list; the handle is polled with nothing else.
    waker: Waker,
    /// The result, if it was there when the handle was polled for the first time, right after the spawn.
    early: Option<Result<T, JoinError>>,
}

impl<T> Member<T> {
    fn poll(&mut self) -> Poll<Result<T, JoinError>> {
        match self.early.take() {
            Some(result) => Poll::Ready(result),
            None => Pin::new(&mut self.handle).poll(&mut Context::from_waker(&self.waker)),
        }
    }
}

impl<T> JoinSet<T> {
    /// An empty set. Needs no runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// let set = heist::JoinSet::<i32>::new();
    /// assert!(set.is_empty());
    /// assert_eq!(set.len(), 0);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {
            members: Slab::new(),
            finished: Finished::new(),
        }
    }

    /// The number of tasks whose results have not been taken out, finished or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether no task is left whose result could be taken out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Aborts every task. They stay in the set, and come out of it with a [`JoinError`] that
    /// [is cancelled](JoinError::is_cancelled), unless they had finished already.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     set.spawn(std::future::pending::<()>());
    ///     set.abort_all();
    ///     assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort_all(&mut self) {
        for (_, member) in &self.members {
            member.handle.abort();
        }
    }

    /// Empties the set, and leaves its tasks running. Nobody gets their results.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     set.spawn(async { println!("on its own from now on") });
    ///     set.detach_all();
    ///     assert!(set.is_empty());
    /// });
    /// ```
    pub fn detach_all(&mut self) {
        // The wakers still out belong to the old list, and can't be mistaken for new members'.
        std::mem::replace(&mut self.finished, Finished::new()).clear();
        self.members.clear();
    }

    /// Aborts every task and waits until all of them are gone, their futures dropped. Results are dropped,
    /// panics among them.
    ///
    /// A blocking call that has started cannot be aborted: it is waited for.
    ///
    /// # Cancel safety
    ///
    /// The tasks are aborted at the first poll; those not gone by the time the future is dropped are still in
    /// the set.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     set.spawn(std::future::pending::<()>());
    ///     set.shutdown().await;
    ///     assert!(set.is_empty());
    /// });
    /// ```
    pub fn shutdown(&mut self) -> Shutdown<'_, T> {
        Shutdown {
            set: self,
            aborted: false,
        }
    }

    /// Waits until a task finishes, takes it out of the set and gives its result; `None` if the set is empty.
    ///
    /// Tasks come out in the order in which they finished.
    ///
    /// # Errors
    ///
    /// In the result: the [`JoinError`] of a task that panicked or was aborted.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a task leaves the set only when its result is given.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     assert!(set.join_next().await.is_none());
    ///     set.spawn(async { "done" });
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), "done");
    /// });
    /// ```
    pub fn join_next(&mut self) -> JoinNext<'_, T> {
        JoinNext { set: self }
    }

    /// As [`join_next`](Self::join_next), for whoever writes a `poll` function. Of several callers only the
    /// last one is woken.
    ///
    /// # Errors
    ///
    /// In the result: the [`JoinError`] of a task that panicked or was aborted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    ///
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     set.spawn(async { 7 });
    ///     assert_eq!(poll_fn(|cx| set.poll_join_next(cx)).await.unwrap().unwrap(), 7);
    /// });
    /// ```
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        while !self.is_empty() {
            ready!(self.finished.poll_some(cx));
            ready!(context::poll_budget(cx));
            if let Some(result) = self.pop() {
                return Poll::Ready(Some(result));
            }
        }
        Poll::Ready(None)
    }

    /// Takes a task that has finished out of the set and gives its result; `None` if there is none, be it
    /// that the set is empty or that all its tasks are running.
    ///
    /// # Errors
    ///
    /// In the result: the [`JoinError`] of a task that panicked or was aborted.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     set.spawn(std::future::pending::<()>());
    ///     assert!(set.try_join_next().is_none());
    /// });
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        (0..self.finished.len()).find_map(|_| self.pop())
    }

    /// Waits for all tasks, and gives their values in the order in which they finished.
    ///
    /// For the values in the order of spawning, use `heist::gather`.
    ///
    /// # Panics
    ///
    /// If a task panics, the others are aborted, and the panic goes on here once they are gone. If a task was
    /// aborted, so that its value is missing, the others are aborted in the same way, and this panics; where
    /// that can happen, use [`join_next`](Self::join_next).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future aborts the tasks, and drops the values that were there already.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     for n in 0..10 {
    ///         set.spawn(async move { n });
    ///     }
    ///     let mut values = set.join_all().await;
    ///     values.sort();
    ///     assert_eq!(values, Vec::from_iter(0..10));
    /// });
    /// ```
    pub fn join_all(self) -> JoinAll<T> {
        JoinAll {
            values: Vec::with_capacity(self.len()),
            failure: None,
            set: self,
        }
    }

    /// Takes over a task that was just spawned.
    fn adopt(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        let vacant = self.members.vacant_entry();
        let index = vacant.key();
        let member = vacant.insert(Member {
            handle,
            waker: self.finished.waker(index),
            early: None,
        });
        // Polled at once, so that the list is in the order of completion from the first task on.
        if let Poll::Ready(result) = member.poll() {
            member.early = Some(result);
            self.finished.push(index);
        } else {
            self.put_back_if_refused(index);
        }
        abort
    }

    /// Takes the first index off the list, and its member out of the set if that has finished.
    fn pop(&mut self) -> Option<Result<T, JoinError>> {
        let index = self.finished.pop()?;
        if let Poll::Ready(result) = self.members.get_mut(index)?.poll() {
            self.members.remove(index);
            return Some(result);
        }
        self.put_back_if_refused(index);
        None
    }

    /// A handle polled without budget may be pending for that reason alone, and then wakes nobody later.
    fn put_back_if_refused(&self, index: usize) {
        if !context::has_budget() {
            self.finished.push(index);
        }
    }
}

impl<T: Send + 'static> JoinSet<T> {
    /// Spawns a task into the set, as [`heist::spawn`](crate::spawn) does; it starts at once.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     let task = set.spawn(std::future::pending::<()>());
    ///     task.abort();
    ///     assert!(set.join_next().await.unwrap().is_err());
    /// });
    /// ```
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> AbortHandle
    where
        F: IntoFuture<Output = T>,
        F::IntoFuture: Send + 'static,
    {
        self.adopt(crate::spawn(future))
    }

    /// Runs `f` on the blocking threads, as [`heist::spawn_blocking`](crate::spawn_blocking) does, as a
    /// member of the set. Once it has started it cannot be aborted.
    ///
    /// # Panics
    ///
    /// When called outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// heist::run(async {
    ///     let mut set = heist::JoinSet::new();
    ///     set.spawn_blocking(|| 2 + 2);
    ///     assert_eq!(set.join_all().await, [4]);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn_blocking(&mut self, f: impl FnOnce() -> T + Send + 'static) -> AbortHandle {
        self.adopt(crate::spawn_blocking(f))
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Aborts the tasks that are left. Does not wait until they are gone: [`JoinSet::shutdown`] does.
impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
        // Tasks that end later keep the list; not what it would wake.
        self.finished.clear();
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
