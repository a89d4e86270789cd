//! What a runtime takes while nothing happens: memory per pending task, processor time when idle, threads; and what the first
//! runtime of a process costs.
//!
//! A byte counts as long as it is allocated; stacks of threads do not count. Of pending tasks it is measured too by how many bytes the process
//! grew.

mod allocator;
mod idle;
mod left;
mod tasks;

use heist_benches::launch::{self, Measure, Workload};
use heist_benches::results::NANOSECONDS;
use heist_benches::runtimes::{Heist, HeistBuilder, Smol, SmolIo, Tokio, TokioCurrentThread};
use std::process::ExitCode;

const WORKLOADS: &[Workload] = &[
    Workload {
        name: "task_empty",
        unit: "bytes",
        contenders: &[
            ("heist", tasks::spawned::<Heist, 0>),
            ("heist_gather", tasks::gathered::<0>),
            ("tokio", tasks::spawned::<Tokio, 0>),
            ("tokio_join_set", tasks::in_join_set::<0>),
            ("smol", tasks::spawned::<Smol, 0>),
        ],
    },
    Workload {
        name: "task_1k",
        unit: "bytes",
        contenders: &[
            ("heist", tasks::spawned::<Heist, 1024>),
            ("heist_gather", tasks::gathered::<1024>),
            ("tokio", tasks::spawned::<Tokio, 1024>),
            ("tokio_join_set", tasks::in_join_set::<1024>),
            ("smol", tasks::spawned::<Smol, 1024>),
        ],
    },
    Workload {
        name: "idle_processor",
        unit: "ns/s",
        contenders: &[
            ("heist", idle::processor::<Heist>),
            ("tokio", idle::processor::<Tokio>),
            ("smol", idle::processor::<SmolIo>),
            ("floor", idle::floor),
        ],
    },
    Workload {
        name: "threads",
        unit: "threads",
        contenders: &[
            ("heist", left::threads_alive::<Heist>),
            ("tokio", left::threads_alive::<Tokio>),
            (
                "tokio_current_thread",
                left::threads_alive::<TokioCurrentThread>,
            ),
            ("smol", left::threads_alive::<Smol>),
        ],
    },
    Workload {
        name: "fresh_first",
        unit: NANOSECONDS,
        contenders: &[
            ("heist", left::first::<Heist>),
            ("tokio", left::first::<Tokio>),
            ("tokio_current_thread", left::first::<TokioCurrentThread>),
            ("smol", left::first::<Smol>),
        ],
    },
    Workload {
        name: "fresh_left_threads",
        unit: "threads",
        contenders: &const { threads_left::<1>() },
    },
    Workload {
        name: "fresh_left_threads_100",
        unit: "threads",
        contenders: &const { threads_left::<100>() },
    },
    Workload {
        name: "fresh_left_bytes",
        unit: "bytes",
        contenders: &const { bytes_left::<1>() },
    },
    Workload {
        name: "fresh_left_bytes_100",
        unit: "bytes",
        contenders: &const { bytes_left::<100>() },
    },
];

const fn threads_left<const LIVES: u64>() -> [(&'static str, Measure); 5] {
    [
        ("heist", left::threads::<Heist, LIVES>),
        ("heist_uncached", left::threads::<HeistBuilder, LIVES>),
        ("tokio", left::threads::<Tokio, LIVES>),
        (
            "tokio_current_thread",
            left::threads::<TokioCurrentThread, LIVES>,
        ),
        ("smol", left::threads::<Smol, LIVES>),
    ]
}

const fn bytes_left<const LIVES: u64>() -> [(&'static str, Measure); 5] {
    [
        ("heist", left::bytes::<Heist, LIVES>),
        ("heist_uncached", left::bytes::<HeistBuilder, LIVES>),
        ("tokio", left::bytes::<Tokio, LIVES>),
        (
            "tokio_current_thread",
            left::bytes::<TokioCurrentThread, LIVES>,
        ),
        ("smol", left::bytes::<Smol, LIVES>),
    ]
}

fn main() -> ExitCode {
    launch::main("footprint", WORKLOADS)
}
