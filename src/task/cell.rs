//! A header with a future, or its output, behind it; and what can be done with that.

mod body;

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::header::{Header, Meta, Vtable};
use super::pages::{self, PageSet, home_of};
use super::state::{Complete, Pause, Rest};
use super::waker::{BorrowedWaker, JoinWaker, wake_in};
use super::{JoinError, Schedule, current};
use crate::sync::UnsafeCell;
use crate::util::contain::contain;
use body::{Body, Boxed, Inline, Slot};

#[repr(C)]
struct Cell<B: Body, S> {
    header: Header,
    /// The turn's until COMPLETE; then the handle's, or without JOIN_INTEREST the completer's.
    body: UnsafeCell<Slot<B>>,
    schedule: PhantomData<S>,
}

/// Makes a task of `future`, scheduled but in no queue yet, with references of the runtime and of a `JoinHandle`.
///
/// # Safety
/// The caller owns `home` (see [`PageSet::take`]), and puts the task into a queue. The future is Send, or else never leaves this thread.
pub(super) unsafe fn create<F, S>(home: &PageSet, meta: Meta, future: F) -> NonNull<Header>
where
    F: Future + 'static,
    S: Schedule,
{
    if const { fits::<Cell<Inline<F>, S>>() } {
        // SAFETY: as the caller promises; the cell fits.
        unsafe { place::<Inline<F>, S>(home, meta, future) }
    } else {
        // SAFETY: as the caller promises; a cell with two pointers fits.
        unsafe { place::<Boxed<F>, S>(home, meta, Box::pin(future)) }
    }
}

const fn fits<C>() -> bool {
    size_of::<C>() <= pages::MAX_CELL && align_of::<C>() <= pages::CELL_ALIGN
}

unsafe fn place<B: Body, S: Schedule>(
    home: &PageSet,
    meta: Meta,
    future: B::Future,
) -> NonNull<Header> {
    let class = const { pages::class_of(size_of::<Cell<B, S>>()) };
    // SAFETY: the caller owns `home`.
    let header = unsafe { home.take(class) };
    let cell = header.cast::<Cell<B, S>>().as_ptr();
    // SAFETY: the cell was taken just now.
    unsafe { Header::fill(header, const { &VtableOf::<B, S>::VTABLE }, meta) };
    let slot = Slot {
        future: ManuallyDrop::new(future),
    };
    // SAFETY: as above; the place is inside the cell.
    let body = unsafe { &raw mut (*cell).body };
    // SAFETY: as above.
    unsafe { body.write(UnsafeCell::new(slot)) };
    // SAFETY: every field is written.
    unsafe { header.as_ref() }.state.publish_spawned();
    header
}

struct VtableOf<B, S>(PhantomData<(B, S)>);

impl<B: Body, S: Schedule> VtableOf<B, S> {
    const VTABLE: Vtable = Vtable {
        run: Cell::<B, S>::run,
        schedule: schedule_cell::<S>,
        wake: wake_cell::<S>,
        home: home_of,
        cancel: Cell::<B, S>::cancel,
        read_output: Cell::<B, S>::read_output,
        drop_output: Cell::<B, S>::drop_output,
        free: Cell::<B, S>::free,
        walkable: true,
    };
}

impl<B: Body, S: Schedule> Cell<B, S> {
    /// # Safety
    /// The caller holds the queue's entry of a task.
    unsafe fn run(header: NonNull<Header>) {
        // SAFETY: the runtime's reference keeps the cell until `finish`.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        let turn = cell.header.state.start();
        if turn.is_cancelled() {
            // SAFETY: the turn is ours, and the future is there.
            return unsafe { Self::cancel(header) };
        }
        // SAFETY: the runtime's reference outlasts the poll.
        let waker = unsafe { BorrowedWaker::new(header) };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the turn is ours, so nobody else touches the future, and it is there.
            unsafe { cell.poll(&mut Context::from_waker(&waker)) }
        }));
        match polled {
            Ok(Poll::Ready(output)) => {
                // SAFETY: the turn is ours, and the future is still there.
                unsafe { Self::finish(header, Ok(output)) }
            }
            Ok(Poll::Pending) => match current::pause(header, &cell.header.state, turn) {
                Pause::Idle => {}
                // SAFETY: the task is due and in no queue.
                Pause::Requeue => unsafe { requeue_cell::<S>(header) },
                Pause::Cancel => {
                    // To see what the aborter did before.
                    let _ = cell.header.state.start();
                    // SAFETY: the turn is still ours.
                    unsafe { Self::cancel(header) }
                }
            },
            // SAFETY: the turn is ours, and the future is still there: a panic ends a poll, no more.
            Err(payload) => unsafe { Self::finish(header, Err(payload)) },
        }
    }

    /// # Safety
    /// The caller has the turn, and the future is there.
    #[inline]
    unsafe fn poll(&self, cx: &mut Context<'_>) -> Poll<B::T> {
        self.body.with_mut(|slot| {
            // SAFETY: as the caller promises, nobody else touches the slot.
            let slot = unsafe { &mut *slot };
            // SAFETY: and the union holds the future.
            let future: &mut B::Future = unsafe { &mut slot.future };
            // SAFETY: the future is dropped where it lies, and cells do not move.
            unsafe { Pin::new_unchecked(future) }.poll(cx)
        })
    }

    /// # Safety
    /// The caller has the turn (of an entry, or by `claim_idle`), and the future is there.
    unsafe fn cancel(header: NonNull<Header>) {
        // SAFETY: the runtime's reference keeps the cell until `settle`.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        // SAFETY: as the caller promises.
        unsafe { cell.drop_future() };
        let cancelled = JoinError::cancelled(cell.header.meta.id);
        // SAFETY: the turn is ours and the future is gone.
        unsafe { Self::settle(header, Err(cancelled)) };
    }

    /// # Safety
    /// The caller has the turn, and the future is there.
    unsafe fn finish(header: NonNull<Header>, result: Result<B::T, Box<dyn Any + Send>>) {
        // SAFETY: the runtime's reference keeps the cell until `settle`.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        // SAFETY: as the caller promises.
        unsafe { cell.drop_future() };
        let id = cell.header.meta.id;
        // SAFETY: the turn is ours and the future is gone.
        unsafe {
            Self::settle(
                header,
                result.map_err(|payload| JoinError::panicked(id, payload)),
            )
        };
    }

    /// # Safety
    /// The caller has the turn, and the future is there; afterwards it is not.
    unsafe fn drop_future(&self) {
        if !std::mem::needs_drop::<B::Future>() {
            return;
        }
        self.body.with_mut(|slot| {
            contain(|| {
                // SAFETY: as the caller promises, nobody else touches the slot.
                let slot = unsafe { &mut *slot };
                // SAFETY: and the union holds the future.
                let future = unsafe { &mut slot.future };
                // SAFETY: dropped once: what follows only writes the output over it.
                unsafe { ManuallyDrop::drop(future) }
            });
        });
    }

    /// Stores the output and tells the joiner.
    ///
    /// # Safety
    /// The caller has the turn, and the future is gone. The cell may be gone when this returns.
    unsafe fn settle(header: NonNull<Header>, output: Result<B::T, JoinError>) {
        // SAFETY: the runtime's reference keeps the cell until it is given back below.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        // SAFETY: a cell in the pages, not given back before COMPLETE.
        let home = unsafe { home_of(header) };
        // SAFETY: a page set outlives its cells.
        let owns = S::completed(unsafe { home.as_ref() });
        if cell.header.state.is_detached() {
            // Dropping a value of which there is nothing to drop would not be free.
            if output.is_err() || std::mem::needs_drop::<B::T>() {
                contain(|| drop(output));
            } else {
                std::mem::forget(output);
            }
            #[cfg(heist_loom)]
            super::modelled::stand_on(&cell.header);
            if cell.header.state.complete_and_release(current::end(header)) {
                // SAFETY: that was the last reference.
                unsafe { Self::free(header) }
            }
            return;
        }
        let slot = Slot {
            output: ManuallyDrop::new(B::pack(output)),
        };
        // SAFETY: the turn is the caller's, so nobody else touches the slot, and it holds nothing to drop.
        cell.body.with_mut(|place| unsafe { place.write(slot) });
        let cell = header.cast::<Self>().as_ptr();
        // The cell may be gone while what is not ours is run below, which may ask for the current task.
        let taken = current::end(header);
        // SAFETY: by the runtime's reference.
        let (todo, rest) = unsafe { (*cell).header.state.complete(owns, taken) };
        // What follows takes from a cell that is there: by our reference, or, if that is given back and another has freed the cell, because this
        // thread alone gives it out again, or its page back. It does neither before what was taken is dropped, which may do anything. Freeing leaves
        // these fields alone, and so does whoever has the cell on a list.
        match todo {
            Complete::Nothing => {}
            Complete::WakeJoiner => {
                // SAFETY: see above.
                let join_waker = unsafe { &(*cell).header.fixed.join_waker };
                // SAFETY: with JOIN_WAKER set, completing gave us the waker.
                let waker = join_waker.with_mut(|w| unsafe { (*w).take() });
                contain(|| waker.into_iter().for_each(JoinWaker::wake));
            }
            Complete::DropOutput => {
                // SAFETY: see above.
                let body = unsafe { &(*cell).body };
                // SAFETY: without JOIN_INTEREST, completing gave us the output.
                let output = unsafe { Self::take_output(body) };
                contain(|| drop(output));
            }
        }
        let is_last = match rest {
            Rest::Held => {
                // SAFETY: by our reference.
                let header = unsafe { &(*cell).header };
                #[cfg(heist_loom)]
                super::modelled::stand_on(header);
                header.state.release()
            }
            Rest::Given => false,
            Rest::Last => true,
        };
        if is_last {
            // SAFETY: that was the last reference.
            unsafe { Self::free(header) }
        }
    }

    /// # Safety
    /// The output is there and the caller's; `to` points to a `Result<T, JoinError>` to be written.
    unsafe fn read_output(header: NonNull<Header>, to: *mut ()) {
        // SAFETY: the caller holds a reference.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        #[cfg(heist_loom)]
        super::modelled::stand_on(&cell.header);
        // SAFETY: as the caller promises; the handle notes that it was taken.
        let output = unsafe { Self::take_output(&cell.body) };
        // SAFETY: as the caller promises.
        unsafe {
            to.cast::<Result<B::T, JoinError>>()
                .write(B::unpack(output))
        };
    }

    /// # Safety
    /// The output is there and the caller's.
    unsafe fn drop_output(header: NonNull<Header>) {
        // SAFETY: the caller holds a reference.
        let cell = unsafe { header.cast::<Self>().as_ref() };
        #[cfg(heist_loom)]
        super::modelled::stand_on(&cell.header);
        contain(|| {
            // SAFETY: as the caller promises; nobody takes an output that was dropped.
            drop(unsafe { Self::take_output(&cell.body) });
        });
    }

    /// # Safety
    /// The output is there and the caller's.
    unsafe fn take_output(body: &UnsafeCell<Slot<B>>) -> B::Output {
        body.with_mut(|slot| {
            // SAFETY: as the caller promises, nobody else touches the slot.
            let slot = unsafe { &mut *slot };
            // SAFETY: and the union holds the output.
            let output = unsafe { &mut slot.output };
            // SAFETY: taken once: it is the caller's.
            unsafe { ManuallyDrop::take(output) }
        })
    }

    /// # Safety
    /// The last reference is gone.
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: as the caller promises; future, output and join waker are gone already.
        unsafe { free_cell::<S>(header, const { pages::class_of(size_of::<Self>()) }) }
    }
}

/// [`Schedule::schedule`] for what lies in a page.
///
/// # Safety
/// As there.
#[inline]
pub(crate) unsafe fn schedule_cell<S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the cell.
    let home = unsafe { home_of(task) };
    // SAFETY: as the caller promises.
    unsafe { S::schedule(task, home) }
}

/// [`Vtable::wake`] for what lies in a page.
///
/// # Safety
/// As there.
#[inline]
pub(crate) unsafe fn wake_cell<S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the cell, and so the set.
    let home = unsafe { home_of(task) };
    // SAFETY: as the caller promises, and as above.
    unsafe { wake_in::<S>(task, home) }
}

/// [`Schedule::requeue`] for what lies in a page.
///
/// # Safety
/// As there.
#[inline]
pub(crate) unsafe fn requeue_cell<S: Schedule>(task: NonNull<Header>) {
    // SAFETY: a task that is due is not complete, so the runtime's reference keeps the cell.
    let home = unsafe { home_of(task) };
    // SAFETY: as the caller promises.
    unsafe { S::requeue(task, home) }
}

/// Drops what a header owns, and gives the cell back to its page set.
///
/// # Safety
/// The last reference is gone, `class` is that of the cell, and there is nothing to drop behind the header.
pub(crate) unsafe fn free_cell<S: Schedule>(header: NonNull<Header>, class: usize) {
    let cell = header.as_ptr();
    #[cfg(heist_loom)]
    // SAFETY: as the caller promises.
    unsafe {
        super::modelled::free(cell);
    }
    // SAFETY: the last reference is gone: nobody but us reads the fields. Walkers only look at the state word.
    let origin = unsafe { &raw mut (*cell).fixed.meta.origin };
    // SAFETY: it is there until here, and not used again.
    drop(unsafe { origin.read() });
    // SAFETY: a cell in the pages, not given back yet.
    let home = unsafe { home_of(header) };
    // SAFETY: a page set outlives its cells.
    let set = unsafe { home.as_ref() };
    if S::owns(set) {
        // SAFETY: this thread is the owner.
        return unsafe { set.put_back(header, class) };
    }
    // SAFETY: no reference is left. The engine may be gone once the cell is pushed, so `home` is not touched after a success.
    if !unsafe { PageSet::put_back_remote(home, header) } {
        // SAFETY: the set is retired, and this cell kept the engine until now.
        unsafe { S::cell_gone(home) }
    }
}
