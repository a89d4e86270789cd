//! The trustworthy ratios: all runtimes interleaved, the order rotated, in several launches of the program.
//!
//! A launch goes through the workloads; at each it measures every runtime for a short slice, several rounds long,
//! beginning with another runtime in each round and launch. A runtime's figure is the median of its slices, a ratio
//! is taken within one launch, and what is printed is the median of the launches.

use heist_benches::cells::{Cell, GROUPS, cells};
use heist_benches::report::{Figures, key, median, missed, table};
use heist_benches::{pin_workers, workers};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use std::{env, thread};

const USAGE: &str = "usage: compare [--quick] [--check]
  --quick   shorter: fewer launches, rounds and shorter slices
  --check   exit with 1 if a ratio exceeds its target";

/// How much is measured.
#[derive(Clone, Copy)]
struct Plan {
    launches: usize,
    rounds: usize,
    slice: Duration,
}

const FULL: Plan = Plan {
    launches: 5,
    rounds: 3,
    slice: Duration::from_millis(60),
};

const QUICK: Plan = Plan {
    launches: 3,
    rounds: 2,
    slice: Duration::from_millis(40),
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let known = |argument: &&str| matches!(*argument, "--quick" | "--check");
    pin_workers();
    match arguments.as_slice() {
        ["--launch", number, rest @ ..] => match number.parse() {
            Ok(number) => launch(number, plan(rest)),
            Err(_) => return usage(),
        },
        flags if flags.iter().all(known) => return compare(flags),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn plan(flags: &[&str]) -> Plan {
    if flags.contains(&"--quick") {
        QUICK
    } else {
        FULL
    }
}

/// Launches this program again, several times, and reports what it measured.
fn compare(flags: &[&str]) -> ExitCode {
    let launches = plan(flags).launches;
    let processors = thread::available_parallelism().map_or(0, usize::from);
    let figures: Vec<Figures> = (0..launches)
        .map(|number| {
            eprintln!("launch {} of {launches}", number + 1);
            start_launch(number, flags)
        })
        .collect();
    println!(
        "{} workers, {processors} processors, {launches} launches; nanoseconds per operation\n",
        workers()
    );
    for group in GROUPS {
        println!("{}", table(group, &figures));
    }
    if !flags.contains(&"--check") {
        return ExitCode::SUCCESS;
    }
    let missed: Vec<String> = GROUPS
        .iter()
        .flat_map(|group| missed(group, &figures))
        .collect();
    for target in &missed {
        println!("missed: {target}");
    }
    if missed.is_empty() {
        println!("all targets met");
    }
    ExitCode::from(u8::from(!missed.is_empty()))
}

fn start_launch(number: usize, flags: &[&str]) -> Figures {
    let program = env::current_exe().expect("a program knows its own path");
    let output = Command::new(program)
        .args(["--launch", &number.to_string()])
        .args(flags)
        .stderr(Stdio::inherit())
        .output()
        .expect("a program can start itself");
    assert!(
        output.status.success(),
        "launch {number}: {}",
        output.status
    );
    let text = String::from_utf8(output.stdout).expect("a launch prints UTF-8");
    text.lines().map(figure).collect()
}

/// Reads back a line that [`launch`] printed.
fn figure(line: &str) -> (String, f64) {
    let (key, nanoseconds) = line.split_once(' ').expect("a key and a figure");
    (
        key.to_owned(),
        nanoseconds.parse().expect("a figure in nanoseconds"),
    )
}

/// One launch: measures every cell, and prints a line for each.
fn launch(number: usize, plan: Plan) {
    for group in GROUPS {
        for contenders in cells(group).chunk_by(|a, b| a.workload == b.workload) {
            let mut slices = vec![Vec::new(); contenders.len()];
            for round in 0..plan.rounds {
                for turn in 0..contenders.len() {
                    let next = (number + round + turn) % contenders.len();
                    slices[next].push(measure_slice(&contenders[next], plan.slice));
                }
            }
            for (cell, slices) in contenders.iter().zip(slices) {
                let nanoseconds = median(slices).expect("a plan has rounds");
                println!("{} {nanoseconds}", key(cell.runtime, cell.workload));
            }
        }
    }
}

/// Starts a cell's runtime, warms it up, and measures it for about `length`: nanoseconds per operation.
fn measure_slice(cell: &Cell, length: Duration) -> f64 {
    let mut measure = cell.start();
    let mut iterations = 1;
    let mut time = measure(iterations);
    while time < length / 4 {
        iterations *= 2;
        time = measure(iterations);
    }
    let per_iteration = time.as_secs_f64() / iterations as f64;
    let iterations = (length.as_secs_f64() / per_iteration).ceil() as u64;
    let time = measure(iterations);
    time.as_nanos() as f64 / (iterations * cell.operations) as f64
}
