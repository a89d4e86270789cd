//! heist: a multithreaded work-stealing async executor.

mod sync;
mod task;
mod util;
