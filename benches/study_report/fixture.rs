//! Rows for tests, with made-up figures.

use crate::folders::{Name, Results};
use heist_benches::results::{NANOSECONDS, Row};

/// A row; without a value it has a reason.
pub(crate) fn row(
    group: &str,
    workload: &str,
    runtime: &str,
    workers: usize,
    launch: usize,
    value: Option<f64>,
) -> Row {
    Row {
        group: group.to_owned(),
        workload: workload.to_owned(),
        runtime: runtime.to_owned(),
        workers,
        launch,
        slice: 0,
        unit: NANOSECONDS.to_owned(),
        value,
        processor: value.map(|value| 2.0 * value),
        threads: value.map(|_| workers + 1),
        reason: value.is_none().then(|| "no such thing".to_owned()),
    }
}

/// Two groups. One scales over sizes, and at one of them over workers; smol has no values there.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for launch in 0..3 {
        let noise = 1.0 + 0.05 * launch as f64;
        let mut add = |group, workload, runtime, workers, value: Option<f64>| {
            let value = value.map(|value| value * noise);
            rows.push(row(group, workload, runtime, workers, launch, value));
        };
        for (runtime, value) in [("heist", 80.0), ("tokio", 400.0), ("floor", 14.0)] {
            add("spawn_latency", "worker", runtime, 2, Some(value));
            let group = "gather_throughput";
            add(group, "ready_1000", runtime, 2, Some(value / 2.0));
            add(group, "ready_100000", runtime, 2, Some(value / 3.0));
            add(group, "ready_1000", runtime, 1, Some(value));
            add(group, "ready_1000", runtime, 4, Some(value / 4.0));
        }
        add("gather_throughput", "ready_1000", "smol", 2, None);
        add("gather_throughput", "ready_1000", "asyncio", 1, Some(900.0));
    }
    rows
}

/// A run with these rows.
pub(crate) fn results(architecture: &str) -> Results {
    let name = Name {
        architecture: architecture.to_owned(),
        date: "2026-01-31".to_owned(),
        machine: "box".to_owned(),
    };
    Results {
        folder: format!("benches/results/{name}"),
        name,
        facts: vec![
            ("processor".to_owned(), "Imaginary 1".to_owned()),
            ("kernel".to_owned(), "two\nlines".to_owned()),
            ("mitigations".to_owned(), "many".to_owned()),
            ("governor".to_owned(), "unknown".to_owned()),
            ("arguments".to_owned(), "--groups a,b".to_owned()),
        ],
        rows: rows(),
        mimalloc: None,
    }
}
