//! Tickets: a range of elements as a queue entry.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::cells::Shelf;
use super::chunk::Chunk;
use super::range::{Arrival, Leave, Range};
use super::{Batch, Kind, Tally};
use crate::sync::UnsafeCell;
use crate::task::header::{Fixed, Header, Meta, Vtable};
use crate::task::state::State;
use crate::task::{BatchSchedule, PageSet, current};

/// The most elements in a turn.
const TURN: u32 = 64;

/// Not a task: the header is what queues deal in. The state word says nothing but whether the closer has marked it CANCELLED.
#[repr(C)]
pub(super) struct Ticket<K: Kind, S> {
    header: Header,
    range: Range,
    /// Whoever has the range's turn.
    shelf: UnsafeCell<Shelf<K::Future>>,
    /// With a reference, for as long as there is a range. The first ticket, which is a part of it, is only memory from then on.
    batch: NonNull<Batch<K, S>>,
}

struct VtableOf<K, S>(PhantomData<(K, S)>);

impl<K: Kind, S: BatchSchedule> VtableOf<K, S> {
    const VTABLE: Vtable = Vtable {
        run: run::<K, S>,
        schedule: |_| unreachable!("a ticket has no wakers"),
        wake: |_| unreachable!("a ticket has no wakers"),
        cancel: |_| unreachable!("no walk finds a ticket"),
        read_output: |_, _| unreachable!("a ticket has no handle"),
        drop_output: |_| unreachable!("a ticket has no output"),
        free: |_| unreachable!("a ticket is not counted"),
        home: home::<K, S>,
        walkable: false,
    };
}

impl<K: Kind, S: BatchSchedule> Ticket<K, S> {
    /// A ticket for a range of a batch's elements. It stands for a reference to the batch.
    pub(super) fn new(batch: NonNull<Batch<K, S>>, meta: Meta, range: Range) -> Self {
        Self {
            header: Header {
                state: State::free(),
                fixed: Fixed {
                    vtable: const { &VtableOf::<K, S>::VTABLE },
                    meta,
                    join_waker: UnsafeCell::new(None),
                    #[cfg(heist_loom)]
                    tenancy: UnsafeCell::new(()),
                },
            },
            range,
            shelf: UnsafeCell::new(Shelf::new()),
            batch,
        }
    }
}

/// # Safety
/// The ticket is there, and with it the range's reference to the batch.
unsafe fn home<K: Kind, S: BatchSchedule>(ticket: NonNull<Header>) -> NonNull<PageSet> {
    // SAFETY: as the caller promises.
    let ticket = unsafe { ticket.cast::<Ticket<K, S>>().as_ref() };
    // SAFETY: as above.
    unsafe { ticket.batch.as_ref() }.home
}

/// # Safety
/// The range's last holder has gone. Its reference to the batch is the caller's now.
unsafe fn free<K: Kind, S: BatchSchedule>(ticket: NonNull<Header>) {
    let place = ticket.cast::<Ticket<K, S>>();
    // SAFETY: the last holder leaves it to the caller.
    let ticket = unsafe { place.as_ref() };
    // SAFETY: nobody else knows the range, which is empty.
    unsafe { close(ticket) };
    // SAFETY: the range's reference.
    let first: &Ticket<K, S> = &unsafe { ticket.batch.as_ref() }.written.first;
    // The first one is a part of the batch, and has nothing to drop.
    if !std::ptr::eq(place.as_ptr(), first) {
        // SAFETY: all others are boxed, and nobody knows this one any more.
        drop(unsafe { Box::from_raw(place.as_ptr()) });
    }
}

/// Nobody will begin an element of the range any more: gives up the cells that are left on the shelf.
///
/// # Safety
/// The caller has the turn, or is the range's last holder, and the range is empty.
unsafe fn close<K: Kind, S: BatchSchedule>(ticket: &Ticket<K, S>) {
    let closed = ticket.shelf.with_mut(|shelf| {
        // SAFETY: as the caller promises.
        let shelf = unsafe { &mut *shelf };
        shelf.close()
    });
    if let Some((chunk, left)) = closed {
        // SAFETY: said once, as the shelf is empty from now on; the range's reference keeps the batch.
        let due = unsafe { Chunk::close(chunk, left) };
        // SAFETY: the chunk's answer, just now.
        unsafe { Batch::<K, S>::pay(chunk, due) };
    }
}

/// # Safety
/// The caller has the entry of a range in hand, and hands it over.
unsafe fn run<K: Kind, S: BatchSchedule>(header: NonNull<Header>) {
    // SAFETY: the entry keeps the ticket.
    let ticket = unsafe { header.cast::<Ticket<K, S>>().as_ref() };
    if ticket.header.state.is_cancelled() {
        // SAFETY: as the caller promises.
        unsafe { clear::<K, S>(header) };
    } else if ticket.range.arrive() == Arrival::Runner {
        // SAFETY: the entry is in hand, and the turn ours.
        unsafe { work::<K, S>(header) };
    } else {
        // SAFETY: the entry is in hand.
        unsafe { help::<K, S>(header) };
    }
}

/// A turn: begins one element after the other.
///
/// # Safety
/// The caller has the entry in hand and the turn, and hands both over.
unsafe fn work<K: Kind, S: BatchSchedule>(header: NonNull<Header>) {
    // SAFETY: the turn keeps the ticket.
    let ticket = unsafe { header.cast::<Ticket<K, S>>().as_ref() };
    let (range, batch) = (&ticket.range, ticket.batch);
    // SAFETY: the range's reference keeps the batch until `leave`.
    let this = unsafe { batch.as_ref() };
    // A helper came with another range's ticket, which may be gone by now.
    current::set(Some(header));

    let left = range.len();
    let offered = left > 1;
    if offered {
        // Others find the rest from here on, whatever the first element does to this thread.
        // SAFETY: the entry is in hand.
        unsafe { S::offer(header, this.home, left as usize) };
    } else {
        let last = range.drop_entry();
        debug_assert!(!last, "the turn is left");
    }
    let mut tally = Tally::default();
    let mut waiting = S::Waiting::default();
    ticket.shelf.with_mut(|shelf| {
        // SAFETY: the turn is ours.
        let shelf = unsafe { &mut *shelf };
        for n in 0..TURN {
            if n > 0 && (range.is_empty() || !S::next_poll(&mut waiting)) {
                break;
            }
            let Some(index) = range.claim() else { break };
            if this.is_cancelled() {
                // SAFETY: claimed just now; the turn keeps the batch.
                unsafe { this.discard(index, &mut tally) };
            } else {
                // SAFETY: as above, and the shelf is the turn's.
                unsafe { Batch::begin(batch, index, range, shelf, &mut tally) };
            }
        }
    });
    // SAFETY: the turn keeps the ticket.
    if offered && range.is_empty() && unsafe { S::retract(header) } {
        let last = range.drop_entry();
        debug_assert!(!last, "the turn is left");
    }
    this.enter(&mut tally);
    if range.is_empty() {
        // At once: the entry may be in a queue for long.
        // SAFETY: the turn is ours, and an empty range stays so.
        unsafe { close(ticket) };
    }
    let is_last = match range.leave() {
        // A helper has taken the last element meanwhile, and with it the entry: the new one is not to wait in a queue for nothing.
        Leave::Push if range.is_empty() => range.drop_entry(),
        Leave::Push => {
            // Others may run and free it as soon as it is pushed.
            current::set(None);
            // SAFETY: the entry is new, and ours to push.
            unsafe { S::offer(header, this.home, range.len() as usize) };
            false
        }
        Leave::Done => false,
        Leave::Free => true,
    };
    if is_last {
        // SAFETY: the last holder was this turn, or its entry.
        unsafe { free::<K, S>(header) };
        tally.released += 1;
    }
    // SAFETY: the references of elements that ended here, and perhaps of the range.
    unsafe { Batch::release(batch, tally.released) };
}

/// Somebody else has the turn: takes half of the rest as a range of its own.
///
/// # Safety
/// The caller has the entry in hand, and hands it over.
unsafe fn help<K: Kind, S: BatchSchedule>(header: NonNull<Header>) {
    // SAFETY: the entry keeps the ticket.
    let ticket = unsafe { header.cast::<Ticket<K, S>>().as_ref() };
    let batch = ticket.batch;
    let half = ticket.range.split().map(|(lo, hi)| {
        // SAFETY: the entry keeps the range, and that the batch.
        let this = unsafe { batch.as_ref() };
        this.retain();
        let ticket = Ticket::new(batch, this.meta(this.base), Range::in_turn(lo, hi));
        NonNull::from(Box::leak(Box::new(ticket))).cast()
    });
    if !ticket.range.is_empty() {
        // SAFETY: the entry keeps the range, and that the batch.
        let home = unsafe { batch.as_ref() }.home;
        let left = ticket.range.len() as usize;
        // Others may run and free it as soon as it is pushed.
        current::set(None);
        // SAFETY: the entry is in hand.
        unsafe { S::offer(header, home, left) };
    } else if ticket.range.drop_entry() {
        // SAFETY: the last holder was the entry.
        unsafe { free::<K, S>(header) };
        // SAFETY: the range's.
        unsafe { Batch::release(batch, 1) };
    }
    if let Some(half) = half {
        // SAFETY: made with the turn and the entry, which is in hand.
        unsafe { work::<K, S>(half) };
    }
}

/// The runtime ends: drops what is left.
///
/// # Safety
/// The caller has the entry in hand, and hands it over.
unsafe fn clear<K: Kind, S: BatchSchedule>(header: NonNull<Header>) {
    // SAFETY: the entry keeps the ticket.
    let ticket = unsafe { header.cast::<Ticket<K, S>>().as_ref() };
    let batch = ticket.batch;
    // SAFETY: the entry keeps the range, and that the batch.
    let this = unsafe { batch.as_ref() };
    let mut tally = Tally::default();
    for index in ticket.range.take_rest() {
        // SAFETY: taken from the range just now.
        unsafe { this.discard(index, &mut tally) };
    }
    this.enter(&mut tally);
    if ticket.range.drop_entry() {
        // SAFETY: the last holder was the entry.
        unsafe { free::<K, S>(header) };
        tally.released += 1;
    }
    // SAFETY: the references of the elements dropped, and perhaps of the range.
    unsafe { Batch::release(batch, tally.released) };
}
