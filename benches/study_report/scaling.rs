//! How figures change: over the number of workers, and over the size of a workload.

use crate::lines::{Line, Lines};
use heist_benches::results::{Row, distinct};
use heist_benches::statistics::{estimate, per_launch};
use std::collections::BTreeMap;

/// The workloads that were measured with several numbers of workers.
pub(crate) fn over_workers(rows: &[Row]) -> Vec<Lines> {
    let workloads = distinct(rows, |row| &row.workload).into_iter();
    let panels = workloads.map(|workload| {
        let of_workload = rows.iter().filter(|row| row.workload == workload);
        panel(
            workload,
            "workers",
            of_workload.map(|row| (row.workers as u64, row)),
        )
    });
    panels.filter(Lines::lead_somewhere).collect()
}

/// The kinds of workloads that were measured in several sizes.
pub(crate) fn over_sizes(rows: &[Row]) -> Vec<Lines> {
    let sized = rows.iter().filter_map(|row| {
        let (kind, size) = kind_and_size(&row.workload)?;
        Some((kind, size, row))
    });
    let sized: Vec<_> = sized.collect();
    let mut kinds: Vec<&str> = Vec::new();
    for (kind, ..) in &sized {
        if !kinds.contains(kind) {
            kinds.push(kind);
        }
    }
    let panels = kinds.into_iter().map(|kind| {
        let of_kind = sized.iter().filter(|(of, ..)| *of == kind);
        panel(
            &format!("{kind}_N"),
            "N",
            of_kind.map(|(_, size, row)| (*size, *row)),
        )
    });
    panels.filter(Lines::lead_somewhere).collect()
}

/// `ready_1000` is of the kind `ready`, and its size is 1000.
fn kind_and_size(workload: &str) -> Option<(&str, u64)> {
    let (kind, size) = workload.rsplit_once('_')?;
    let size = size.parse().ok().filter(|size| *size > 0)?;
    (!kind.is_empty()).then_some((kind, size))
}

/// A panel of rows with their x. Those of one x are of one workload.
fn panel<'r>(title: &str, over: &'static str, rows: impl Iterator<Item = (u64, &'r Row)>) -> Lines {
    let mut by_x = BTreeMap::<u64, Vec<Row>>::new();
    let mut all = Vec::new();
    for (x, row) in rows {
        by_x.entry(x).or_default().push(row.clone());
        all.push(row.clone());
    }
    let runtimes = distinct(&all, |row| &row.runtime).into_iter();
    let lines = runtimes.map(|runtime| {
        let points = by_x.iter().filter_map(|(x, rows)| {
            let launches = per_launch(rows, &rows.first()?.workload, runtime);
            let launches: Vec<f64> = launches.into_values().collect();
            Some((*x, estimate(&launches)?))
        });
        Line {
            runtime: runtime.to_owned(),
            points: points.collect(),
        }
    });
    Lines {
        title: title.to_owned(),
        over,
        unit: all.first().map_or_else(String::new, |row| row.unit.clone()),
        lines: lines.filter(|line| !line.points.is_empty()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{kind_and_size, over_sizes, over_workers};
    use crate::fixture::rows;
    use heist_benches::results::Row;

    fn gather() -> Vec<Row> {
        let rows = rows().into_iter();
        rows.filter(|row| row.group == "gather_throughput")
            .collect()
    }

    #[test]
    fn a_workload_may_end_in_its_size() {
        assert_eq!(kind_and_size("ready_1000"), Some(("ready", 1_000)));
        assert_eq!(kind_and_size("work_1us_64"), Some(("work_1us", 64)));
        for other in ["worker", "one_task", "_5", "5", "h_0", "ready_1k", "ready_"] {
            assert_eq!(kind_and_size(other), None, "{other}");
        }
    }

    #[test]
    fn sizes_of_a_kind_make_a_line_for_each_runtime() {
        let at_two: Vec<Row> = gather().into_iter().filter(|r| r.workers == 2).collect();
        let [panel] = over_sizes(&at_two).try_into().unwrap();
        assert_eq!((panel.title.as_str(), panel.over), ("ready_N", "N"));
        let runtimes: Vec<_> = panel.lines.iter().map(|line| &line.runtime).collect();
        assert_eq!(runtimes, ["heist", "tokio", "floor"], "smol has no value");
        let heist = &panel.lines[0].points;
        let xs: Vec<u64> = heist.iter().map(|(x, _)| *x).collect();
        assert_eq!(xs, [1_000, 100_000]);
        assert_eq!(heist[0].1.median, 80.0 / 2.0 * 1.05);
        assert!(over_workers(&at_two).is_empty());
    }

    #[test]
    fn numbers_of_workers_make_a_line_for_each_runtime() {
        let [panel] = over_workers(&gather()).try_into().unwrap();
        assert_eq!(
            (panel.title.as_str(), panel.over),
            ("ready_1000", "workers")
        );
        let xs: Vec<u64> = panel.lines[0].points.iter().map(|(x, _)| *x).collect();
        assert_eq!(xs, [1, 2, 4]);
        let single = panel.lines.iter().find(|line| line.runtime == "asyncio");
        assert_eq!(single.unwrap().points.len(), 1);
    }
}
