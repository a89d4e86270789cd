//! A batch: the tasks of one `gather`. One set of cells, one registry entry and one count, not so many spawns; yet each
//! element is a full task, with a state word, wakers and an id of its own, and a poll of its own for the monitor.
//!
//! | part | file | who may touch it |
//! |---|---|---|
//! | futures not begun | `futures` | whoever claimed the element from a range, once |
//! | elements begun, in their cells | `element`, `cells` | by their state word, as any task; a cell on a shelf the range's runner |
//! | what became of those of a chunk of cells | `chunk` | by its word |
//! | ranges of elements not begun | `range` | by their two words |
//! | tickets, the queue entries of ranges | `ticket` | a range's runner and the holder of its entry |
//! | the hub, the batch's cell in the pages | `hub` | by its state word, as any task |
//! | values in their slots | `slots` | the runner of the element; after the last completion whoever `end` says |
//!
//! **Beginning.** The first poll of the gather makes the batch, its hub, and one ticket over everything, which goes into a queue. A ticket's turn claims one
//! element after the other, moves its future into a cell, and polls it there. An element that returned `Pending` keeps the cell; it is from then on in
//! queues on its own, and its turns are those of an ordinary task. One that was ready at once leaves the cell to the next, unless
//! somebody kept a reference.
//!
//! **References.** `refs` keeps the memory: one for each element, one for each range, one for the hub until it is complete,
//! one for the gather. Those of elements that left their cell to the next one are given back by the turn, all at once, after it has left its range, whose
//! reference stood for the turn until then; those of elements that kept theirs by their chunk, when nobody has a reference to any of them. The hub's
//! cell keeps the engine, and the batch keeps the hub's cell.
//!
//! **The end.** `remaining` counts elements whose future is not gone. It is told by turns and chunks in the same way, so that threads
//! that run elements of different chunks write different words. A chunk has its end when the last element of a cell that was handed out has, and the shelf has given up
//! the cells that nobody will need: the runner does that in the turn in which it sees its range empty, or who frees the range. Who takes `remaining` to
//! zero sees every value and has the end: it wakes the awaiting task and completes the hub.
//!
//! **Cancelling** (the gather dropped, a panic, a first error, the runtime's end) sets a flag and runs the hub, which walks over the elements: an idle one is claimed and
//! its future dropped; any other one that was begun is aborted. Those not begun are dropped instead of polled by the tickets' turns. What
//! was begun while the walk passed is found by its runner: set the flag; fence; look at the state words, against
//! publish the state word; poll; fence; look at the flag. A cell that is an element again, or new, while the walk passes is no other case.
//!
//! **The closing of the runtime** finds the hub in its walk and cancels through it, and finds tickets and elements in queues as it finds any task.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::header::{Header, TaskRef};
use super::{BatchSchedule, Fresh, Meta, Origin, PageSet, Spec, TaskId};
use crate::sync::{AtomicBool, Ordering, fence};
use crate::util::apart::Apart;
use crate::util::contain::contain;
use crate::util::countdown::Countdown;

mod cells;
mod chunk;
mod element;
mod end;
mod futures;
mod hub;
pub(crate) mod range;
mod slots;
mod store;
mod ticket;

use cells::Cells;
use end::End;
pub(crate) use end::Stop;
use futures::Futures;
pub(crate) use futures::Unstarted;
use range::Range;
use slots::Slots;
pub(crate) use store::Store;
use ticket::Ticket;

/// What is gathered: which futures, and what their outputs mean.
pub(crate) trait Kind {
    type Future: Future<Output = Self::Output>;
    type Output;
    type Value;
    type Error;

    /// The value for the element's slot, or an error that ends the whole batch.
    fn judge(output: Self::Output) -> Result<Self::Value, Self::Error>;
}

/// What a gather gives in the end.
pub(crate) type Values<K> = Result<Vec<<K as Kind>::Value>, Stop<<K as Kind>::Error>>;

/// See the module's page.
struct Batch<K: Kind, S> {
    len: u32,
    futures: Futures<K::Future>,
    cells: Cells<K::Future>,
    slots: Slots<K::Value>,
    end: End<K::Error>,
    /// The id of the first element; the others follow.
    base: TaskId,
    parent: Option<TaskId>,
    location: &'static Location<'static>,
    home: NonNull<PageSet>,
    /// One reference to the hub's cell.
    hub: NonNull<Header>,
    cancelled: AtomicBool,
    /// Some element's future was dropped without a value. Counts only if nothing stopped the batch.
    lost: AtomicBool,
    /// Every future is gone, and every value that nobody waits for.
    over: AtomicBool,
    written: Apart<Written<K, S>>,
    schedule: PhantomData<S>,
}

/// What turns write.
struct Written<K: Kind, S> {
    /// Futures that nobody has moved to a cell, or dropped.
    untaken: Countdown,
    remaining: Countdown,
    refs: Countdown,
    /// The range of all elements. Only what is split off has memory of its own.
    first: Ticket<K, S>,
}

/// What became of elements in one turn: told to the batch all at once.
#[derive(Default)]
struct Tally {
    /// Futures that have been moved into a cell, or dropped where they were.
    taken: usize,
    /// Futures that are gone.
    ended: usize,
    /// References to be given back.
    released: usize,
}

impl<K: Kind, S: BatchSchedule> Batch<K, S> {
    #[inline]
    fn is_cancelled(&self) -> bool {
        // Relaxed: a hint. Where the flag must not be missed there is a fence before.
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Cancels what has not ended. Returns at once; the hub does it in turns of its own.
    fn cancel(&self) {
        if self.set_cancelled() {
            hub::wake(self);
        }
    }

    /// True: it was not set.
    fn set_cancelled(&self) -> bool {
        // Relaxed: the fence orders it.
        let first = !self.cancelled.swap(true, Ordering::Relaxed);
        // Pairs with the fence in `element::begin`: either the walk that follows sees the element, or its runner sees the flag.
        fence(Ordering::SeqCst);
        first
    }

    /// An element failed. The first one's reason is the batch's.
    fn stop(&self, stop: Stop<K::Error>) {
        let surplus = self.end.note(stop);
        contain(|| drop(surplus));
        self.cancel();
    }

    /// An element's future was dropped without a value.
    fn lose(&self) {
        // Relaxed: published by the count that follows.
        self.lost.store(true, Ordering::Relaxed);
    }

    /// What a turn on a range has done. The caller has a reference that outlasts the call.
    fn enter(&self, tally: &mut Tally) {
        if tally.taken > 0 && self.written.untaken.give_back(tally.taken) {
            // SAFETY: the last future was taken.
            unsafe { self.futures.free() };
        }
        if tally.ended > 0 {
            self.completed(tally.ended as u64);
            tally.released += self.settle(tally.ended);
        }
    }

    /// So many elements are complete, for those who count.
    fn completed(&self, count: u64) {
        // SAFETY: a page set outlives its cells, of which the hub's is one.
        S::all_completed(unsafe { self.home.as_ref() }, count);
    }

    /// So many futures are gone. The caller has a reference that outlasts the call, and has this many more afterwards.
    fn settle(&self, ended: usize) -> usize {
        debug_assert!(ended > 0, "the end would be reached twice");
        if self.written.remaining.give_back(ended) {
            self.finish()
        } else {
            0
        }
    }

    fn store(&self) -> Option<&Store> {
        // SAFETY: a page set outlives its cells, of which the hub's is one.
        S::store(unsafe { self.home.as_ref() })
    }

    fn is_over(&self) -> bool {
        // Acquire: pairs with the Release in `finish`.
        self.over.load(Ordering::Acquire)
    }

    /// Every future is gone, and the caller sees all values. As `settle`.
    fn finish(&self) -> usize {
        let (waker, abandoned) = self.end.reach();
        if abandoned {
            // SAFETY: all ended, and there is no gather any more: the values are ours.
            unsafe { self.slots.drop_all() };
            contain(|| drop(self.end.take_stop()));
        }
        // Release: pairs with the Acquire in `is_over`.
        self.over.store(true, Ordering::Release);
        let hub_is_over = hub::over(self);
        if let Some(waker) = waker {
            contain(|| waker.wake());
        }
        usize::from(hub_is_over)
    }

    /// What the header of an element says, or that of a ticket.
    fn meta(&self, id: TaskId) -> Meta {
        Meta {
            id,
            parent: self.parent,
            origin: Origin::new(self.location, None),
        }
    }

    /// One more reference, made from one that the caller has.
    fn retain(&self) {
        self.written.refs.add_one();
    }

    /// # Safety
    /// So many references are the caller's, and not used any more.
    unsafe fn release(batch: NonNull<Self>, count: usize) {
        if count == 0 {
            return;
        }
        // SAFETY: the caller's references keep it until they are given back.
        if !unsafe { &batch.as_ref().written.refs }.give_back(count) {
            return;
        }
        // SAFETY: made by `Box::into_raw`, and no reference is left.
        let mut batch = unsafe { Box::from_raw(batch.as_ptr()) };
        // SAFETY: the batch's reference to the hub's cell.
        let hub = unsafe { TaskRef::from_raw(batch.hub) };
        let home = batch.home;
        // SAFETY: a page set outlives its cells, of which the hub's is one.
        let store = S::store(unsafe { home.as_ref() });
        // SAFETY: nobody has a reference.
        unsafe { batch.cells.free(store) };
        drop(batch);
        drop(hub);
    }
}

/// The gather's hold on its batch: awaits it, or cancels it.
pub(crate) struct Gathering<K: Kind, S: BatchSchedule> {
    batch: NonNull<Batch<K, S>>,
    taken: bool,
}

// SAFETY: it leads to the values, which go to whichever thread polls it, and are Send, as the caller of `create` promised; the rest is
// arbitrated by atomics and a lock.
unsafe impl<K: Kind, S: BatchSchedule> Send for Gathering<K, S> {}
// SAFETY: a shared reference leads to nothing.
unsafe impl<K: Kind, S: BatchSchedule> Sync for Gathering<K, S> {}

/// Makes a batch of one element or more, and its first ticket, which the caller queues.
///
/// # Safety
/// The caller owns `home`. The futures and their outputs are Send and live as long as they like.
pub(crate) unsafe fn create<K: Kind, S: BatchSchedule>(
    home: &PageSet,
    spec: &Spec,
    futures: Unstarted<K::Future>,
    waker: Waker,
) -> (Fresh, Gathering<K, S>) {
    let count = futures.len();
    debug_assert!(count > 0, "a batch without elements never ends");
    // First: it is what may fail.
    let slots = Slots::new(count);
    // SAFETY: the caller owns `home`.
    let base = unsafe { home.next_ids(u64::from(count)) };
    // SAFETY: as above.
    let hub = unsafe { hub::create::<K, S>(home, spec) };
    let batch = NonNull::from(Box::leak(Box::<Batch<K, S>>::new_uninit())).cast();
    let location = spec.origin.location();
    let meta = Meta {
        id: base,
        parent: spec.parent,
        origin: Origin::new(location, None),
    };
    let new = Batch {
        len: count,
        futures: futures.into_futures(),
        cells: Cells::new(batch.cast()),
        slots,
        end: End::new(waker),
        base,
        parent: spec.parent,
        location,
        home: NonNull::from(home),
        hub,
        cancelled: AtomicBool::new(false),
        lost: AtomicBool::new(false),
        over: AtomicBool::new(false),
        written: Apart::new(Written {
            untaken: Countdown::new(count as usize),
            remaining: Countdown::new(count as usize),
            // The elements, the first range, the hub and the gather.
            refs: Countdown::new(count as usize + 3),
            first: Ticket::new(batch, meta, Range::new(0, count)),
        }),
        schedule: PhantomData,
    };
    // SAFETY: allocated just now, for this.
    unsafe { batch.write(new) };
    // SAFETY: the hub's reference is counted above, and nobody knows the hub yet.
    unsafe { hub::publish(hub, batch) };
    // SAFETY: written just now.
    let ticket = NonNull::from(&unsafe { batch.as_ref() }.written.first);
    let gathering = Gathering {
        batch,
        taken: false,
    };
    (Fresh(ticket.cast()), gathering)
}

impl<K: Kind, S: BatchSchedule> Gathering<K, S> {
    fn batch(&self) -> &Batch<K, S> {
        // SAFETY: the gather's reference keeps it.
        unsafe { self.batch.as_ref() }
    }

    /// Ready when every future is gone. Not to be polled again then.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Values<K>> {
        assert!(!self.taken, "the values were taken already");
        let batch = self.batch();
        let stop = ready!(batch.end.poll(cx.waker()));
        // Relaxed: `remaining` ordered it, and the lock of `end`.
        let lost = batch.lost.load(Ordering::Relaxed);
        let stop = stop.or_else(|| lost.then_some(Stop::Lost));
        let result = match stop {
            // SAFETY: the end is reached and the gather is there: the values are ours, all of them, and taken once.
            None => Ok(unsafe { batch.slots.take(batch.len) }),
            Some(stop) => {
                // SAFETY: as above, but some are missing.
                unsafe { batch.slots.drop_all() };
                Err(stop)
            }
        };
        self.taken = true;
        Poll::Ready(result)
    }
}

impl<K: Kind, S: BatchSchedule> fmt::Debug for Gathering<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch = self.batch();
        let remaining = batch.written.remaining.out();
        let chunks = (0..).map_while(|number| batch.cells.chunk(number));
        // SAFETY: the gather's reference keeps the batch, and that its chunks.
        let untold: usize = chunks.map(|chunk| unsafe { chunk.as_ref() }.untold()).sum();
        let remaining = remaining.saturating_sub(untold);
        write!(
            f,
            "{remaining} of {} tasks left, gathered at {}",
            batch.len, batch.location
        )
    }
}

impl<K: Kind, S: BatchSchedule> Drop for Gathering<K, S> {
    fn drop(&mut self) {
        let batch = self.batch();
        if !self.taken {
            if batch.end.abandon() {
                // SAFETY: the end was reached before, so the values are ours.
                unsafe { batch.slots.drop_all() };
                contain(|| drop(batch.end.take_stop()));
            } else {
                batch.cancel();
            }
        }
        // SAFETY: the gather's own reference.
        unsafe { Batch::release(self.batch, 1) };
    }
}
