//! When the system refuses what ctrl-c needs. One test, as it changes a limit of the process.
#![cfg(target_os = "linux")]

mod common;

use common::Watchdog;
use futures_lite::future::block_on;
use heist::signal::ctrl_c;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};

#[test]
fn without_descriptors_the_default_action_stays_and_the_next_call_tries_again() {
    let _watchdog = Watchdog::start();
    let usual = getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        ..usual
    };
    setrlimit(Resource::Nofile, none).expect("a lower limit");
    let refused = [block_on(ctrl_c()), block_on(ctrl_c())];
    setrlimit(Resource::Nofile, usual).expect("the limit of before");
    for result in refused {
        let error = result.expect_err("there was no descriptor");
        assert_eq!(Errno::from_io_error(&error), Some(Errno::MFILE));
    }
    assert!(!is_caught(), "ctrl-c still ends the process");

    let stop = ctrl_c();
    assert!(is_caught());
    kill_process(getpid(), Signal::INT).expect("a signal to this process");
    assert!(block_on(stop).is_ok());
}

/// Whether this process has a handler for SIGINT.
fn is_caught() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:"));
    let bits = u64::from_str_radix(caught.expect("a line").trim(), 16).expect("a number");
    // Signal n is bit n - 1.
    bits & (1 << (Signal::INT.as_raw() - 1)) != 0
}
