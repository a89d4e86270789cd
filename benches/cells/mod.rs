//! The list of what is measured: one [`Cell`] for each runtime at each workload, one file for each group.

mod chained_spawn;
mod fresh_local;
mod fresh_loop;
mod gather_throughput;
mod http;
mod loopback;
mod measures;
mod ping_pong;
mod remote_spawn;
mod ring;
mod skynet;
mod spawn_latency;
mod tcp_echo;
mod timers;
mod yield_now;

use std::fmt;
use std::time::Duration;

/// Does so many iterations, checks what came out, and returns the time they took; those of the lateness of timers return that instead.
pub type Measure = Box<dyn FnMut(u64) -> Duration>;

/// One runtime at one workload.
pub struct Cell {
    /// The runtime, or its variant: `heist`, `tokio_join_set`.
    pub runtime: &'static str,
    /// The workload: its kind, and its size if there are several: `ready_1000`.
    pub workload: &'static str,
    /// How many operations one iteration has.
    pub operations: u64,
    /// Whether a plain `cargo bench` leaves it out, as that is to be quick: it is there with the feature `study`.
    pub is_study: bool,
    start: Start,
}

enum Start {
    With(Box<dyn Fn() -> Measure>),
    Absent(&'static str),
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.runtime, self.workload)
    }
}

impl Cell {
    /// A cell of so many operations per iteration.
    pub fn new<F>(runtime: &'static str, workload: &'static str, operations: u64, start: F) -> Self
    where
        F: Fn() -> Measure + 'static,
    {
        Self {
            runtime,
            workload,
            operations,
            is_study: false,
            start: Start::With(Box::new(start)),
        }
    }

    /// A cell that stays empty, for this reason.
    pub fn absent(runtime: &'static str, workload: &'static str, reason: &'static str) -> Self {
        Self {
            runtime,
            workload,
            operations: 1,
            is_study: false,
            start: Start::Absent(reason),
        }
    }

    /// The same cell, as one that a plain `cargo bench` leaves out.
    pub fn study(mut self) -> Self {
        self.is_study = true;
        self
    }

    /// Why there is nothing to measure, if that is so.
    pub fn reason(&self) -> Option<&'static str> {
        match self.start {
            Start::With(_) => None,
            Start::Absent(reason) => Some(reason),
        }
    }

    /// Starts the runtime. It lives until the returned function is dropped.
    ///
    /// # Panics
    ///
    /// If the cell is [`absent`](Self::absent).
    pub fn start(&self) -> Measure {
        match &self.start {
            Start::With(start) => start(),
            Start::Absent(reason) => panic!("{self:?} is not measured: {reason}"),
        }
    }
}

/// What heist may take at most, as a ratio to a peer at the same workload.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The workload.
    pub workload: &'static str,
    /// heist, or its variant.
    pub heist: &'static str,
    /// The peer, or its variant.
    pub peer: &'static str,
    /// The ratio that must not be exceeded.
    pub at_most: f64,
}

const fn target(
    workload: &'static str,
    heist: &'static str,
    peer: &'static str,
    at_most: f64,
) -> Target {
    Target {
        workload,
        heist,
        peer,
        at_most,
    }
}

/// One question, asked of all runtimes.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// As in the criterion id.
    pub name: &'static str,
    /// What is asked.
    pub question: &'static str,
    /// Whether a plain `cargo bench` asks it.
    pub headline: bool,
    /// What heist is held to.
    pub targets: &'static [Target],
    cells: fn() -> Vec<Cell>,
}

impl Group {
    /// The cells, those of one workload next to each other.
    pub fn cells(&self) -> Vec<Cell> {
        (self.cells)()
    }
}

/// All groups.
pub const GROUPS: &[Group] = &[
    spawn_latency::GROUP,
    fresh_loop::GROUP,
    gather_throughput::GROUP,
    yield_now::GROUP,
    ping_pong::GROUP,
    ring::GROUP,
    chained_spawn::GROUP,
    skynet::GROUP,
    remote_spawn::GROUP,
    timers::GROUP,
    tcp_echo::GROUP,
    http::GROUP,
];

/// The group of this name.
///
/// # Panics
///
/// If there is no such group.
pub fn group(name: &str) -> Group {
    match GROUPS.iter().find(|group| group.name == name) {
        Some(group) => *group,
        None => panic!("no such group: {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::GROUPS;

    #[test]
    fn every_cell_gives_the_right_sums() {
        for group in GROUPS {
            // What the study adds is large for a build without optimization: `cargo bench -- --test` runs it once.
            let cells = group.cells().into_iter().filter(|cell| !cell.is_study);
            for cell in cells.filter(|cell| cell.reason().is_none()) {
                cell.start()(1);
            }
        }
    }

    #[test]
    fn every_target_is_about_measured_cells() {
        for group in GROUPS {
            let cells = group.cells();
            for target in group.targets {
                for runtime in [target.heist, target.peer] {
                    let mut found = cells.iter().filter(|c| c.workload == target.workload);
                    assert!(
                        found.any(|c| c.runtime == runtime && c.reason().is_none()),
                        "{}: {target:?}",
                        group.name
                    );
                }
            }
        }
    }

    #[test]
    fn no_cell_is_there_twice() {
        for group in GROUPS {
            let mut names: Vec<_> = group.cells().iter().map(|c| format!("{c:?}")).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{}", group.name);
        }
    }
}
