//! The allocator of this program, and of `wake-latency`, which is built with it.

/// The names that `--allocator` has for them.
pub(crate) const SYSTEM: &str = "system";
pub(crate) const MIMALLOC: &str = "mimalloc";

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The one that this program was built with.
pub(crate) const BUILT_WITH: &str = if cfg!(feature = "mimalloc") {
    MIMALLOC
} else {
    SYSTEM
};

/// Whether it is the one that is asked for.
pub(crate) fn check(asked: &str) -> Result<(), String> {
    if asked == BUILT_WITH {
        Ok(())
    } else {
        Err(format!(
            "this was built with the allocator {BUILT_WITH}: run scripts/bench, which builds with {asked}"
        ))
    }
}
