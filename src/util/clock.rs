//! Clocks of the system, in nanoseconds.

/// What a clock says. None: the system has no such clock.
#[cfg(target_os = "linux")]
pub(crate) fn read(clock: libc::clockid_t) -> Option<u64> {
    let mut time = std::mem::MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the pointer is valid for writing a timespec, and the system refuses a clock that it does not know.
    if unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call succeeded, so it has been written.
    let time = unsafe { time.assume_init() };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?)
}

/// A clock that is cheap to read, for statistics. It begins at some moment that stays the same.
///
/// On Linux it is the one that the system sets on at each of its ticks, every 1 to 10 ms; that takes a quarter of the time that the exact
/// one does. A stretch between two readings comes out as a multiple of a tick; as it may begin at any moment of one, it is right on average.
#[cfg(target_os = "linux")]
pub(crate) fn coarse() -> u64 {
    // As old as Linux 2.6.32.
    read(libc::CLOCK_MONOTONIC_COARSE).unwrap_or(0)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn coarse() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;

    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let age = BEGIN.get_or_init(Instant::now).elapsed();
    u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use std::time::{Duration, Instant};

    #[test]
    fn the_coarse_one_goes_as_fast_as_the_exact_one() {
        /// Of any system.
        const TICK: Duration = Duration::from_millis(10);

        let before = Instant::now();
        let start = super::coarse();
        let inner = Instant::now();
        std::thread::sleep(5 * TICK);
        let inner = inner.elapsed();
        let passed = Duration::from_nanos(super::coarse() - start);
        let outer = before.elapsed();
        let most = outer + TICK;
        assert!(
            inner <= passed + TICK && passed <= most,
            "{inner:?} {passed:?} {outer:?}"
        );
    }
}
