//! What was measured: versions, how it was built, and from which state of the repository.

use super::{UNKNOWN, run, said};
use crate::allocator::{BUILT_WITH, MIMALLOC};
use crate::options::Options;
use std::env;

pub(super) const DATE: &str = "date";

/// The lock file that the programs were built with.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The crates whose versions matter.
const CRATES: [&str; 16] = [
    "heist",
    "crossbeam-deque",
    "polling",
    "tokio",
    "parking_lot",
    "async-executor",
    "async-task",
    "async-io",
    "futures-lite",
    "futures-executor",
    "futures-util",
    "rayon",
    "async-channel",
    "hyper",
    "hyper-util",
    "criterion",
];

pub(super) fn facts(options: &Options) -> Vec<(&'static str, Option<String>)> {
    let command: Vec<String> = env::args().skip(1).collect();
    let mut facts = vec![
        (DATE, said("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])),
        ("arguments", Some(or_none(&command.join(" ")))),
        ("commit", said("git", &["rev-parse", "--verify", "HEAD"])),
        ("tree", tree()),
        ("rustc", known(env!("HEIST_BENCH_RUSTC"))),
        ("profile", Some(profile(options).to_owned())),
        ("allocator", allocator()),
        ("rustflags", Some(or_none(env!("HEIST_BENCH_RUSTFLAGS")))),
        ("architecture", known(env::consts::ARCH)),
        ("system", known(env::consts::OS)),
    ];
    let versions = CRATES.map(|name| (name, locked(LOCK, name)));
    facts.extend(versions);
    facts
}

fn known(text: &str) -> Option<String> {
    (text != UNKNOWN).then(|| text.to_owned())
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none" } else { text }.to_owned()
}

fn profile(options: &Options) -> &'static str {
    if cfg!(debug_assertions) {
        "with debug assertions: figures mean nothing"
    } else if options.lto {
        "bench-lto: lto = \"fat\", codegen-units = 1"
    } else {
        "bench: cargo's defaults for release, with line tables"
    }
}

/// The program's allocator, with its version if it is not the system's.
fn allocator() -> Option<String> {
    if BUILT_WITH == MIMALLOC {
        Some(format!("mimalloc {}", locked(LOCK, MIMALLOC)?))
    } else {
        Some("the system's".to_owned())
    }
}

/// Whether the files are those of the commit.
fn tree() -> Option<String> {
    let (succeeded, changes) = run("git", &["status", "--porcelain"])?;
    let state = match changes.lines().count() {
        0 => "clean".to_owned(),
        files => format!("{files} files changed"),
    };
    succeeded.then_some(state)
}

/// The version of a package in a lock file; all of them if there are several.
fn locked(lock: &str, name: &str) -> Option<String> {
    let packages = lock.split("[[package]]").skip(1);
    let versions = packages
        .filter(|package| value(package, "name") == Some(name))
        .filter_map(|package| value(package, "version"));
    let versions: Vec<&str> = versions.collect();
    (!versions.is_empty()).then(|| versions.join(" and "))
}

/// The value of a line `key = "value"`.
fn value<'t>(package: &'t str, key: &str) -> Option<&'t str> {
    package.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        value.strip_suffix('"')
    })
}

#[cfg(test)]
mod tests {
    use super::{CRATES, LOCK, locked};

    const SAMPLE: &str = r#"
version = 4

[[package]]
name = "async-io"
version = "1.13.0"
dependencies = [
 "tokio",
]

[[package]]
name = "async-io"
version = "2.4.1"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "tokio-util"
version = "0.7.15"

[[package]]
name = "tokio"
version = "1.54.1"
"#;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        assert_eq!(locked(SAMPLE, "tokio").as_deref(), Some("1.54.1"));
        assert_eq!(
            locked(SAMPLE, "async-io").as_deref(),
            Some("1.13.0 and 2.4.1")
        );
        assert_eq!(locked(SAMPLE, "rayon"), None);
    }

    #[test]
    fn every_crate_that_matters_is_in_the_lock_file() {
        for name in CRATES {
            assert!(locked(LOCK, name).is_some(), "{name}");
        }
    }
}
