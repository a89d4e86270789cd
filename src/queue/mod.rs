//! Where runnable tasks wait. The only place that names crossbeam-deque.
//!
//! An entry is a bare pointer to a task that is due (or to a ticket of a batch): what keeps it alive is said in `task`.

use std::ptr::NonNull;

use crate::task::Header;

#[cfg(not(heist_loom))]
mod deque;
#[cfg(not(heist_loom))]
mod lines;
pub(crate) mod next;

#[cfg(not(heist_loom))]
pub(crate) use deque::{Injector, Local, Stealer, Stolen};
pub(crate) use next::NextSlot;

/// A queue entry.
#[derive(Clone, Copy)]
pub(crate) struct Entry(pub(crate) NonNull<Header>);

// SAFETY: an entry is the right to run a task that is due, which any thread may do: tasks that are not Send are never queued.
unsafe impl Send for Entry {}
