//! Tells the programs how they were built, for the facts that go with their results.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let rustc = env::var_os("RUSTC").expect("cargo says which compiler it uses");
    let version = Command::new(rustc).arg("--version").output();
    let version = version.ok().and_then(|o| String::from_utf8(o.stdout).ok());
    let version = version.as_deref().unwrap_or("unknown").trim();
    println!("cargo::rustc-env=HEIST_BENCH_RUSTC={version}");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags = flags.replace('\x1f', " ");
    println!("cargo::rustc-env=HEIST_BENCH_RUSTFLAGS={flags}");
}
