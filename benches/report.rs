//! Rows as Markdown tables, and the targets that they miss.

use crate::cells::{Group, Target};
use crate::results::{NANOSECONDS, Row, distinct};
use crate::statistics::{Estimate, estimate, per_launch, ratio};

/// The ratios that the tables have, of those whose runtimes they have.
const RATIOS: [(&str, &str); 12] = [
    ("heist", "tokio"),
    ("heist", "smol"),
    // Like against like, where `heist` is its own way.
    ("heist_spawn", "tokio"),
    ("heist_spawn", "smol"),
    ("heist", "tokio_join_set"),
    ("heist", "smol_spawn_many"),
    ("heist_gather", "tokio"),
    // Ways to a fresh loop.
    ("heist", "tokio_current_thread"),
    ("heist", "tokio_bare"),
    ("heist", "local_executor"),
    ("heist_uncached", "tokio_bare"),
    ("heist_kept", "tokio_kept"),
];

/// How much a table says of each figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The median.
    Median,
    /// The median and its interval.
    Interval,
}

/// The rows of one group, at one number of workers, as a Markdown table: a line per workload, a column per runtime, and ratios.
/// Under it stand the reasons why cells are empty.
pub fn table(rows: &[Row], detail: Detail) -> String {
    let runtimes = distinct(rows, |row| &row.runtime);
    let has = |runtime| runtimes.contains(&runtime);
    let ratios = RATIOS.into_iter().filter(|&(of, to)| has(of) && has(to));
    let ratios: Vec<(&str, &str)> = ratios.collect();
    let group = rows.first().map_or("", |row| &row.group);
    let mut head = vec![group.to_owned()];
    head.extend(runtimes.iter().map(|runtime| (*runtime).to_owned()));
    head.extend(ratios.iter().map(|(of, to)| format!("{of}/{to}")));
    let mut lines = vec![head];
    for workload in distinct(rows, |row| &row.workload) {
        let mut line = vec![workload.to_owned()];
        line.extend(
            runtimes
                .iter()
                .map(|runtime| cell(rows, workload, runtime, detail)),
        );
        line.extend(ratios.iter().map(|(of, to)| {
            ratio(rows, workload, of, to)
                .map_or_else(String::new, |ratio| ratio_text(ratio, detail))
        }));
        lines.push(line);
    }
    aligned(&lines) + &reasons(rows)
}

fn cell(rows: &[Row], workload: &str, runtime: &str, detail: Detail) -> String {
    let launches: Vec<f64> = per_launch(rows, workload, runtime).into_values().collect();
    let of_cell = |row: &&Row| row.workload == workload && row.runtime == runtime;
    match (estimate(&launches), rows.iter().find(of_cell)) {
        (Some(estimate), Some(row)) => figure_text(estimate, &row.unit, detail),
        (None, Some(_)) => "–".to_owned(),
        _ => String::new(),
    }
}

fn figure_text(estimate: Estimate, unit: &str, detail: Detail) -> String {
    match detail {
        Detail::Median => quantity(estimate.median, unit),
        Detail::Interval => format!(
            "{} [{}, {}]",
            quantity(estimate.median, unit),
            quantity(estimate.low, unit),
            quantity(estimate.high, unit)
        ),
    }
}

/// A ratio; it has no unit.
pub fn ratio_text(ratio: Estimate, detail: Detail) -> String {
    match detail {
        Detail::Median => digits(ratio.median),
        Detail::Interval => format!(
            "{} [{}, {}]",
            digits(ratio.median),
            digits(ratio.low),
            digits(ratio.high)
        ),
    }
}

/// A value with its unit; times in the unit that suits their size.
pub fn quantity(value: f64, unit: &str) -> String {
    let (scaled, unit) = match unit {
        NANOSECONDS if value >= 1e9 => (value / 1e9, "s"),
        NANOSECONDS if value >= 1e6 => (value / 1e6, "ms"),
        NANOSECONDS if value >= 1e3 => (value / 1e3, "µs"),
        _ => (value, unit),
    };
    format!("{} {unit}", digits(scaled))
}

/// Three significant digits.
pub fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let before_point = value.abs().log10().floor() as i32;
    let decimals = usize::try_from(2 - before_point).unwrap_or(0);
    format!("{value:.decimals$}")
}

/// Why cells are empty, in a line for each runtime and reason.
fn reasons(rows: &[Row]) -> String {
    let mut notes = Vec::<(&str, &str, Vec<&str>)>::new();
    for row in rows {
        let Some(reason) = &row.reason else { continue };
        let found = notes
            .iter()
            .position(|(runtime, said, _)| *runtime == row.runtime && said == reason);
        let note = found.unwrap_or_else(|| {
            notes.push((&row.runtime, reason, Vec::new()));
            notes.len() - 1
        });
        let (_, _, workloads) = &mut notes[note];
        if !workloads.contains(&row.workload.as_str()) {
            workloads.push(&row.workload);
        }
    }
    let notes = notes.iter().map(|(runtime, reason, workloads)| {
        let workloads = workloads.join(", ");
        format!("\n{runtime}/{workloads}: {reason}\n")
    });
    notes.collect()
}

/// A Markdown table: the first line is its head, the first column is text, the others are figures.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let lengths = lines.iter().map(|line| line[column].chars().count());
            lengths.max().unwrap_or(0).max(3)
        })
        .collect();
    let rule = widths.iter().enumerate().map(|(column, &width)| {
        if column == 0 {
            "-".repeat(width)
        } else {
            "-".repeat(width - 1) + ":"
        }
    });
    let mut lines = lines.to_vec();
    lines.insert(lines.len().min(1), rule.collect());
    let mut text = String::new();
    for line in &lines {
        for (column, (field, &width)) in line.iter().zip(&widths).enumerate() {
            if column == 0 {
                text += &format!("| {field:<width$} |");
            } else {
                text += &format!(" {field:>width$} |");
            }
        }
        text.push('\n');
    }
    text
}

/// The targets of a group that its rows miss, or that were not measured, in words. Empty: all were met.
pub fn missed(group: &Group, rows: &[Row]) -> Vec<String> {
    let of_group: Vec<Row> = rows
        .iter()
        .filter(|row| row.group == group.name)
        .cloned()
        .collect();
    let targets = group.targets.iter();
    targets
        .filter_map(|target| missed_target(group.name, target, &of_group))
        .collect()
}

fn missed_target(group: &str, target: &Target, rows: &[Row]) -> Option<String> {
    let Target {
        workload,
        heist,
        peer,
        at_most,
    } = *target;
    let said = match ratio(rows, workload, heist, peer) {
        Some(ratio) if ratio.median <= at_most => return None,
        Some(ratio) => format!("is {}", digits(ratio.median)),
        None => "was not measured".to_owned(),
    };
    Some(format!(
        "{group}: {workload}: {heist}/{peer} {said}, to be at most {at_most}"
    ))
}

#[cfg(test)]
mod tests {
    use super::{Detail, digits, missed, quantity, table};
    use crate::cells::group;
    use crate::results::{NANOSECONDS, Row};

    fn row(runtime: &str, value: Option<f64>) -> Row {
        Row {
            group: "spawn_latency".to_owned(),
            workload: "worker".to_owned(),
            runtime: runtime.to_owned(),
            workers: 2,
            launch: 0,
            slice: 0,
            unit: NANOSECONDS.to_owned(),
            value,
            processor: None,
            threads: None,
            reason: value.is_none().then(|| "no such thing".to_owned()),
        }
    }

    #[test]
    fn figures_have_three_digits_and_the_unit_of_their_size() {
        assert_eq!(quantity(88.84, NANOSECONDS), "88.8 ns");
        assert_eq!(quantity(147_195.0, NANOSECONDS), "147 µs");
        assert_eq!(quantity(2_500_000.0, NANOSECONDS), "2.50 ms");
        assert_eq!(quantity(316.0, "bytes"), "316 bytes");
        assert_eq!(digits(0.0123), "0.0123");
        assert_eq!(digits(0.0), "0");
    }

    #[test]
    fn a_target_is_missed_when_exceeded_and_when_not_measured() {
        let group = group("spawn_latency");
        let met = missed(
            &group,
            &[row("heist", Some(40.0)), row("tokio", Some(100.0))],
        );
        assert_eq!(met.len(), 1, "the root was not measured: {met:?}");
        let slow = missed(
            &group,
            &[row("heist", Some(41.0)), row("tokio", Some(100.0))],
        );
        assert!(slow[0].contains("0.410"), "{slow:?}");
    }

    #[test]
    fn a_reason_of_several_cells_is_said_once() {
        let root = Row {
            workload: "root".to_owned(),
            ..row("smol", None)
        };
        let text = table(
            &[row("smol", None), root, row("smol", None)],
            Detail::Median,
        );
        let reasons = text.matches("no such thing").count();
        assert_eq!(reasons, 1, "{text}");
        assert!(
            text.contains("smol/worker, root: no such thing\n"),
            "{text}"
        );
    }

    #[test]
    fn tables_have_the_ratios_and_say_why_a_cell_is_empty() {
        let rows = [
            row("heist", Some(10.0)),
            row("tokio", Some(100.0)),
            row("smol", None),
        ];
        let text = table(&rows, Detail::Median);
        let line = text.lines().nth(2).unwrap();
        assert!(line.contains("0.100") && line.contains('–'), "{text}");
        assert!(text.contains("smol/worker: no such thing\n"), "{text}");
        let text = table(&rows, Detail::Interval);
        assert!(text.contains("10.0 ns [10.0 ns, 10.0 ns]"), "{text}");
    }
}
