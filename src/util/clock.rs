//! Clocks of the system, in nanoseconds.

use std::sync::OnceLock;
use std::time::Instant;

/// What a clock says. None: the system has no such clock.
#[cfg(target_os = "linux")]
#[inline]
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

/// Nanoseconds since some moment that stays the same, by the clock of [`Instant`].
///
/// On Linux it is read as a number: an `Instant` tells how long it is after another one by a subtraction of two pairs, for a quarter of what reading the clock takes.
#[cfg(target_os = "linux")]
#[inline]
pub(crate) fn now() -> u64 {
    // The one that the standard library names as that of `Instant`.
    read(libc::CLOCK_MONOTONIC).expect("every Linux has this clock")
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn now() -> u64 {
    let (origin, reading) = origin();
    reading + u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// An instant, and what [`now`] said then, or a few nanoseconds before: the same in the whole process.
#[cfg(target_os = "linux")]
pub(crate) fn origin() -> (Instant, u64) {
    /// Of so many pairs one is as close as can be, even if the thread loses its processor in between.
    const TRIES: usize = 64;
    static ORIGIN: OnceLock<(Instant, u64)> = OnceLock::new();

    *ORIGIN.get_or_init(|| {
        let origin = Instant::now();
        // Each reading is from before its instant, so what it makes of the origin's is not too late: the latest is the closest.
        let readings = (0..TRIES).map(|_| {
            let (reading, instant) = (now(), Instant::now());
            let since = u64::try_from((instant - origin).as_nanos()).unwrap_or(0);
            reading.saturating_sub(since)
        });
        (origin, readings.max().unwrap_or(0))
    })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn origin() -> (Instant, u64) {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    (*ORIGIN.get_or_init(Instant::now), 0)
}

/// The processor time that a thread of this process has used. None: there is no such thread any more, or the system does not say.
///
/// By the thread's clock, whose number follows from the thread's (as in the C libraries' `pthread_getcpuclockid`): asked again and again
/// for each busy worker, it must not cost as much as a file under `/proc`.
#[cfg(target_os = "linux")]
pub(crate) fn of_thread(thread: u32) -> Option<u64> {
    /// Of one thread, in the scheduler's account.
    const KIND: libc::clockid_t = 6;
    read((!thread.cast_signed() << 3) | KIND)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of_thread(_thread: u32) -> Option<u64> {
    None
}

/// For how long a thread of this process has waited for a processor, by the kernel's account, which is a file. None: as above.
#[cfg(target_os = "linux")]
pub(crate) fn waits_of_thread(thread: u32) -> Option<u64> {
    // The time on a processor, that of waiting for one, and how often it got one.
    let text = std::fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn waits_of_thread(_thread: u32) -> Option<u64> {
    None
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
    now()
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use std::time::{Duration, Instant};

    #[cfg(target_os = "linux")]
    fn this_thread() -> u32 {
        let thread = rustix::thread::gettid();
        thread.as_raw_nonzero().get().cast_unsigned()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_clock_of_a_thread_goes_while_it_runs_and_not_while_it_sleeps() {
        const WHILE: u64 = 30_000_000;

        let ran = || super::of_thread(this_thread()).unwrap();
        let (begin, before) = (Instant::now(), ran());
        while ran() - before < WHILE {}
        assert!(begin.elapsed() + Duration::from_millis(10) >= Duration::from_nanos(WHILE));
        let before = ran();
        std::thread::sleep(Duration::from_nanos(WHILE));
        assert!(ran() - before < WHILE / 3);
        assert!(super::of_thread(u32::MAX >> 4).is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn of_more_threads_than_processors_that_run_some_wait() {
        assert!(super::waits_of_thread(u32::MAX >> 4).is_none());
        // Some kernels keep no such account.
        if !std::path::Path::new("/proc/self/schedstat").exists() {
            return;
        }
        let waits = || super::waits_of_thread(this_thread()).unwrap();
        let begin = Instant::now();
        let waits_for_long = || {
            let before = waits();
            while waits() - before < 5_000_000 && begin.elapsed() < Duration::from_secs(20) {}
            waits() - before >= 5_000_000
        };
        let threads = 2 * std::thread::available_parallelism().unwrap().get();
        let waited = std::thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(waits_for_long)).collect();
            let waited = all.into_iter().map(|one| one.join().unwrap());
            waited.filter(|waited| *waited).count()
        });
        assert!(waited > 0);
    }

    #[test]
    fn the_number_is_that_of_an_instant() {
        let (origin, reading) = super::origin();
        assert_eq!(super::origin(), (origin, reading));
        let by_number = || origin + Duration::from_nanos(super::now() - reading);
        for _ in 0..1_000 {
            let (before, between, after) = (Instant::now(), by_number(), Instant::now());
            // It may be a little late, as the reading may be a little early.
            assert!(before <= between && between <= after + Duration::from_micros(20));
        }
    }

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
