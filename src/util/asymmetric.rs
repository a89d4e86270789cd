//! A fence of two kinds, for two sides of which one comes by all the time and the other hardly ever. A light one and a heavy one order what stands
//! around them as two `SeqCst` fences would. On Linux the light one is no instruction: the heavy one has the system make every other running thread of
//! the process pass a barrier (`membarrier`), which takes microseconds. Elsewhere, and until the system has been asked, both are `SeqCst` fences, as
//! they are in models.
//!
//! Two light ones order nothing between them.

use crate::sync::{Ordering, compiler_fence, fence};

pub(crate) use system::prepare;

/// The fence of the side that comes by all the time.
#[inline]
pub(crate) fn light() {
    if system::is_prepared() {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The fence of the other side.
#[cold]
pub(crate) fn heavy() {
    if !try_heavy() {
        // The other side may be in the middle of what it did without a fence: nothing that could be done here would be right.
        system::give_up();
    }
}

/// The same for who can do without. False: the system refuses it, and nothing is ordered.
#[must_use]
pub(crate) fn try_heavy() -> bool {
    // For those who found nothing prepared.
    fence(Ordering::SeqCst);
    !system::is_prepared() || system::barrier()
}

#[cfg(all(target_os = "linux", not(heist_loom)))]
mod system {
    use std::io::{self, Write};

    use crossbeam_utils::CachePadded;

    use crate::sync::{Flag, Ordering};

    /// In a line of its own: it is read all the time.
    static PREPARED: CachePadded<Flag> = CachePadded::new(Flag::new(false));

    #[inline]
    pub(super) fn is_prepared() -> bool {
        // Acquire: pairs with the Release in `prepare`, so that what stands behind a light fence is not read before this, while the other side may
        // still have found nothing prepared. Who does not see it yet makes a fence itself.
        PREPARED.load(Ordering::Acquire)
    }

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the call reads nothing but its three numbers.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    /// Asks the system, which takes milliseconds in a process of several threads. Where it refuses, everything stays as it is.
    pub(crate) fn prepare() {
        if !is_prepared() && membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
            // Release: pairs with the Acquire in `is_prepared`.
            PREPARED.store(true, Ordering::Release);
        }
    }

    pub(super) fn barrier() -> bool {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    pub(super) fn give_up() -> ! {
        let error = io::Error::last_os_error();
        // Not by a logger, which may use a runtime: locks may be held here.
        let _ = writeln!(
            io::stderr(),
            "heist: the system refuses a barrier (membarrier) that it agreed to before: {error}; a filter of system calls that is installed after the \
             first runtime must allow it"
        );
        std::process::abort();
    }
}

#[cfg(not(all(target_os = "linux", not(heist_loom))))]
mod system {
    pub(super) fn is_prepared() -> bool {
        false
    }

    pub(crate) fn prepare() {}

    pub(super) fn barrier() -> bool {
        true
    }

    pub(super) fn give_up() -> ! {
        unreachable!("nothing is refused")
    }
}
