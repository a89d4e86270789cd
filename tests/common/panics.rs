//! Panics that a test makes on purpose: kept out of its output, and looked at.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// The message of panics that are part of a test, and are not printed.
pub(crate) const DELIBERATE: &str = "deliberate";

/// What a panic said, and where.
#[derive(Debug)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Keeps deliberate panics, and those whose payload is no text, out of the test's output.
pub(crate) fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let message = message_of(info.payload());
            if EXPECTED.try_with(Cell::get).unwrap_or(false) {
                LAST.set(Some(record(info, message)));
            } else if message.is_some_and(|m| !m.contains(DELIBERATE)) {
                usual(info);
            }
        }));
    });
}

fn record(info: &PanicHookInfo<'_>, message: Option<&str>) -> Panic {
    let place = info.location().expect("a panic has a location");
    Panic {
        message: message.unwrap_or_default().to_owned(),
        file: place.file().to_owned(),
        line: place.line(),
    }
}

/// The text of a panic's payload, if it is one.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> Option<&str> {
    match payload.downcast_ref::<&str>() {
        Some(text) => Some(text),
        None => payload.downcast_ref::<String>().map(String::as_str),
    }
}

/// Runs `f`, which must panic on this thread, and says how it did.
#[track_caller]
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> Panic {
    quiet_panics();
    EXPECTED.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    EXPECTED.set(false);
    assert!(result.is_err(), "there was no panic");
    LAST.take().expect("the hook saw the panic")
}
