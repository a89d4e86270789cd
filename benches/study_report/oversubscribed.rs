//! More workers than there are processors: what that costs each runtime.

use crate::folders::Results;
use crate::notes::counted;
use heist_benches::report::{Detail, aligned, ratio_text};
use heist_benches::results::{OVERSUBSCRIBED, Row, distinct};
use heist_benches::statistics::{estimate, per_launch};
use std::collections::BTreeSet;

/// The rows with more workers than processors, and those beside them, are set apart. They come second.
pub(crate) fn apart(results: &Results) -> (Vec<Row>, Vec<Row>) {
    let rows = results.rows.iter().cloned();
    let (apart, others) = rows.partition(|row| row.group == OVERSUBSCRIBED);
    (others, apart)
}

/// A section with the times relative to those with the usual number of workers. Empty: there are none.
pub(crate) fn section(apart: &[Row], usual: usize) -> String {
    let numbers: BTreeSet<usize> = apart.iter().map(|row| row.workers).collect();
    let numbers: Vec<usize> = numbers.into_iter().filter(|&n| n != usual).collect();
    if numbers.is_empty() {
        return String::new();
    }
    let mut head = vec!["time".to_owned()];
    head.extend(numbers.iter().map(|number| counted(*number)));
    let mut lines = vec![head];
    for workload in distinct(apart, |row| &row.workload) {
        let here = apart.iter().filter(|row| row.workload == workload);
        let here: Vec<Row> = here.cloned().collect();
        for runtime in distinct(&here, |row| &row.runtime) {
            let usual = at(&here, usual);
            let figures = numbers
                .iter()
                .map(|number| relative(&at(&here, *number), &usual, workload, runtime));
            let name = format!("{workload}, {runtime}");
            lines.push([name].into_iter().chain(figures).collect());
        }
    }
    format!(
        "\n#### More workers than processors\n\n\
         Time per operation, divided by that of the same runtime with {}, which was measured in the same launch right before.\n\n{}",
        counted(usual),
        aligned(&lines),
    )
}

/// The rows with so many workers.
fn at(rows: &[Row], workers: usize) -> Vec<Row> {
    let rows = rows.iter();
    rows.filter(|row| row.workers == workers).cloned().collect()
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
    use heist_benches::results::OVERSUBSCRIBED;

    #[test]
    fn times_are_relative_to_the_usual_workers_in_the_same_launch() {
        let mut results = results("x86_64");
        let usual = results.rows.len();
        for launch in [0, 2] {
            let noise = 1.0 + 0.05 * launch as f64;
            for (workers, times) in [(2, 1.0), (64, 3.0)] {
                let value = Some(80.0 * noise * times);
                let name = "spawn_latency: worker";
                let more = row(OVERSUBSCRIBED, name, "heist", workers, launch, value);
                results.rows.push(more);
            }
        }
        let (others, more) = apart(&results);
        assert_eq!((others.len(), more.len()), (usual, 4));
        let text = section(&more, 2);
        assert!(text.contains(" 64 workers |"), "{text}");
        let line = "| spawn_latency: worker, heist | 3.00 [3.00, 3.00] |\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(section(&[], 2), "");
    }
}
