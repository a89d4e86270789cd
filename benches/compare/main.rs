//! The trustworthy ratios: all runtimes interleaved, the order rotated, in several launches of the program.
//!
//! A launch goes through the workloads; at each it measures every runtime for a short slice, in several rounds where
//! there is time, beginning with another runtime in each round and launch. A runtime's figure is the median of its
//! slices, a ratio is taken within one launch, and what is printed is the median of the launches.
//!
//! `scripts/bench` builds what this needs and runs it.

mod allocator;
mod children;
mod extras;
mod facts;
mod folder;
mod launch;
mod options;
mod oversubscribed;
mod pinning;
mod plan;
mod study;
mod topology;

use facts::Facts;
use heist_benches::report::{Detail, missed, table};
use heist_benches::results::{Row, distinct};
use options::Options;
use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::ExitCode;
use study::Study;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("scripts/bench: {wrong}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let done = match options.launch {
        Some(launch) => launch::measure(&options, launch),
        None => compare(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("scripts/bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_root.parent().expect("the crate lies in a folder")
}

/// Measures everything in several launches, and reports it. Whether all is as it should be.
fn compare(options: &Options) -> Result<bool, String> {
    allocator::check(options.allocator)?;
    let mut facts = Facts::gather(options);
    let folder = folder::choose(options, facts.day())?;
    let mut study = Study::new(options)?;
    study.announce(&mut facts);
    let rows = study.measure()?;
    facts.add("left_out", study.left_out());
    facts.end();
    folder::write(&folder, &rows, &facts)?;
    print(&rows);
    let met = !options.check || check(options, study.workers(), &rows);
    println!("results: {}", folder.display());
    Ok(met)
}

/// The tables of all groups, one for each number of workers.
fn print(rows: &[Row]) {
    println!("medians of the launches, per operation\n");
    for group in distinct(rows, |row| &row.group) {
        let of_group = rows.iter().filter(|row| row.group == group);
        let numbers: BTreeSet<usize> = of_group.clone().map(|row| row.workers).collect();
        for workers in numbers {
            let rows = of_group.clone().filter(|row| row.workers == workers);
            let rows: Vec<Row> = rows.cloned().collect();
            println!("workers: {workers}\n\n{}", table(&rows, Detail::Median));
        }
    }
}

/// Prints the targets that are missed with so many workers. Whether there are none.
fn check(options: &Options, workers: usize, rows: &[Row]) -> bool {
    let rows = rows.iter().filter(|row| row.workers == workers);
    let rows: Vec<Row> = rows.cloned().collect();
    let groups = options.groups();
    let missed: Vec<String> = groups.iter().flat_map(|g| missed(g, &rows)).collect();
    for target in &missed {
        println!("missed: {target}");
    }
    if missed.is_empty() {
        println!("all targets met");
    }
    missed.is_empty()
}
