//! A clock that is cheap to read, for statistics.
//!
//! On Linux the one that the system sets on at each of its ticks, every 1 to 10 ms, which takes a quarter of the time that the exact one
//! does. A stretch between two readings comes out as a multiple of that; as it may begin at any moment of a tick, it is right on average.

/// Nanoseconds since some moment that stays the same.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
    // Neither is negative on a clock that begins when the system does.
    time.tv_sec.cast_unsigned() as u64 * 1_000_000_000 + time.tv_nsec.cast_unsigned() as u64
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn now() -> u64 {
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
    fn it_goes_as_fast_as_the_exact_clock() {
        let (start, exact) = (super::now(), Instant::now());
        std::thread::sleep(Duration::from_millis(50));
        let (passed, exact) = (super::now() - start, exact.elapsed());
        let off = exact.abs_diff(Duration::from_nanos(passed));
        assert!(off <= Duration::from_millis(20), "{passed} {exact:?}");
    }
}
