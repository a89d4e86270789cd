//! What the benchmarks share: the runtimes under one trait, the work they are given, and the report.
//!
//! The unit is a [`Cell`](cells::Cell): one runtime at one workload. The criterion targets (`cargo bench`) and the
//! interleaved comparison (`scripts/bench`) measure the same cells. Both give [`results`]; [`statistics`] and [`report`] make tables of them.
//! What is no time per operation is measured by programs of its own, by way of [`launch`].

pub mod cells;
pub mod harness;
pub mod launch;
pub mod process;
pub mod report;
pub mod results;
pub mod runtimes;
pub mod statistics;
pub mod workloads;

use std::env;
use std::process::{Command, exit};

/// How many workers every runtime gets, unless `HEIST_BENCH_WORKERS` says otherwise.
pub const DEFAULT_WORKERS: usize = 2;

/// The environment variable `heist::run` takes its number of workers from.
const HEIST_WORKERS: &str = "HEIST_WORKER_THREADS";

/// How many workers every runtime gets.
///
/// # Panics
///
/// If `HEIST_BENCH_WORKERS` is set to something that is no positive number.
pub fn workers() -> usize {
    match env::var("HEIST_BENCH_WORKERS") {
        Ok(text) => match text.parse() {
            Ok(workers) if workers > 0 => workers,
            _ => panic!("HEIST_BENCH_WORKERS must be a positive number, not {text:?}"),
        },
        Err(_) => DEFAULT_WORKERS,
    }
}

/// Makes sure that `heist::run`, which takes no arguments, gets [`workers`] workers as well.
///
/// If the environment says something else, runs this program again with the right one, and exits with its status.
/// To be called first in `main`.
///
/// # Panics
///
/// If the program cannot be started again.
pub fn pin_workers() {
    let wanted = workers().to_string();
    if env::var(HEIST_WORKERS).is_ok_and(|set| set == wanted) {
        return;
    }
    let program = env::current_exe().expect("a program knows its own path");
    let status = Command::new(program)
        .args(env::args_os().skip(1))
        .env(HEIST_WORKERS, wanted)
        .status()
        .expect("a program can start itself");
    exit(status.code().unwrap_or(1));
}
