//! How long a woken task waits for its poll, by the state of the workers: percentiles.
//!
//! A wake is made, answered by the task's poll, and only then is the next one made. The waker reads the clock before it
//! wakes, the task at the beginning of its poll. So what the system takes to give a processor to the waker is not in the
//! figures; what it takes to give one to a worker is, and so is one reading of the clock.

mod bell;
mod crowd;
mod ringer;
#[cfg_attr(not(unix), path = "no_socket.rs")]
mod socket;
mod states;
mod wakes;

use heist_benches::launch::{self, Workload};
use heist_benches::results::NANOSECONDS;
use heist_benches::runtimes::{Heist, Smol, SmolIo, Tokio};
use states::{busy, mixed, mixed_outside, parked, same_worker};
use std::process::ExitCode;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "parked",
        unit: NANOSECONDS,
        contenders: &[
            ("heist", parked::<Heist>),
            ("tokio", parked::<Tokio>),
            ("smol", parked::<Smol>),
        ],
    },
    Workload {
        name: "same_worker",
        unit: NANOSECONDS,
        contenders: &[
            ("heist", same_worker::<Heist>),
            ("tokio", same_worker::<Tokio>),
            ("smol", same_worker::<Smol>),
        ],
    },
    Workload {
        name: "busy",
        unit: NANOSECONDS,
        contenders: &[
            ("heist", busy::<Heist>),
            ("tokio", busy::<Tokio>),
            ("smol", busy::<Smol>),
        ],
    },
    Workload {
        name: "mixed",
        unit: NANOSECONDS,
        contenders: &[
            ("heist", mixed::<Heist>),
            ("tokio", mixed::<Tokio>),
            ("smol", mixed::<Smol>),
        ],
    },
    Workload {
        name: "mixed_outside",
        unit: NANOSECONDS,
        contenders: &[
            ("heist", mixed_outside::<Heist>),
            ("tokio", mixed_outside::<Tokio>),
            ("smol", mixed_outside::<Smol>),
        ],
    },
    Workload {
        name: "io",
        unit: NANOSECONDS,
        contenders: &[
            ("heist", socket::io::<Heist>),
            ("tokio", socket::io::<Tokio>),
            ("smol", socket::io::<SmolIo>),
        ],
    },
];

fn main() -> ExitCode {
    launch::main("wake_latency", WORKLOADS)
}
