//! What was measured, as rows: the raw results, kept as CSV.

use crate::cells::{Cell, Group};
use crate::workers;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// One measurement of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The group, as in the criterion id.
    pub group: String,
    /// The workload, with its size if there are several.
    pub workload: String,
    /// The runtime, or its variant.
    pub runtime: String,
    /// How many workers the runtime had.
    pub workers: usize,
    /// Which launch of the program, from 0.
    pub launch: usize,
    /// Which slice of the launch, from 0.
    pub slice: usize,
    /// What `value` counts: `ns` (nanoseconds per operation), `bytes`, …
    pub unit: String,
    /// The measurement. None: there is none, for the reason given.
    pub value: Option<f64>,
    /// Nanoseconds of processor time per operation, of all threads, where that was measured.
    pub processor: Option<f64>,
    /// Operating system threads of the program while it was measured.
    pub threads: Option<usize>,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// The unit of times.
pub const NANOSECONDS: &str = "ns";

/// The group of what is measured with more workers than processors, and beside it with the usual number.
pub const OVERSUBSCRIBED: &str = "oversubscribed";

impl Row {
    /// A row of a cell, of launch and slice 0.
    pub fn of(group: &Group, cell: &Cell, nanoseconds: Option<f64>) -> Self {
        Self {
            group: group.name.to_owned(),
            workload: cell.workload.to_owned(),
            runtime: cell.runtime.to_owned(),
            workers: workers(),
            launch: 0,
            slice: 0,
            unit: NANOSECONDS.to_owned(),
            value: nanoseconds,
            processor: None,
            threads: None,
            reason: cell.reason().map(str::to_owned),
        }
    }
}

/// Writes rows as CSV, with a head.
///
/// # Errors
///
/// When `to` can't be written.
pub fn write(to: impl Write, rows: &[Row]) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(to);
    for row in rows {
        writer.serialize(row)?;
    }
    writer.flush()?;
    Ok(())
}

/// Reads what [`write()`] wrote.
///
/// # Errors
///
/// When that can't be read, or is something else.
pub fn read(from: impl Read) -> csv::Result<Vec<Row>> {
    csv::Reader::from_reader(from).deserialize().collect()
}

/// The different values of `key` in the order in which they appear.
pub fn distinct<'r>(rows: &'r [Row], key: impl Fn(&'r Row) -> &'r str) -> Vec<&'r str> {
    let mut keys = Vec::new();
    for row in rows {
        if !keys.contains(&key(row)) {
            keys.push(key(row));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::{NANOSECONDS, Row, read, write};

    #[test]
    fn what_is_written_is_read_back() {
        let measured = Row {
            group: "yield_now".to_owned(),
            workload: "tasks_200".to_owned(),
            runtime: "heist".to_owned(),
            workers: 2,
            launch: 1,
            slice: 0,
            unit: NANOSECONDS.to_owned(),
            value: Some(21.5),
            processor: Some(40.25),
            threads: Some(3),
            reason: None,
        };
        let absent = Row {
            value: None,
            processor: None,
            threads: None,
            reason: Some("not on this system, \"at all\"".to_owned()),
            ..measured.clone()
        };
        let mut text = Vec::new();
        write(&mut text, &[measured.clone(), absent.clone()]).unwrap();
        assert_eq!(read(text.as_slice()).unwrap(), [measured, absent]);
    }
}
