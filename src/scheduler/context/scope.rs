//! Stays inside a runtime.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;

use super::{CONTEXT, Engine, Fields, Header, NO_SEAT, Place};
use crate::task::current;
use crate::util::budget;

/// A stay inside a runtime: keeps the engine, and puts back what was there before.
pub(crate) struct Scope {
    before: Fields,
    serial: u64,
    is_guard: bool,
    task: *const Header,
    budget: u8,
    /// An `Arc` that is given back after the fields no longer show it, unless it is a copy of one that stays.
    engine: ManuallyDrop<Arc<Engine>>,
    is_borrowed: bool,
    not_send: PhantomData<*const ()>,
}

impl Scope {
    pub(crate) fn enter(engine: Arc<Engine>, place: Place) -> Self {
        Self::new(ManuallyDrop::new(engine), false, place)
    }

    /// A stay that counts no reference to the engine.
    ///
    /// # Safety
    /// `engine` outlives the scope, which is no guard's.
    pub(crate) unsafe fn visit(engine: &Arc<Engine>, place: Place) -> Self {
        // SAFETY: a copy that is not dropped, and that is used for as long as `engine` is there, by what the caller promises.
        let copy = unsafe { ptr::read(engine) };
        Self::new(ManuallyDrop::new(copy), true, place)
    }

    fn new(engine: ManuallyDrop<Arc<Engine>>, is_borrowed: bool, place: Place) -> Self {
        CONTEXT.with(|cx| {
            let before = cx.fields();
            let serial = cx.serials.get() + 1;
            cx.serials.set(serial);
            cx.set(Fields {
                engine: Arc::as_ptr(&engine),
                seat: if place == Place::Entered {
                    before.seat
                } else {
                    NO_SEAT
                },
                root: if place == Place::Entered {
                    before.root
                } else {
                    ptr::null()
                },
                place: if before.place == Place::Running && place == Place::Entered {
                    Place::Running
                } else {
                    place
                },
                top: serial,
            });
            cx.armed.set(false);
            if place != Place::Entered {
                let depth = cx.depth.get();
                if let Some(stay) = cx.stays.get(depth) {
                    stay.set(Arc::as_ptr(&engine));
                }
                cx.depth.set(depth + 1);
            }
            Self {
                before,
                serial,
                is_guard: place == Place::Entered,
                task: if place == Place::Entered {
                    ptr::null()
                } else {
                    current::replace(ptr::null())
                },
                // A guard leaves the running task its allowance.
                budget: if place == Place::Entered {
                    0
                } else {
                    budget::suspend()
                },
                engine,
                is_borrowed,
                not_send: PhantomData,
            }
        })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Whether nobody but this scope has an `Arc` of the engine.
    pub(crate) fn is_alone(&self) -> bool {
        !self.is_borrowed && Arc::strong_count(&self.engine) == 1
    }

    /// Ends the stay, and gives the engine back.
    pub(crate) fn leave(self) -> Arc<Engine> {
        debug_assert!(!self.is_borrowed, "it is somebody else's");
        let mut this = ManuallyDrop::new(self);
        this.restore();
        // SAFETY: `this` is not dropped, so the Arc is taken once.
        unsafe { ManuallyDrop::take(&mut this.engine) }
    }

    /// False: a guard out of turn. It may be shown again by a stay that began under it, so its engine has to be kept.
    fn restore(&self) -> bool {
        let in_turn = CONTEXT.with(|cx| {
            let in_turn = !self.is_guard || cx.top.get() == self.serial;
            if in_turn {
                let seat = if self.is_guard {
                    cx.seat.get()
                } else {
                    self.before.seat
                };
                cx.set(Fields {
                    seat,
                    ..self.before
                });
                cx.armed.set(false);
            }
            in_turn
        });
        if !self.is_guard {
            CONTEXT.with(|cx| cx.depth.set(cx.depth.get() - 1));
            current::replace(self.task);
            budget::restore(self.budget);
        }
        in_turn
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if !self.restore() || self.is_borrowed {
            return;
        }
        // SAFETY: dropped once, here: `leave` does not come by.
        unsafe { ManuallyDrop::drop(&mut self.engine) }
    }
}
