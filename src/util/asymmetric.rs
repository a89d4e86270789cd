//! A fence of two kinds, for two sides of which one comes by all the time and the other hardly ever. A light one and a heavy one order what stands
//! around them as two `SeqCst` fences would. On Linux the light one is no instruction: the heavy one has the system make every other running thread of
//! the process pass a barrier (`membarrier`), which takes microseconds. Elsewhere, and until the system has been asked, both are `SeqCst` fences, as
//! they are in models.
//!
//! Two light ones order nothing between them.

use crate::sync::{Ordering, fence};

pub(crate) use system::prepare;

/// The fence of the side that comes by all the time.
#[inline]
pub(crate) fn light() {
    if system::is_prepared() {
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The fence of the other side.
#[cold]
pub(crate) fn heavy() {
    // For those who found nothing prepared.
    fence(Ordering::SeqCst);
    if system::is_prepared() {
        system::barrier();
    }
}

#[cfg(all(target_os = "linux", not(heist_loom)))]
mod system {
    use std::sync::atomic::{AtomicBool, Ordering};

    static PREPARED: AtomicBool = AtomicBool::new(false);

    #[inline]
    pub(super) fn is_prepared() -> bool {
        // Relaxed: who does not see it yet makes a fence itself.
        PREPARED.load(Ordering::Relaxed)
    }

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the call reads nothing but its three numbers.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    /// Asks the system, which takes milliseconds in a process of several threads. Where it refuses, everything stays as it is.
    pub(crate) fn prepare() {
        if !is_prepared() && membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) {
            // Relaxed: whoever sees it leaves its fences to the system, which is ready.
            PREPARED.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn barrier() {
        let done = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        assert!(done, "the system refuses a barrier that it has agreed to");
    }
}

#[cfg(not(all(target_os = "linux", not(heist_loom))))]
mod system {
    pub(super) fn is_prepared() -> bool {
        false
    }

    pub(crate) fn prepare() {}

    pub(super) fn barrier() {}
}
