//! The list of a set's members that are worth a look, in the order in which they finished.
//!
//! Every member's handle is polled with a waker of its own, which puts the member's index on the list and
//! wakes whoever waits for the set. So waiting costs the same however many members there are. Indices are
//! hints: one may be on the list twice, or belong to a member that has gone, or to its successor; whoever
//! takes one asks the handle itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::sync::Mutex;

#[derive(Debug, Default)]
struct List {
    indices: VecDeque<usize>,
    /// Whom to wake when an index comes. Taken by whoever brings one, so a burst wakes once.
    waiting: Option<Waker>,
}

#[derive(Clone, Debug)]
pub(super) struct Finished(Arc<Mutex<List>>);

impl Finished {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(List::default())))
    }

    /// A waker that puts `index` on the list.
    pub(super) fn waker(&self, index: usize) -> Waker {
        let list = self.clone();
        Waker::from(Arc::new(Member { index, list }))
    }

    pub(super) fn push(&self, index: usize) {
        let mut list = self.0.lock();
        list.indices.push_back(index);
        let waiting = list.waiting.take();
        drop(list);
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    pub(super) fn pop(&self) -> Option<usize> {
        self.0.lock().indices.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().indices.len()
    }

    /// Ready when there is something to pop; otherwise the next index wakes `cx`'s waker.
    pub(super) fn poll_some(&self, cx: &mut Context<'_>) -> Poll<()> {
        {
            let list = self.0.lock();
            if !list.indices.is_empty() {
                return Poll::Ready(());
            }
            if list
                .waiting
                .as_ref()
                .is_some_and(|w| w.will_wake(cx.waker()))
            {
                return Poll::Pending;
            }
        }
        // Cloned and dropped outside the lock: a waker's code is somebody else's.
        let mut waiting = Some(cx.waker().clone());
        let mut list = self.0.lock();
        std::mem::swap(&mut list.waiting, &mut waiting);
        let ready = !list.indices.is_empty();
        drop(list);
        drop(waiting);
        if ready {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Forgets everything: the set lets go of its members.
    pub(super) fn clear(&self) {
        let list = std::mem::take(&mut *self.0.lock());
        drop(list);
    }
}

#[derive(Debug)]
struct Member {
    index: usize,
    list: Finished,
}

impl Wake for Member {
    fn wake(self: Arc<Self>) {
        self.list.push(self.index);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list.push(self.index);
    }
}
