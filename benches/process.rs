//! What the operating system says of this process.

use std::time::Duration;

/// Processor time that all threads have used so far, those that have ended too. None where the system is not asked for it.
#[cfg(unix)]
pub fn processor_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::ProcessCPUTime).try_into().ok()
}

/// Processor time that all threads have used so far, those that have ended too. None where the system is not asked for it.
#[cfg(not(unix))]
pub fn processor_time() -> Option<Duration> {
    None
}

/// Threads that are alive. None where the system is not asked for it.
#[cfg(target_os = "linux")]
pub fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Threads that are alive. None where the system is not asked for it.
#[cfg(not(target_os = "linux"))]
pub fn threads() -> Option<usize> {
    None
}

/// Bytes of the process's memory that are in the machine's. None where the system is not asked for it.
#[cfg(target_os = "linux")]
pub fn resident() -> Option<usize> {
    let maps = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = maps.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes of the process's memory that are in the machine's. None where the system is not asked for it.
#[cfg(not(target_os = "linux"))]
pub fn resident() -> Option<usize> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{processor_time, resident, threads};
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn work_takes_processor_time() {
        let before = processor_time().unwrap();
        let begin = Instant::now();
        while processor_time().unwrap() < before + Duration::from_millis(10) {
            assert!(begin.elapsed() < Duration::from_secs(30));
        }
    }

    #[test]
    fn memory_that_was_written_is_resident() {
        const BYTES: usize = 64 << 20;
        let before = resident().unwrap();
        let written = std::hint::black_box(vec![1_u8; BYTES]);
        let more = resident().unwrap() - before;
        // Other tests come and go.
        assert!((BYTES / 2..BYTES * 2).contains(&more), "{more}");
        drop(written);
    }

    #[test]
    fn a_thread_counts_while_it_lives() {
        let (end, ended) = channel::<()>();
        let thread = thread::spawn(move || ended.recv());
        // This one, which may be the program's first, and the new one.
        assert!(threads().unwrap() >= 2);
        drop(end);
        assert!(thread.join().unwrap().is_err());
    }
}
