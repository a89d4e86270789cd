//! The hub: what the registry knows of a batch, and who cancels its elements.
//!
//! A cell in a page, idle for as long as nothing has to be cancelled. It becomes complete when the batch is over: by who
//! ended the last element, if the hub is idle then; otherwise by the turn that it is in or waits for: the attempt to claim it marks it, so that
//! this turn looks at `over` once more after it has been set.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::chunk::Chunk;
use super::{Batch, Kind};
use crate::sync::UnsafeCell;
use crate::task::header::{Header, Meta, Vtable};
use crate::task::pages::{self, home_of};
use crate::task::state::{Claim, Pause, Taken, Turn, Wake};
use crate::task::{BatchSchedule, Origin, PageSet, Schedule, Spec};
use crate::task::{free_cell, requeue_cell, schedule_cell, wake_cell};

/// How many cells a turn looks at, and how many futures it drops.
const LOOKS: u32 = 1024;
const DROPS: u32 = 64;

#[repr(C)]
struct Hub {
    header: Header,
    body: Body,
}

struct Body {
    /// The batch, with a reference until the hub is complete.
    batch: NonNull<()>,
    /// How far the walk over the cells has come. Whoever has the turn.
    walked: UnsafeCell<Place>,
}

/// A cell of the batch. There are no more of them than elements, whose number is a `u32`.
#[derive(Clone, Copy, Default)]
struct Place {
    chunk: u32,
    cell: u32,
}

const CLASS: usize = pages::class_of(size_of::<Hub>());

struct VtableOf<K, S>(PhantomData<(K, S)>);

impl<K: Kind, S: BatchSchedule> VtableOf<K, S> {
    const VTABLE: Vtable = Vtable {
        run: run::<K, S>,
        schedule: schedule_cell::<S>,
        wake: wake_cell::<S>,
        home: home_of,
        cancel: cancel_all::<K, S>,
        read_output: |_, _| unreachable!("a hub has no handle"),
        drop_output: |_| unreachable!("a hub has no output"),
        free: free::<S>,
        walkable: true,
    };
}

/// A cell for a hub, not published yet.
///
/// # Safety
/// The caller owns `home`.
pub(super) unsafe fn create<K: Kind, S: BatchSchedule>(
    home: &PageSet,
    spec: &Spec,
) -> NonNull<Header> {
    // SAFETY: the caller owns `home`.
    let header = unsafe { home.take(CLASS) };
    let meta = Meta {
        // SAFETY: as above.
        id: unsafe { home.next_root_id() },
        parent: spec.parent,
        origin: Origin::new(spec.origin.location(), None),
    };
    let vtable = const { &VtableOf::<K, S>::VTABLE };
    // SAFETY: the cell is ours alone until its state word says that it lives, which is not written here.
    unsafe { Header::fill(header, vtable, meta) };
    header
}

/// # Safety
/// The hub is fresh from `create`; a reference to the batch is handed over.
pub(super) unsafe fn publish<K: Kind, S>(hub: NonNull<Header>, batch: NonNull<Batch<K, S>>) {
    let cell = hub.cast::<Hub>().as_ptr();
    // SAFETY: the place is inside the cell.
    let body = unsafe { &raw mut (*cell).body };
    let new = Body {
        batch: batch.cast(),
        walked: UnsafeCell::new(Place::default()),
    };
    // SAFETY: the cell is ours alone until it is published.
    unsafe { body.write(new) };
    // SAFETY: every field is written.
    unsafe { hub.as_ref() }.state.publish_idle();
}

/// The batch is cancelled: the hub gets a turn.
pub(super) fn wake<K: Kind, S: BatchSchedule>(batch: &Batch<K, S>) {
    // SAFETY: the batch's reference keeps the cell.
    if unsafe { batch.hub.as_ref() }.state.wake() == Wake::Push {
        // SAFETY: the hub became due by this call, and the batch's reference outlasts the push.
        unsafe { S::schedule(batch.hub, batch.home) }
    }
}

/// The batch is over. By who ended the last element, with a reference to the batch that outlasts the call. True: the hub's is the caller's as well now.
pub(super) fn over<K: Kind, S: BatchSchedule>(batch: &Batch<K, S>) -> bool {
    // SAFETY: the batch's reference keeps the cell.
    match unsafe { batch.hub.as_ref() }.state.claim_idle() {
        Claim::Claimed => {
            // SAFETY: claimed just now.
            let _batch = unsafe { complete::<K, S>(batch.hub) };
            true
        }
        // In a turn, or waiting for one: the attempt was a wake, and there will be another look at `over`. Or a turn was faster.
        Claim::Busy | Claim::Complete => false,
    }
}

/// Gives the batch, with the hub's reference.
///
/// # Safety
/// The caller has the turn, and the batch is over.
unsafe fn complete<K: Kind, S: BatchSchedule>(hub: NonNull<Header>) -> NonNull<Batch<K, S>> {
    // SAFETY: the runtime's reference keeps the cell until it is released below.
    let cell = unsafe { hub.cast::<Hub>().as_ref() };
    let batch = cell.body.batch.cast();
    if cell.header.state.complete_and_release(Taken::NONE) {
        // SAFETY: that was the last reference.
        unsafe { free::<S>(hub) }
    }
    batch
}

/// # Safety
/// The caller holds the queue's entry of the hub.
unsafe fn run<K: Kind, S: BatchSchedule>(hub: NonNull<Header>) {
    // SAFETY: the runtime's reference keeps the cell.
    let turn = unsafe { hub.as_ref() }.state.start();
    if turn.is_cancelled() {
        // SAFETY: the turn is ours.
        unsafe { cancel_all::<K, S>(hub) }
    } else {
        // SAFETY: as above.
        unsafe { reap::<K, S>(hub, turn, LOOKS, DROPS) }
    }
}

/// The runtime ends: everything at once.
///
/// # Safety
/// The caller has the turn (of an entry, or by `claim_idle`), and gives it up.
unsafe fn cancel_all<K: Kind, S: BatchSchedule>(hub: NonNull<Header>) {
    // SAFETY: the runtime's reference keeps the cell.
    let cell = unsafe { hub.cast::<Hub>().as_ref() };
    // SAFETY: the hub's reference keeps the batch: it is not complete while the turn is ours.
    let _ = unsafe { cell.body.batch.cast::<Batch<K, S>>().as_ref() }.set_cancelled();
    // From the start: what an earlier walk passed before it was begun is found by its runner, but a closer knows no runners.
    // SAFETY: the turn is ours.
    cell.body
        .walked
        .with_mut(|walked| unsafe { *walked = Place::default() });
    // SAFETY: as the caller promises.
    unsafe { reap::<K, S>(hub, cell.header.state.start(), u32::MAX, u32::MAX) };
}

/// A turn: cancels what was begun and has not ended, and completes the hub if nothing is left.
///
/// # Safety
/// The caller has the turn, and gives it up. The batch may be gone when this returns.
unsafe fn reap<K: Kind, S: BatchSchedule>(
    hub: NonNull<Header>,
    mut turn: Turn,
    looks: u32,
    drops: u32,
) {
    // SAFETY: the runtime's reference keeps the cell until the hub is complete.
    let cell = unsafe { hub.cast::<Hub>().as_ref() };
    // SAFETY: the hub's reference keeps the batch until then.
    let batch = unsafe { cell.body.batch.cast::<Batch<K, S>>().as_ref() };
    loop {
        // SAFETY: the turn is ours.
        let walked = cell.body.walked.with(|walked| unsafe { *walked });
        let (now, through) = walk(batch, walked, looks, drops);
        // SAFETY: as above.
        cell.body.walked.with_mut(|walked| unsafe { *walked = now });
        if batch.is_over() {
            // SAFETY: the turn is ours.
            let batch = unsafe { complete::<K, S>(hub) };
            // SAFETY: the hub's reference.
            return unsafe { Batch::release(batch, 1) };
        }
        if !through {
            let _to_be_requeued = cell.header.state.wake();
        }
        match cell.header.state.pause(turn, Taken::NONE) {
            Pause::Idle => return,
            // SAFETY: the hub is due and in no queue.
            Pause::Requeue => return unsafe { requeue_cell::<S>(hub) },
            Pause::Cancel => turn = cell.header.state.start(),
        }
    }
}

/// Cancels the elements in the cells from `place` on, so far as the limits go. Returns how far that was, and whether it was to the end.
fn walk<K: Kind, S: BatchSchedule>(
    batch: &Batch<K, S>,
    mut place: Place,
    mut looks: u32,
    mut drops: u32,
) -> (Place, bool) {
    if !batch.is_cancelled() {
        return (place, true);
    }
    while let Some(chunk) = batch.cells.chunk(place.chunk as usize) {
        // SAFETY: the hub's reference keeps the batch, and that its chunks.
        let first = unsafe { Chunk::first(chunk) };
        // SAFETY: as above.
        let count = unsafe { chunk.as_ref() }.count();
        while (place.cell as usize) < count {
            if looks == 0 || drops == 0 {
                return (place, false);
            }
            // SAFETY: inside the chunk.
            let cell = unsafe { first.add(place.cell as usize) };
            place.cell += 1;
            looks -= 1;
            // SAFETY: the hub's reference keeps the batch.
            drops -= u32::from(unsafe { Batch::<K, S>::cancel_begun(cell) });
        }
        place = Place {
            chunk: place.chunk + 1,
            cell: 0,
        };
    }
    (place, true)
}

/// # Safety
/// The last reference is gone.
unsafe fn free<S: Schedule>(hub: NonNull<Header>) {
    // SAFETY: as the caller promises; there is nothing to drop behind the header.
    unsafe { free_cell::<S>(hub, CLASS) }
}
