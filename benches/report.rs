//! The comparison as a Markdown table: what is set against what, and the ratio that may not be exceeded.

use std::collections::BTreeMap;

/// Nanoseconds per operation, by `runtime/workload`: what one launch of a program measured.
pub type Figures = BTreeMap<String, f64>;

/// The key of a figure.
pub fn key(runtime: &str, workload: &str) -> String {
    format!("{runtime}/{workload}")
}

/// One line of the comparison.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    title: &'static str,
    workload: &'static str,
    heist: &'static str,
    tokio: &'static str,
    /// What heist/tokio may be at most.
    target: Option<f64>,
}

/// The lines of a group.
///
/// # Panics
///
/// If there is no such group.
pub fn lines(group: &str) -> Vec<Line> {
    match group {
        "spawn_latency" => vec![
            line("spawn + await, from a worker", "worker", "heist", "tokio").at_most(0.4),
            line("spawn + await, from the root", "root", "heist", "tokio").at_most(0.02),
        ],
        "fresh_loop" => vec![
            line("empty root", "empty", "heist", "tokio").at_most(0.01),
            line("empty root, by Builder", "empty", "heist_builder", "tokio"),
            line(
                "empty root, tokio current_thread",
                "empty",
                "heist",
                "tokio_current_thread",
            )
            .at_most(0.15),
            line(
                "empty root, tokio current_thread, nothing enabled",
                "empty",
                "heist",
                "tokio_bare",
            ),
            line("empty root, tokio kept", "empty", "heist", "tokio_kept"),
            line("1 task", "one_task", "heist", "tokio"),
            line("1 task, by Builder", "one_task", "heist_builder", "tokio"),
            line(
                "1 task, tokio current_thread",
                "one_task",
                "heist",
                "tokio_current_thread",
            ),
            line(
                "1 task, tokio current_thread, nothing enabled",
                "one_task",
                "heist",
                "tokio_bare",
            ),
            line("1 task, tokio kept", "one_task", "heist", "tokio_kept"),
        ],
        "gather_throughput" => vec![
            line("1,000 ready: gather", "ready_1000", "heist", "tokio").at_most(0.25),
            line("1,000 ready: spawn", "ready_1000", "heist_spawn", "tokio"),
            line(
                "1,000 ready: gather, tokio JoinSet",
                "ready_1000",
                "heist",
                "tokio_join_set",
            ),
            line("100,000 ready: gather", "ready_100000", "heist", "tokio").at_most(0.25),
            line(
                "100,000 ready: spawn",
                "ready_100000",
                "heist_spawn",
                "tokio",
            ),
            line(
                "100,000 ready: gather, tokio JoinSet",
                "ready_100000",
                "heist",
                "tokio_join_set",
            ),
            line("10,000 yield once: gather", "yield_10000", "heist", "tokio").at_most(0.4),
            line(
                "10,000 yield once: spawn",
                "yield_10000",
                "heist_spawn",
                "tokio",
            )
            .at_most(0.4),
            line(
                "10,000 yield once: gather, tokio JoinSet",
                "yield_10000",
                "heist",
                "tokio_join_set",
            ),
        ],
        _ => panic!("no such group: {group}"),
    }
}

fn line(
    title: &'static str,
    workload: &'static str,
    heist: &'static str,
    tokio: &'static str,
) -> Line {
    Line {
        title,
        workload,
        heist,
        tokio,
        target: None,
    }
}

impl Line {
    fn at_most(self, target: f64) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// The median over the launches of the nanoseconds that `runtime` took.
    fn nanoseconds(&self, launches: &[Figures], runtime: &str) -> Option<f64> {
        let key = key(runtime, self.workload);
        median(
            launches
                .iter()
                .filter_map(|figures| figures.get(&key).copied()),
        )
    }

    /// The median over the launches of each launch's ratio of heist to `peer`.
    fn ratio(&self, launches: &[Figures], peer: &str) -> Option<f64> {
        let heist = key(self.heist, self.workload);
        let peer = key(peer, self.workload);
        median(
            launches
                .iter()
                .filter_map(|figures| Some(figures.get(&heist)? / figures.get(&peer)?)),
        )
    }

    /// What the line says when its target is missed, or was not measured.
    fn missed(&self, group: &str, launches: &[Figures]) -> Option<String> {
        let target = self.target?;
        let said = match self.ratio(launches, self.tokio) {
            Some(ratio) if ratio <= target => return None,
            Some(ratio) => format!("heist/tokio is {ratio:.4}"),
            None => "not measured".to_owned(),
        };
        Some(format!(
            "{group}: {}: {said}, to be at most {target}",
            self.title
        ))
    }

    fn row(&self, launches: &[Figures]) -> [String; COLUMNS] {
        [
            self.title.to_owned(),
            time(self.nanoseconds(launches, self.heist)),
            time(self.nanoseconds(launches, self.tokio)),
            time(self.nanoseconds(launches, "smol")),
            time(self.nanoseconds(launches, "floor")),
            ratio(self.ratio(launches, self.tokio)),
            ratio(self.ratio(launches, "smol")),
            self.target
                .map_or_else(String::new, |target| format!("≤ {target}")),
        ]
    }
}

/// The targets that these launches missed, in words. Empty: all were met.
pub fn missed(group: &str, launches: &[Figures]) -> Vec<String> {
    let lines = lines(group).into_iter();
    lines
        .filter_map(|line| line.missed(group, launches))
        .collect()
}

const COLUMNS: usize = 8;

/// A group's comparison as a Markdown table.
pub fn table(group: &str, launches: &[Figures]) -> String {
    let head = [
        group,
        "heist ns",
        "tokio ns",
        "smol ns",
        "floor ns",
        "heist/tokio",
        "heist/smol",
        "target",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(lines(group).iter().map(|line| line.row(launches)));
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    });
    let rule: [String; COLUMNS] = std::array::from_fn(|column| match column {
        0 => "-".repeat(widths[0]),
        _ => "-".repeat(widths[column] - 1) + ":",
    });
    rows.insert(1, rule);
    rows.iter().map(|row| markdown(row, &widths)).collect()
}

fn markdown(row: &[String; COLUMNS], widths: &[usize; COLUMNS]) -> String {
    let mut text = format!("| {:<width$} |", row[0], width = widths[0]);
    for (field, width) in row.iter().zip(widths).skip(1) {
        text += &format!(" {field:>width$} |");
    }
    text + "\n"
}

fn time(nanoseconds: Option<f64>) -> String {
    match nanoseconds {
        Some(long) if long >= 100.0 => format!("{long:.0}"),
        Some(short) => format!("{short:.1}"),
        None => "–".to_owned(),
    }
}

fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        Some(small) if small < 0.1 => format!("{small:.4}"),
        Some(ratio) => format!("{ratio:.2}"),
        None => "–".to_owned(),
    }
}

/// The median; of an even number of values the mean of the middle two.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::{Figures, key, lines, median, missed, table};
    use crate::cells::{GROUPS, cells};

    fn launch(heist: f64, tokio: f64) -> Figures {
        let figures = [("heist", heist), ("tokio", tokio)];
        figures
            .map(|(runtime, ns)| (key(runtime, "worker"), ns))
            .into()
    }

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn every_line_sets_measured_cells_against_each_other() {
        for group in GROUPS {
            let cells = cells(group);
            let measured = |runtime, workload| {
                cells
                    .iter()
                    .any(|cell| cell.runtime == runtime && cell.workload == workload)
            };
            for line in lines(group) {
                for runtime in [line.heist, line.tokio, "smol", "floor"] {
                    assert!(measured(runtime, line.workload), "{group}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_launches_ratios() {
        let launches = [
            launch(10.0, 100.0),
            launch(90.0, 300.0),
            launch(20.0, 100.0),
        ];
        let ratio = lines("spawn_latency")[0].ratio(&launches, "tokio");
        assert_eq!(ratio, Some(0.2));
    }

    #[test]
    fn a_target_is_missed_when_exceeded_and_when_not_measured() {
        let fast = missed("spawn_latency", &[launch(40.0, 100.0)]);
        assert_eq!(fast.len(), 1, "the root was not measured: {fast:?}");
        let slow = missed("spawn_latency", &[launch(41.0, 100.0)]);
        assert!(slow[0].contains("0.4100"), "{slow:?}");
    }

    #[test]
    fn tables_leave_out_what_was_not_measured() {
        let table = table("spawn_latency", &[launch(10.0, 100.0)]);
        assert!(
            table.lines().nth(2).is_some_and(|row| row.contains("0.10")),
            "{table}"
        );
        assert!(
            table.lines().nth(3).is_some_and(|row| row.contains('–')),
            "{table}"
        );
    }
}
