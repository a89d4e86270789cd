//! Lowers the limits of this process. For tests in a process of their own.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, File};
use std::io;
use std::thread;

/// The variable by which the standard library's threads get stacks so large that [`deny_threads`] can refuse them.
pub(crate) const LARGE_STACKS: (&str, &str) = ("RUST_MIN_STACK", "268435456");

/// Address space for everything but stacks.
const ROOM: u64 = 96 << 20;

fn set_soft_limit(resource: Resource, current: Option<u64>) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current, maximum }).expect("a soft limit can be changed");
}

fn page_size() -> u64 {
    // SAFETY: a query by number, without pointers.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    size.try_into().expect("a size")
}

/// From now on no thread can be made, for want of addresses for its stack. Needs [`LARGE_STACKS`].
pub(crate) fn deny_threads() {
    let pages = fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages = pages.split(' ').next().map(str::parse::<u64>);
    let used = pages.expect("a number").expect("a number") * page_size();
    set_soft_limit(Resource::As, Some(used + ROOM));
    // The C library keeps a stack or two of threads that have ended: these threads take them, for good.
    let sleepers = (0..10).map(|_| {
        thread::Builder::new().spawn(|| {
            loop {
                thread::park()
            }
        })
    });
    let refused = sleepers.take_while(Result::is_ok).count() < 10;
    assert!(refused, "the test needs threads to be refused");
}

/// Threads can be made again.
pub(crate) fn allow_threads() {
    set_soft_limit(Resource::As, getrlimit(Resource::As).maximum);
}

/// Holds all descriptors that this process may have.
pub(crate) struct Descriptors(Vec<File>);

impl Descriptors {
    /// Allows this process `limit` descriptors, and takes those that are left.
    pub(crate) fn take_all(limit: u64) -> Self {
        set_soft_limit(Resource::Nofile, Some(limit));
        let mut taken = Vec::new();
        loop {
            match File::open("/dev/null") {
                Ok(file) => taken.push(file),
                Err(error) => {
                    assert!(is_exhausted(&error), "{error}");
                    return Self(taken);
                }
            }
        }
    }

    /// Gives `count` of them back.
    pub(crate) fn give_back(&mut self, count: usize) {
        self.0.truncate(self.0.len() - count);
    }
}

/// Whether the process has too many open files.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error())
}
