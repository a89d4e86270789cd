//! More workers than there are processors: what that costs each runtime.

use crate::folders::Results;
use crate::notes::{counted, launches};
use crate::page::by_group;
use heist_benches::report::{Detail, aligned, ratio_text};
use heist_benches::results::{Row, distinct};
use heist_benches::statistics::{estimate, per_launch};
use std::collections::BTreeSet;

/// The rows with more workers than processors are set apart, but for those with the usual number. They come second.
pub(crate) fn apart(results: &Results, usual: usize) -> (Vec<Row>, Vec<Row>) {
    let processors = results.fact("available_processors");
    let processors: Option<usize> = processors.and_then(|number| number.parse().ok());
    let is_apart =
        |row: &Row| row.workers != usual && processors.is_some_and(|most| row.workers > most);
    let rows = results.rows.iter().cloned();
    let (apart, others) = rows.partition(is_apart);
    (others, apart)
}

/// A section with the times relative to those with the usual number of workers. Empty: there are none.
pub(crate) fn section(results: &Results, apart: &[Row], usual: usize) -> String {
    let numbers: BTreeSet<usize> = apart.iter().map(|row| row.workers).collect();
    let mut head = vec!["time".to_owned()];
    head.extend(numbers.iter().map(|number| counted(*number)));
    let mut lines = vec![head];
    for (group, rows) in by_group(apart) {
        for workload in distinct(&rows, |row| &row.workload) {
            let here = rows.iter().filter(|row| row.workload == workload);
            let here: Vec<Row> = here.cloned().collect();
            for runtime in distinct(&here, |row| &row.runtime) {
                let usual = at(&results.rows, group, usual);
                let figures = numbers
                    .iter()
                    .map(|number| relative(&at(&here, group, *number), &usual, workload, runtime));
                let name = format!("{group}: {workload}, {runtime}");
                lines.push([name].into_iter().chain(figures).collect());
            }
        }
    }
    if numbers.is_empty() {
        return String::new();
    }
    format!(
        "\n#### More workers than processors\n\n\
         Time per operation, divided by that of the same runtime with {} in the same launch ({} of the {} launches).\n\n{}",
        counted(usual),
        launches(apart),
        launches(&results.rows),
        aligned(&lines),
    )
}

/// The rows of a group with so many workers.
fn at(rows: &[Row], group: &str, workers: usize) -> Vec<Row> {
    let rows = rows.iter();
    rows.filter(|row| row.group == group && row.workers == workers)
        .cloned()
        .collect()
}

/// The figure in some rows divided by that in others, within each launch.
fn relative(rows: &[Row], to: &[Row], workload: &str, runtime: &str) -> String {
    let others = per_launch(to, workload, runtime);
    let ratios = per_launch(rows, workload, runtime).into_iter();
    let ratios = ratios.filter_map(|(launch, figure)| Some(figure / others.get(&launch)?));
    let ratios: Vec<f64> = ratios.collect();
    estimate(&ratios).map_or_else(String::new, |ratio| ratio_text(ratio, Detail::Interval))
}

#[cfg(test)]
mod tests {
    use super::{apart, section};
    use crate::fixture::{results, row};

    #[test]
    fn times_are_relative_to_the_usual_workers_in_the_same_launch() {
        let mut results = results("x86_64");
        let fact = |number: &str| ("available_processors".to_owned(), number.to_owned());
        results.facts.push(fact("4"));
        for launch in [0, 2] {
            let noise = 1.0 + 0.05 * launch as f64;
            let value = Some(80.0 * noise * 3.0);
            let more = row("spawn_latency", "worker", "heist", 64, launch, value);
            results.rows.push(more);
        }
        let (others, more) = apart(&results, 2);
        assert_eq!((others.len(), more.len()), (results.rows.len() - 2, 2));
        let text = section(&results, &more, 2);
        assert!(text.contains("with 2 workers in the same launch (2 of the 3 launches)"));
        let line = "| spawn_latency: worker, heist | 3.00 [3.00, 3.00] |\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(section(&results, &[], 2), "");
    }

    #[test]
    fn nothing_is_apart_where_the_processors_are_not_known() {
        let results = results("x86_64");
        let (others, more) = apart(&results, 2);
        assert_eq!((others.len(), more.len()), (results.rows.len(), 0));
    }
}
