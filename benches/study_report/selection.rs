//! Which rows a table is made of.

use heist_benches::results::{NANOSECONDS, Row};
use std::collections::BTreeMap;

/// The number of workers of most rows; of two such the smaller.
pub(crate) fn usual_workers(rows: &[Row]) -> usize {
    let mut counts = BTreeMap::<usize, usize>::new();
    for row in rows {
        *counts.entry(row.workers).or_default() += 1;
    }
    let most = counts.values().max().copied();
    let usual = counts.into_iter().find(|(_, count)| Some(*count) == most);
    usual.map_or(0, |(workers, _)| workers)
}

/// The rows of a group at the usual number of workers. A cell that has none gives those of the first number it was measured with.
pub(crate) fn of_usual_workers(rows: &[Row], workers: usize) -> Vec<Row> {
    let mut numbers = BTreeMap::new();
    for row in rows {
        let number = numbers.entry(cell(row)).or_insert(row.workers);
        if row.workers == workers {
            *number = workers;
        }
    }
    let rows = rows.iter().filter(|row| numbers[&cell(row)] == row.workers);
    rows.cloned().collect()
}

fn cell(row: &Row) -> (&str, &str) {
    (&row.workload, &row.runtime)
}

/// The processor time of rows that have it, as rows of their own.
pub(crate) fn processor_time(rows: &[Row]) -> Vec<Row> {
    let rows = rows.iter().filter(|row| row.processor.is_some());
    let rows = rows.map(|row| Row {
        unit: NANOSECONDS.to_owned(),
        value: row.processor,
        ..row.clone()
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::{of_usual_workers, processor_time, usual_workers};
    use crate::fixture::{row, rows};

    #[test]
    fn the_usual_number_of_workers_is_that_of_most_rows() {
        let rows = rows();
        assert_eq!(usual_workers(&rows), 2);
        let usual = of_usual_workers(&rows, 2);
        let others = usual.iter().filter(|row| row.workers != 2);
        assert!(others.clone().all(|row| row.runtime == "asyncio"));
        assert_eq!(others.count(), 3, "a row for each launch");
        let equal = [4, 3, 4, 3].map(|n| row("group", "work", "heist", n, 0, Some(1.0)));
        assert_eq!(usual_workers(&equal), 3);
    }

    #[test]
    fn processor_time_is_that_of_rows_that_have_it() {
        let rows = rows();
        let processor = processor_time(&rows);
        assert_eq!(processor[0].value, rows[0].processor);
        assert!(processor.iter().all(|row| row.runtime != "smol"));
    }
}
