//! What a thread knows of where it is: inside which runtime, at which worker, in which task.

mod scope;

use std::cell::Cell;
use std::num::NonZeroU64;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::engine::Engine;
use super::worker::Worker;
use crate::task::{Header, current};

pub(crate) use crate::util::budget::{has_budget, poll_budget};
pub(crate) use scope::Scope;

/// How this thread is inside its runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not at all.
    Outside,
    /// Through an enter guard: it may spawn.
    Entered,
    /// It polls a task or a root, or runs between two polls: it may not block.
    Running,
    /// It is in a blocking call, or in `block_in_place`: it may block.
    Blocking,
}

/// Runtimes inside of runtimes that are told apart.
const DEPTH: usize = 8;

/// Where the thread sits: a worker, and whose it is. Guards leave that as it is: what they show is another matter.
#[derive(Clone, Copy)]
struct Seat {
    worker: *const Worker,
    engine: *const Engine,
}

const NO_SEAT: Seat = Seat {
    worker: ptr::null(),
    engine: ptr::null(),
};

#[derive(Clone, Copy)]
struct Fields {
    engine: *const Engine,
    seat: Seat,
    root: *const Header,
    place: Place,
    /// The serial number of the innermost stay; 0: none.
    top: u64,
}

struct Context {
    engine: Cell<*const Engine>,
    seat: Cell<Seat>,
    place: Cell<Place>,
    top: Cell<u64>,
    /// The engines of the stays that are no guards, the innermost last, and how many there are.
    stays: [Cell<*const Engine>; DEPTH],
    depth: Cell<usize>,
    serials: Cell<u64>,
    /// The cell of the root that is driven here.
    root: Cell<*const Header>,
    /// Whether the monitor was told that this thread works, since it last slept.
    armed: Cell<bool>,
}

thread_local! {
    // No destructor: it can be used in the destructors of other thread-locals.
    static CONTEXT: Context = const {
        Context {
            engine: Cell::new(ptr::null()),
            seat: Cell::new(NO_SEAT),
            place: Cell::new(Place::Outside),
            top: Cell::new(0),
            stays: [const { Cell::new(ptr::null()) }; DEPTH],
            depth: Cell::new(0),
            serials: Cell::new(0),
            root: Cell::new(ptr::null()),
            armed: Cell::new(false),
        }
    };
}

impl Context {
    fn fields(&self) -> Fields {
        Fields {
            engine: self.engine.get(),
            seat: self.seat.get(),
            root: self.root.get(),
            place: self.place.get(),
            top: self.top.get(),
        }
    }

    fn set(&self, fields: Fields) {
        self.engine.set(fields.engine);
        self.seat.set(fields.seat);
        self.root.set(fields.root);
        self.place.set(fields.place);
        self.top.set(fields.top);
    }
}

/// What a guard changes of which runtime is current, when a poll begins, for [`resume`].
pub(crate) struct Mark {
    engine: *const Engine,
    top: u64,
}

#[inline]
pub(crate) fn mark() -> Mark {
    CONTEXT.with(|cx| Mark {
        engine: cx.engine.get(),
        top: cx.top.get(),
    })
}

/// What runs until [`resume`] may drop a guard from before it. It does so out of turn, so that its engine is kept: for good, as nobody knows how
/// long the context will show it.
pub(crate) fn cover_guards() {
    CONTEXT.with(|cx| {
        let serial = cx.serials.get() + 1;
        cx.serials.set(serial);
        cx.top.set(serial);
    });
}

/// The poll is over: a guard that it left behind no longer counts.
#[inline]
pub(crate) fn resume(mark: &Mark) {
    CONTEXT.with(|cx| {
        if cx.top.get() != mark.top {
            cx.engine.set(mark.engine);
            cx.top.set(mark.top);
        }
    });
}

/// Calls what is not ours, such as a waker or a hook, elsewhere than in a poll: a guard that it left behind does not count afterwards.
pub(crate) fn call<R>(f: impl FnOnce() -> R) -> R {
    struct Resume(Mark);
    impl Drop for Resume {
        fn drop(&mut self) {
            resume(&self.0);
        }
    }

    let _resume = Resume(mark());
    f()
}

/// Whether a `run` or `block_on` on this thread would stand inside a task or a root.
pub(crate) fn is_running() -> bool {
    CONTEXT.with(|cx| cx.place.get() == Place::Running)
}

/// Whether this thread works for `engine`, here or further up on its stack: in a task, a root, or a blocking call.
pub(crate) fn is_inside(engine: &Engine) -> bool {
    CONTEXT.with(|cx| {
        let depth = cx.depth.get();
        // Deeper than can be told: it may be, so nobody waits.
        depth > DEPTH
            || cx.stays[..depth]
                .iter()
                .any(|stay| ptr::eq(stay.get(), engine))
    })
}

/// The runtime this thread is inside of.
pub(crate) fn current() -> Option<Arc<Engine>> {
    with_engine(|engine| engine.map(Engine::arc))
}

#[inline]
pub(crate) fn with_engine<R>(f: impl FnOnce(Option<&Engine>) -> R) -> R {
    let engine = CONTEXT.with(|cx| cx.engine.get());
    // SAFETY: the scope that set the pointer keeps an Arc until after it has put the pointer back.
    f(unsafe { engine.as_ref() })
}

/// The worker that this thread occupies, if it is one of `engine`'s.
#[inline]
pub(crate) fn worker_of(engine: *const Engine) -> Option<&'static Worker> {
    CONTEXT.with(|cx| {
        let seat = cx.seat.get();
        if !ptr::eq(seat.engine, engine) {
            return None;
        }
        // SAFETY: a worker lives as long as its engine, which the scope keeps. Callers use it on the spot only.
        unsafe { seat.worker.as_ref() }
    })
}

/// Whether tasks are in line at the worker that this thread occupies, if it is one of `engine`'s.
pub(crate) fn has_line(engine: *const Engine) -> bool {
    // SAFETY: this thread occupies the worker.
    worker_of(engine).is_some_and(|worker| unsafe { worker.local.len() } > 0)
}

/// The engine at one of whose workers this thread sits, whatever runtime a guard shows.
pub(crate) fn seated_at() -> Option<&'static Engine> {
    let seat = CONTEXT.with(|cx| cx.seat.get());
    // SAFETY: as in `worker_of`.
    unsafe { seat.engine.as_ref() }
}

/// Whether the current runtime is that of the worker at which this thread sits: no guard shows another.
#[inline]
pub(crate) fn shows_the_seat() -> bool {
    CONTEXT.with(|cx| ptr::eq(cx.engine.get(), cx.seat.get().engine))
}

/// Which poll of `engine`'s this thread is in. None: it sits at none of its workers.
#[inline]
pub(crate) fn turn_of(engine: *const Engine) -> Option<NonZeroU64> {
    worker_of(engine).and_then(Worker::turn)
}

#[inline]
pub(crate) fn worker() -> *const Worker {
    CONTEXT.with(|cx| cx.seat.get().worker)
}

pub(crate) fn set_worker(worker: Option<&Worker>) {
    CONTEXT.with(|cx| {
        cx.seat.set(worker.map_or(NO_SEAT, |worker| Seat {
            worker,
            engine: worker.pages.engine.cast(),
        }));
        cx.armed.set(false);
    });
}

/// The root that this thread drives. Reset before its cell is given back.
pub(crate) fn set_root(root: Option<NonNull<Header>>) {
    CONTEXT.with(|cx| {
        cx.root
            .set(root.map_or(ptr::null(), |root| root.as_ptr().cast_const()))
    });
}

/// Whether this thread drives a root that is to be polled.
#[inline]
pub(crate) fn is_root_woken() -> bool {
    let root = CONTEXT.with(|cx| cx.root.get());
    // SAFETY: set for as long as the root's driver holds a reference to the cell.
    unsafe { root.as_ref() }.is_some_and(|root| root.state.is_due())
}

/// Whether this thread drives the root with this cell, right here.
pub(crate) fn is_own_root(root: NonNull<Header>) -> bool {
    CONTEXT.with(|cx| ptr::eq(cx.root.get(), root.as_ptr()))
}

/// Whether this thread polls a task, not a root.
pub(crate) fn in_task() -> bool {
    current::is_set()
}

#[inline]
pub(crate) fn set_task(task: Option<NonNull<Header>>) {
    current::set(task);
}

/// Puts `place` in, and returns what was there.
pub(crate) fn set_place(place: Place) -> Place {
    CONTEXT.with(|cx| cx.place.replace(place))
}

/// True once, after this thread began to work at its worker.
#[inline]
pub(crate) fn needs_arming() -> bool {
    CONTEXT.with(|cx| !cx.armed.replace(true))
}
