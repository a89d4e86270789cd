//! Where a task was spawned, and what it is called, in one word: few tasks have a name.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr::NonNull;

/// Marks, in the address of a box, that there is a name.
const NAMED: usize = 1;

const _: () = assert!(align_of::<Location<'_>>() > NAMED && align_of::<Named>() > NAMED);

struct Named {
    location: &'static Location<'static>,
    name: String,
}

/// A spawn location, or a box with that and a name.
pub(crate) struct Origin(NonNull<()>, PhantomData<Box<Named>>);

// SAFETY: it stands for a shared reference to a Location, or a box of such a reference and a String: all of them are Send.
unsafe impl Send for Origin {}
// SAFETY: as above, and all of them are Sync; nothing is changed through a shared reference.
unsafe impl Sync for Origin {}

impl Origin {
    #[inline]
    pub(crate) fn new(location: &'static Location<'static>, name: Option<String>) -> Self {
        let word = match name {
            None => NonNull::from(location).cast(),
            Some(name) => NonNull::from(Box::leak(Box::new(Named { location, name })))
                .cast()
                .map_addr(|address| address | NAMED),
        };
        Self(word, PhantomData)
    }

    #[inline]
    pub(crate) fn location(&self) -> &'static Location<'static> {
        match self.named() {
            // SAFETY: without the mark it is a reference for good.
            None => unsafe { self.0.cast().as_ref() },
            // SAFETY: the box is this origin's until it is dropped.
            Some(named) => unsafe { named.as_ref() }.location,
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        // SAFETY: as above.
        self.named()
            .map(|named| unsafe { &*named.as_ptr() }.name.as_str())
    }

    #[inline]
    fn named(&self) -> Option<NonNull<Named>> {
        let is_named = self.0.addr().get() & NAMED != 0;
        let named = self.0.as_ptr().map_addr(|address| address & !NAMED);
        NonNull::new(named.cast()).filter(|_| is_named)
    }
}

impl Drop for Origin {
    #[inline]
    fn drop(&mut self) {
        if let Some(named) = self.named() {
            // SAFETY: leaked by `new`, and not used again.
            drop(unsafe { Box::from_raw(named.as_ptr()) });
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            write!(f, "\"{name}\" ")?;
        }
        fmt::Display::fmt(self.location(), f)
    }
}
