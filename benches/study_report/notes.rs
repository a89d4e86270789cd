//! What has to be said of the rows of a table besides: launches, workers, threads.

use crate::folders::Results;
use heist_benches::results::Row;
use std::collections::BTreeSet;

/// In how many launches these rows were measured.
pub(crate) fn launches(rows: &[Row]) -> usize {
    let launches: BTreeSet<usize> = rows.iter().map(|row| row.launch).collect();
    launches.len()
}

/// For a group that was not measured in all launches: in how many it was.
pub(crate) fn fewer_launches(results: &Results, rows: &[Row]) -> String {
    let (here, all) = (launches(rows), launches(&results.rows));
    if here == all {
        String::new()
    } else {
        format!("\nThese rows are from {here} of the {all} launches.\n")
    }
}

/// Says which runtimes were measured with another number of workers than most.
pub(crate) fn other_workers(rows: &[Row], usual: usize) -> String {
    let mut notes: Vec<String> = Vec::new();
    for row in rows.iter().filter(|row| row.workers != usual) {
        let note = format!("\n{}: {}\n", row.runtime, counted(row.workers));
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes.concat()
}

/// How many threads the program had.
pub(crate) fn threads(rows: &[Row]) -> String {
    let mut most = Vec::<(&str, usize)>::new();
    for row in rows {
        let Some(threads) = row.threads else { continue };
        match most.iter_mut().find(|(runtime, _)| *runtime == row.runtime) {
            Some((_, most)) => *most = threads.max(*most),
            None => most.push((&row.runtime, threads)),
        }
    }
    if most.is_empty() {
        return String::new();
    }
    let most: Vec<String> = most
        .iter()
        .map(|(runtime, threads)| format!("{runtime} {threads}"))
        .collect();
    format!(
        "\nThreads of the program, at most, with those of heist's that rest between runtimes: {}.\n",
        most.join(", ")
    )
}

/// A number of workers in words.
pub(crate) fn counted(workers: usize) -> String {
    match workers {
        1 => "1 worker".to_owned(),
        _ => format!("{workers} workers"),
    }
}
