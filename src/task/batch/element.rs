//! One element: a task whose cell belongs to a batch and whose value goes into a slot.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::thread;

use super::cells::{Element, Shelf, drop_future};
use super::chunk::{Chunk, Due};
use super::range::Range;
use super::{Batch, Kind, Stop, Tally};
use crate::sync::{Ordering, fence};
use crate::task::header::{Header, Vtable};
use crate::task::state::{Claim, Pause, Turn};
use crate::task::waker::{BorrowedWaker, wake_keeping};
use crate::task::{BatchSchedule, PageSet, current};

struct VtableOf<K, S>(PhantomData<(K, S)>);

impl<K: Kind, S: BatchSchedule> VtableOf<K, S> {
    const VTABLE: Vtable = Vtable {
        run: Batch::<K, S>::run,
        schedule: Batch::<K, S>::schedule,
        // The engine may be gone when an element has ended, and with it the batch's home.
        wake: wake_keeping,
        home: Batch::<K, S>::home_of,
        cancel: Batch::<K, S>::cancel_element,
        read_output: |_, _| unreachable!("an element has no handle"),
        drop_output: |_| unreachable!("an element's value is in its slot"),
        free: Batch::<K, S>::free,
        walkable: false,
    };
}

impl<K: Kind, S: BatchSchedule> Batch<K, S> {
    /// The first poll.
    ///
    /// # Safety
    /// The caller claimed the element from the range, whose turn and shelf it has, and has a reference to the batch that outlasts the call.
    #[inline]
    pub(super) unsafe fn begin(
        batch: NonNull<Self>,
        index: u32,
        range: &Range,
        shelf: &mut Shelf<K::Future>,
        tally: &mut Tally,
    ) {
        // SAFETY: the caller's reference.
        let this = unsafe { batch.as_ref() };
        let (place, used) = shelf.cell(&this.cells, || range.len() + 1, || this.store());
        // SAFETY: as the caller promises; the cell is the shelf's.
        let element = unsafe { this.publish(place, used, index) };
        tally.taken += 1;
        let header = place.cast::<Header>();
        S::begin(header);
        // SAFETY: `publish` counted the runtime's reference, and the turn is ours.
        match unsafe { Self::poll(element) } {
            Ok(Poll::Pending) => {
                shelf.hand_out();
                // SAFETY: as above.
                unsafe { Self::pause(header, Turn::FIRST) };
                // Pairs with the fence in `set_cancelled`.
                fence(Ordering::SeqCst);
                if this.is_cancelled() {
                    // The walk may have passed by before the state word was there.
                    // SAFETY: a cell of this batch.
                    unsafe { Self::cancel_begun(place) };
                }
                return;
            }
            // SAFETY: the turn is ours, and the future is there.
            Ok(Poll::Ready(output)) => unsafe { this.conclude(place, index, Ok(output)) },
            // SAFETY: as above: a panic ends a poll, no more.
            Err(payload) => unsafe { this.conclude(place, index, Err(payload)) },
        }
        if element.header.state.complete_unknown(current::end(header)) {
            tally.ended += 1;
            tally.released += 1;
        } else {
            // Somebody has a reference still.
            shelf.hand_out();
            this.completed(1);
            let chunk = element.chunk.cast::<Chunk<K::Future>>();
            // SAFETY: the element was handed its cell, and its future is gone.
            let due = unsafe { Chunk::ended(chunk, false) };
            // SAFETY: the chunk's answer, just now.
            unsafe { Self::pay(chunk, due) };
        }
    }

    /// Makes a claimed element a task that runs.
    ///
    /// # Safety
    /// As for `begin`; `place` is a free cell on the caller's shelf, and `used` says whether it was an element of this batch before.
    #[inline]
    unsafe fn publish<'b>(
        &self,
        place: NonNull<Element<K::Future>>,
        used: bool,
        index: u32,
    ) -> &'b Element<K::Future> {
        let id = self.base.offset(index);
        // A cell on the shelf is ours alone until its state word says that it lives. Only that word may be looked at, by the
        // hub's walk, and it is not written here.
        if used {
            // SAFETY: see above; it was filled with what is the same for all elements of the batch.
            unsafe { Header::renumber(place.cast(), id) };
            #[cfg(heist_loom)]
            // SAFETY: it was filled.
            unsafe {
                crate::task::modelled::take(place.as_ptr().cast());
            }
        } else {
            let vtable = const { &VtableOf::<K, S>::VTABLE };
            // SAFETY: see above.
            unsafe { Header::fill(place.cast(), vtable, self.meta(id)) };
        }
        // SAFETY: every field is written, if only by a future that is gone.
        let element = unsafe { place.as_ref() };
        element.future.with_mut(|cell| {
            // SAFETY: see above.
            let cell = unsafe { &mut *cell };
            // SAFETY: claimed by the caller, and moved here once.
            unsafe { self.futures.move_to(index, cell) }
        });
        element.header.state.publish_running();
        element
    }

    /// # Safety
    /// The caller has the turn, and the future is there.
    #[inline]
    unsafe fn poll(element: &Element<K::Future>) -> thread::Result<Poll<K::Output>> {
        // SAFETY: the runtime's reference outlasts the poll.
        let waker = unsafe { BorrowedWaker::new(NonNull::from(element).cast()) };
        catch_unwind(AssertUnwindSafe(|| {
            element.future.with_mut(|future| {
                // SAFETY: the turn is the caller's, so nobody else touches the future, and it is there.
                let future: &mut MaybeUninit<K::Future> = unsafe { &mut *future };
                // SAFETY: as above.
                let future = unsafe { future.assume_init_mut() };
                // SAFETY: the future is dropped where it lies, and the cells of a batch do not move.
                let future = unsafe { Pin::new_unchecked(future) };
                future.poll(&mut Context::from_waker(&waker))
            })
        }))
    }

    /// The poll returned `Pending`.
    ///
    /// # Safety
    /// The caller has the turn, and gives it up.
    unsafe fn pause(header: NonNull<Header>, turn: Turn) {
        // SAFETY: the runtime's reference.
        let state = unsafe { &header.as_ref().state };
        match current::pause(header, state, turn) {
            Pause::Idle => {}
            Pause::Requeue => {
                // SAFETY: it is due, so the runtime's reference is there.
                let home = unsafe { Self::home_of(header) };
                // SAFETY: the task is due and in no queue.
                unsafe { S::requeue(header, home) }
            }
            Pause::Cancel => {
                // To see what the aborter did before.
                let _ = state.start();
                // SAFETY: the turn is still ours.
                unsafe { Self::cancel_element(header) }
            }
        }
    }

    /// Drops the future and puts the value into its slot, or notes why there is none.
    ///
    /// # Safety
    /// The caller has the turn of the element with this index, and the future is there; afterwards it is not.
    #[inline]
    unsafe fn conclude(
        &self,
        place: NonNull<Element<K::Future>>,
        index: u32,
        result: thread::Result<K::Output>,
    ) {
        // SAFETY: as the caller promises.
        unsafe { drop_future(place) };
        match result.map(K::judge) {
            // SAFETY: the turn is the caller's, and with it the element's slot.
            Ok(Ok(value)) => unsafe { self.slots.put(index, value) },
            Ok(Err(error)) => self.stop(Stop::Error(error)),
            Err(payload) => self.stop(Stop::Panic(payload)),
        }
    }

    /// # Safety
    /// The element has begun, and the caller stands on a reference to it.
    unsafe fn home_of(element: NonNull<Header>) -> NonNull<PageSet> {
        // SAFETY: as the caller promises.
        let element = unsafe { element.cast::<Element<K::Future>>().as_ref() };
        // SAFETY: as above.
        unsafe { Self::of(element) }.home
    }

    /// # Safety
    /// The element has begun, and the caller stands on a reference to it.
    #[inline]
    unsafe fn of(element: &Element<K::Future>) -> &Self {
        // SAFETY: the element's reference keeps its chunk.
        let chunk = unsafe { element.chunk.cast::<Chunk<K::Future>>().as_ref() };
        // SAFETY: and the chunk's, or that of a turn in which the element is, the batch.
        unsafe { chunk.batch.cast::<Self>().as_ref() }
    }

    /// # Safety
    /// As for [`Schedule::schedule`].
    unsafe fn schedule(element: NonNull<Header>) {
        // SAFETY: the caller holds a reference.
        let home = unsafe { Self::home_of(element) };
        // SAFETY: as the caller promises.
        unsafe { S::schedule(element, home) }
    }

    /// The turn of an element that came out of a queue.
    ///
    /// # Safety
    /// The caller holds the queue's entry of an element.
    unsafe fn run(header: NonNull<Header>) {
        let place = header.cast::<Element<K::Future>>();
        // SAFETY: the runtime's reference keeps the cell until `ended`.
        let element = unsafe { place.as_ref() };
        let turn = element.header.state.start();
        if turn.is_cancelled() {
            // SAFETY: the turn is ours, and the future is there.
            return unsafe { Self::cancel_element(header) };
        }
        // SAFETY: the turn is ours, and the future is there.
        let result = match unsafe { Self::poll(element) } {
            // SAFETY: the turn is ours.
            Ok(Poll::Pending) => return unsafe { Self::pause(header, turn) },
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        // SAFETY: the runtime's reference.
        let batch = unsafe { Self::of(element) };
        let index = element.header.meta.id.places_after(batch.base);
        // SAFETY: the turn is ours, and the future is there.
        unsafe { batch.conclude(place, index, result) };
        // SAFETY: the turn is ours and the future is gone.
        unsafe { Self::ended(header) };
    }

    /// # Safety
    /// The caller has the turn (of an entry, or by `claim_idle`), and the future is there.
    unsafe fn cancel_element(header: NonNull<Header>) {
        let place = header.cast::<Element<K::Future>>();
        // SAFETY: as the caller promises.
        unsafe { drop_future(place) };
        // SAFETY: the runtime's reference keeps the cell.
        let element = unsafe { place.as_ref() };
        // SAFETY: as above.
        unsafe { Self::of(element) }.lose();
        // SAFETY: the turn is ours and the future is gone.
        unsafe { Self::ended(header) };
    }

    /// # Safety
    /// The caller has the turn, and the future is gone. The batch may be gone when this returns, and the element as soon as its chunk was told.
    unsafe fn ended(header: NonNull<Header>) {
        // SAFETY: the runtime's reference keeps the cell until it is released below.
        let element = unsafe { header.cast::<Element<K::Future>>().as_ref() };
        let chunk = element.chunk.cast::<Chunk<K::Future>>();
        // SAFETY: as above.
        unsafe { Self::of(element) }.completed(1);
        let released = element
            .header
            .state
            .complete_and_release(current::end(header));
        // SAFETY: the element was handed its cell, its future is gone, and so is its last reference if that is said.
        let due = unsafe { Chunk::ended(chunk, released) };
        // SAFETY: the chunk's answer, just now.
        unsafe { Self::pay(chunk, due) };
    }

    /// # Safety
    /// The last reference to the element is gone.
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the chunk does not know of it yet.
        let element = unsafe { header.cast::<Element<K::Future>>().as_ref() };
        let chunk = element.chunk.cast::<Chunk<K::Future>>();
        // SAFETY: said once, here: of a reference that outlived its element's end.
        let due = unsafe { Chunk::released(chunk) };
        // SAFETY: the chunk's answer, just now.
        unsafe { Self::pay(chunk, due) };
    }

    /// Does what follows from what a chunk was told. The batch may be gone when this returns.
    ///
    /// # Safety
    /// The chunk's answer, once.
    #[inline]
    pub(super) unsafe fn pay(chunk: NonNull<Chunk<K::Future>>, due: Due) {
        if due != Due::Nothing {
            // SAFETY: as the caller promises.
            unsafe { Self::pay_out(chunk, due) };
        }
    }

    /// # Safety
    /// As for `pay`; there is something due.
    #[inline(never)]
    unsafe fn pay_out(chunk: NonNull<Chunk<K::Future>>, mut due: Due) {
        // SAFETY: the chunk's references to the batch are there until they are given back here, or the one for this is.
        let batch = unsafe { (*chunk.as_ptr()).batch }.cast::<Self>();
        let mut released = 0;
        if let Due::Settle(count) = due {
            // SAFETY: as above.
            released += unsafe { batch.as_ref() }.settle(count);
            // SAFETY: settled just now.
            due = unsafe { Chunk::released(chunk) };
        }
        if let Due::Release(count) = due {
            released += count;
        }
        // SAFETY: the chunk's, and that of a hub that came to its end here.
        unsafe { Self::release(batch, released) };
    }

    /// Drops the future of an element instead of polling it.
    ///
    /// # Safety
    /// The caller claimed the element from a range, and has a reference to the batch that outlasts the call.
    pub(super) unsafe fn discard(&self, index: u32, tally: &mut Tally) {
        // SAFETY: the caller claimed the element, so its future is there and the caller's.
        unsafe { self.futures.drop(index) };
        self.lose();
        tally.taken += 1;
        tally.ended += 1;
        tally.released += 1;
    }

    /// Cancels the element in a cell, if there is one that has not ended. True: its future was dropped here.
    ///
    /// # Safety
    /// It is a cell of a batch to which the caller has a reference that outlasts the call.
    pub(super) unsafe fn cancel_begun(cell: NonNull<Element<K::Future>>) -> bool {
        let header = cell.cast::<Header>();
        // SAFETY: the state word is there from the beginning, and never anything but atomic.
        let state = unsafe { &(*header.as_ptr()).state };
        match state.claim_idle() {
            Claim::Claimed => {
                current::set(Some(header));
                // SAFETY: claimed just now.
                unsafe { Self::cancel_element(header) };
                true
            }
            // In a queue or being polled: dropped where its turn ends.
            Claim::Busy | Claim::Complete => false,
        }
    }
}
