//! The root: the future given to `run` or `block_on`. It stays in its caller's frame; what others know of it is a cell
//! with a header and the parker of the thread, which never changes.

use std::panic::Location;
use std::ptr::NonNull;

use super::context;
use super::engine::Engine;
use super::parker::Parker;
use super::schedule::{Scheduler, with_orphans};
use crate::task::pages::{self, home_of};
use crate::task::state::{Pause, State, Taken};
use crate::task::waker::{BorrowedWaker, wake_keeping};
use crate::task::{Header, Meta, Origin, PageSet, Vtable, free_cell};

#[repr(C)]
struct Cell {
    header: Header,
    parker: &'static Parker,
}

const CLASS: usize = pages::class_of(size_of::<Cell>());

static VTABLE: Vtable = Vtable {
    run: |_| unreachable!("a root is in no queue"),
    schedule: wake,
    wake: wake_keeping,
    cancel: |_| unreachable!("no walk claims a root"),
    read_output: |_, _| unreachable!("a root has no handle"),
    drop_output: |_| unreachable!("a root's output stays in its caller's frame"),
    free,
    home: home_of,
    walkable: false,
};

/// The root of one `block_on`. The turn in which it is done lasts until it is dropped, so that wakes find nothing to do; without a handle, and
/// without an output in the cell.
pub(super) struct Root(NonNull<Header>);

impl Root {
    /// A root that is due for its first poll, in the pages of the caller's worker, or in the foreign ones.
    pub(super) fn new(
        engine: &Engine,
        parker: &'static Parker,
        location: &'static Location<'static>,
    ) -> Self {
        if let Some(worker) = context::worker_of(engine) {
            // SAFETY: `worker_of` gives the worker that this thread occupies, whose pages it owns.
            return unsafe { Self::place(&worker.pages, parker, location) };
        }
        // SAFETY: both of those who give it a set own that while it runs.
        let place = |set: &PageSet| unsafe { Self::place(set, parker, location) };
        let foreign = engine.foreign.with((), |set, ()| place(set));
        foreign.unwrap_or_else(|()| with_orphans(place))
    }

    /// # Safety
    /// The caller owns `home`.
    unsafe fn place(
        home: &PageSet,
        parker: &'static Parker,
        location: &'static Location<'static>,
    ) -> Self {
        // SAFETY: the caller owns `home`.
        let header = unsafe { home.take(CLASS) };
        let cell = header.cast::<Cell>().as_ptr();
        let meta = Meta {
            // SAFETY: as above.
            id: unsafe { home.next_root_id() },
            parent: None,
            origin: Origin::new(location, None),
        };
        // SAFETY: the cell was taken just now.
        unsafe { Header::fill(header, &VTABLE, meta) };
        // SAFETY: as above; the place is inside the cell.
        let place = unsafe { &raw mut (*cell).parker };
        // SAFETY: as above.
        unsafe { place.write(parker) };
        // SAFETY: every field is written.
        unsafe { header.as_ref() }.state.publish_owned();
        Self(header)
    }

    pub(super) fn cell(&self) -> NonNull<Header> {
        self.0
    }

    fn state(&self) -> &State {
        // SAFETY: `publish_owned` counted a reference, which is given back when this is dropped.
        &unsafe { self.0.as_ref() }.state
    }

    pub(super) fn is_woken(&self) -> bool {
        self.state().is_due()
    }

    /// Polls, and says whether the root is done.
    pub(super) fn poll(&self, poll: &mut dyn FnMut(&std::task::Waker) -> bool) -> bool {
        let turn = self.state().start();
        // SAFETY: our reference outlasts the poll.
        let waker = unsafe { BorrowedWaker::new(self.0) };
        let done = poll(&waker);
        if !done {
            let pause = self.state().pause(turn, Taken::NONE);
            debug_assert!(pause != Pause::Cancel, "nobody can abort a root");
        }
        done
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        if self.state().complete_and_release(Taken::NONE) {
            // SAFETY: that was the last reference.
            unsafe { free(self.0) }
        }
    }
}

/// So many turns a root that was woken lets pass, at most.
const PATIENCE: u64 = 64;

/// The root became due: its thread is told, unless it is the one that runs here, which looks before it sleeps.
unsafe fn wake(root: NonNull<Header>) {
    // SAFETY: the caller holds a reference to a root's cell.
    let cell = unsafe { root.cast::<Cell>().as_ref() };
    // SAFETY: as above.
    let home = unsafe { home_of(root) };
    // SAFETY: a page set outlives its cells.
    let engine = Engine::of(unsafe { home.as_ref() });
    if context::is_own_root(root) {
        // As a joiner that is a task: behind the neighbours of the task that it waited for.
        if let Some(worker) = engine.and_then(|engine| context::worker_of(engine))
            && worker.is_joining()
        {
            // SAFETY: `worker_of` gives the worker that this thread occupies.
            let queued = unsafe { worker.local.len() };
            worker.root_waits.set(PATIENCE.min(queued as u64));
        }
        return;
    }
    // A root without an engine is a guest, and never in the poller.
    cell.parker.kick(|| {
        engine
            .into_iter()
            .for_each(|engine| engine.driver.interrupt())
    });
}

unsafe fn free(root: NonNull<Header>) {
    // SAFETY: the last reference is gone; there is nothing to drop behind the header.
    unsafe { free_cell::<Scheduler>(root, CLASS) }
}
