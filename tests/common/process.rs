//! What Linux says about this process: its threads, descriptors, processor time and context switches.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// The number of threads of this process.
pub(crate) fn threads() -> usize {
    tasks().len()
}

/// The number of open descriptors, the one that this look needs included.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("/proc").count()
}

/// The same without reading a directory, which would need a descriptor more: those below 1024.
pub(crate) fn descriptors_without_look() -> usize {
    // SAFETY: asks for the flags of a descriptor, open or not, and changes nothing.
    let is_open = |descriptor| unsafe { libc::fcntl(descriptor, libc::F_GETFD) } != -1;
    (0..1024).filter(|&descriptor| is_open(descriptor)).count()
}

/// Processor time used by all threads of this process that are alive.
pub(crate) fn processor_time() -> Duration {
    let each = tasks().into_iter().map(|task| {
        // A thread may end between the listing and this look.
        let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        let first = text.split_whitespace().next().unwrap_or("0");
        first.parse::<u64>().expect("nanoseconds")
    });
    Duration::from_nanos(each.sum())
}

/// Processor time used by this process so far. Needs no descriptor.
pub(crate) fn clock() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().expect("a time above zero")
}

/// How often the threads of this process went to sleep by themselves, the calling thread left out.
pub(crate) fn sleeps_of_other_threads() -> u64 {
    let own = fs::canonicalize("/proc/thread-self").expect("/proc");
    let others = tasks()
        .into_iter()
        .filter(|task| task.file_name() != own.file_name());
    others.map(|task| voluntary_switches(&task)).sum()
}

fn voluntary_switches(task: &std::path::Path) -> u64 {
    let status = fs::read_to_string(task.join("status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
    line.map_or(0, |count| count.trim().parse().expect("a count"))
}

fn tasks() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/task").expect("/proc");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}
