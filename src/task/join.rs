//! The two handles to a task.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::header::{Header, TaskRef};
use super::state::DropHandle;
use super::waker::JoinWaker;
use super::{JoinError, TaskId};
use crate::util::budget;
use crate::util::contain::contain;

/// Marks, in the address of a cell, that its output was taken.
const TAKEN: usize = 1;

const _: () = assert!(align_of::<Header>() > TAKEN);

/// The way to a task's output, and to its cancellation.
///
/// Awaiting it gives the output, or why there is none. **Dropping it detaches the task**, which goes on: the runtime owns its tasks.
///
/// # Cancel safety
///
/// It can be awaited by reference, given up, and awaited again: the output waits.
///
/// # Panics
///
/// When polled again after it gave the output.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let handle = heist::spawn(async { 6 * 7 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
pub struct JoinHandle<T> {
    /// One reference, which Drop gives back; with `TAKEN`, once the output was taken.
    tagged: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: the handle leads to the task's output, which goes to whichever thread polls it, hence T: Send; everything else
// is arbitrated by the state word.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: `&JoinHandle` can only abort and ask.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> Unpin for JoinHandle<T> {}
impl<T> std::panic::UnwindSafe for JoinHandle<T> {}
impl<T> std::panic::RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// The caller hands over the handle's reference to a task with this output type and JOIN_INTEREST set.
    pub(crate) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self {
            tagged: task,
            output: PhantomData,
        }
    }

    fn task(&self) -> NonNull<Header> {
        let task = self.tagged.as_ptr().map_addr(|tagged| tagged & !TAKEN);
        // SAFETY: the address of a cell is no less than its alignment, so something is left of it.
        unsafe { NonNull::new_unchecked(task) }
    }

    fn is_taken(&self) -> bool {
        self.tagged.addr().get() & TAKEN != 0
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle's reference keeps the cell.
        unsafe { self.task().as_ref() }
    }

    /// Cancels the task: its future is dropped at its next suspension, on a worker, or before its first poll if there was none.
    ///
    /// Does nothing to a task that has completed. The handle then yields
    /// [`is_cancelled`](JoinError::is_cancelled), unless the poll under way gives the output after all.
    pub fn abort(&self) {
        self.abort_handle().abort();
    }

    /// Another handle that can cancel the task.
    pub fn abort_handle(&self) -> AbortHandle {
        self.header().state.retain();
        // SAFETY: the reference just counted is handed over.
        AbortHandle(unsafe { TaskRef::from_raw(self.task()) })
    }

    /// Whether the task has completed: its future is gone, and the handle is ready.
    pub fn is_finished(&self) -> bool {
        self.header().state.is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.header().meta.id
    }

    fn read(&mut self) -> Result<T, JoinError> {
        self.tagged = self.tagged.map_addr(|address| address | TAKEN);
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: the task is complete and the output not taken, so it is ours; its type is the one promised to `from_raw`.
        unsafe { (self.header().vtable.read_output)(self.task(), output.as_mut_ptr().cast()) };
        // SAFETY: `read_output` wrote it.
        unsafe { output.assume_init() }
    }

    /// Leaves `waker` for the completer. False: the task is complete.
    fn register(&mut self, waker: &Waker) -> bool {
        let header = self.header();
        if header.state.has_join_waker() {
            // SAFETY: while JOIN_WAKER is set the field is shared, and only taken from after COMPLETE by the completer,
            // which may happen at this moment: so look at it only after taking the bit back.
            if !header.state.unset_join_waker() {
                return false;
            }
        }
        // SAFETY: JOIN_WAKER is clear and the task was not complete when it was cleared: the field is the joiner's.
        let slot = header.join_waker.with_mut(|slot| unsafe { &mut *slot });
        match slot {
            Some(known) if known.will_wake(waker) => {}
            _ => {
                // First: dropping one and cloning the other is the user's code, and may panic.
                *slot = None;
                *slot = Some(JoinWaker::new(waker));
            }
        }
        if header.state.set_join_waker() {
            return true;
        }
        // Complete, and the completer had not seen the bit: the waker is still ours.
        *slot = None;
        false
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(
            !self.is_taken(),
            "a JoinHandle was polled after it gave its output"
        );
        if budget::poll_has_budget(cx).is_pending() {
            return Poll::Pending;
        }
        if !self.is_finished() && self.register(cx.waker()) {
            return Poll::Pending;
        }
        budget::spend();
        Poll::Ready(self.read())
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let header = self.header();
        if self.is_taken() {
            if header.state.release_complete() {
                // SAFETY: that was the last reference.
                unsafe { (header.vtable.free)(self.task()) }
            }
            return;
        }
        match header.state.drop_handle() {
            DropHandle::Released => return,
            DropHandle::DropWaker => {
                // SAFETY: clearing JOIN_WAKER before COMPLETE made the field the handle's.
                let waker = header.join_waker.with_mut(|w| unsafe { (*w).take() });
                contain(|| drop(waker));
            }
            // SAFETY: the task is complete and the output, not taken, is the handle's.
            DropHandle::DropOutput => unsafe { (header.vtable.drop_output)(self.task()) },
        }
        // SAFETY: gives the handle's own reference back.
        drop(unsafe { TaskRef::from_raw(self.task()) });
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle({:?})", self.header())
    }
}

/// A handle that can only cancel a task. It keeps neither the task nor its output alive, only the memory of the task's cell.
///
/// # Examples
///
/// ```
/// heist::run(async {
///     let handle = heist::spawn(std::future::pending::<()>());
///     let abort = handle.abort_handle();
///     abort.abort();
///     assert!(handle.await.unwrap_err().is_cancelled());
///     assert!(abort.is_finished());
/// });
/// ```
#[derive(Clone)]
pub struct AbortHandle(TaskRef);

impl AbortHandle {
    /// Cancels the task, as [`JoinHandle::abort`] does.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the task has completed.
    pub fn is_finished(&self) -> bool {
        self.0.header().state.is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.0.header().meta.id
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AbortHandle({:?})", self.0.header())
    }
}
