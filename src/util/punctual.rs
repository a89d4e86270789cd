//! Sleeping to the point.
//!
//! Linux ends a thread's timed waits up to its *timer slack* late, 50 µs unless somebody changed it, to save wake-ups. That is more than
//! all the rest of a timer's lateness. So the slack is taken out for the time of a wait whose end matters, and put back after it: the thread may be the
//! user's.

#[cfg(target_os = "linux")]
use std::num::NonZeroU64;

/// While it lives, timed waits of this thread end on time, as far as the system can.
pub(crate) struct Punctual {
    /// The slack to put back, in nanoseconds; 0 stands for the default.
    #[cfg(target_os = "linux")]
    slack: u64,
}

impl Punctual {
    #[cfg(target_os = "linux")]
    pub(crate) fn begin() -> Self {
        let slack = rustix::thread::current_timer_slack().unwrap_or(0);
        // Where it is refused the wait is late, and no more.
        let _ = rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN));
        Self { slack }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn begin() -> Self {
        Self {}
    }
}

#[cfg(target_os = "linux")]
impl Drop for Punctual {
    fn drop(&mut self) {
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(self.slack));
    }
}
