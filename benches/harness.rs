//! The criterion side: one target, one group.

use crate::cells::{self, Cell, Group};
use crate::report::{Detail, table};
use crate::results::Row;
use crate::statistics::median;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};
use std::time::Duration;

const WARM_UP: Duration = Duration::from_millis(300);
const MEASUREMENT: Duration = Duration::from_secs(1);
/// For batches so large that a second holds only a few.
const LONG_MEASUREMENT: Duration = Duration::from_secs(2);

/// The `main` of a target: measures a group with criterion, and prints its ratios.
pub fn main(group: &str) {
    crate::pin_workers();
    let mut criterion = Criterion::default()
        .warm_up_time(WARM_UP)
        .measurement_time(MEASUREMENT)
        .without_plots()
        .configure_from_args();
    let rows = measure(&mut criterion, &cells::group(group));
    criterion.final_summary();
    if rows.iter().any(|row| row.value.is_some()) {
        println!("{}", table(&rows, Detail::Median));
    }
}

fn measure(criterion: &mut Criterion, group: &Group) -> Vec<Row> {
    let mut criterion_group = criterion.benchmark_group(group.name);
    let cells = group.cells();
    let asked = cells
        .iter()
        .filter(|cell| cfg!(feature = "study") || !cell.is_study);
    let rows = asked.filter_map(|cell| {
        let value = match cell.reason() {
            None => Some(measure_cell(&mut criterion_group, cell)?),
            Some(_) => None,
        };
        Some(Row::of(group, cell, value))
    });
    let rows = rows.collect();
    criterion_group.finish();
    rows
}

/// Median nanoseconds per operation over the samples that criterion took. `None` when it took none: in its test
/// mode, or where a filter leaves the cell out.
fn measure_cell(group: &mut BenchmarkGroup<'_, WallTime>, cell: &Cell) -> Option<f64> {
    let samples = prepare(group, cell.operations);
    let mut measure = None;
    let mut times = Vec::new();
    let id = BenchmarkId::new(cell.runtime, cell.workload);
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|iterations| {
            let time = measure.get_or_insert_with(|| cell.start())(iterations);
            let operations = iterations * cell.operations;
            times.push(time.as_nanos() as f64 / operations as f64);
            time
        });
    });
    // Criterion's warm-up comes first, and is at least one call.
    let warm_up = times
        .len()
        .checked_sub(samples)
        .filter(|&calls| calls > 0)?;
    median(times.drain(warm_up..))
}

/// Sets the group up for iterations of so many operations, and returns how many samples will be taken.
fn prepare(group: &mut BenchmarkGroup<'_, WallTime>, operations: u64) -> usize {
    if operations > 1 {
        group.throughput(Throughput::Elements(operations));
    }
    let (samples, time, mode) = if operations < 10_000 {
        (20, MEASUREMENT, SamplingMode::Auto)
    } else {
        (10, LONG_MEASUREMENT, SamplingMode::Flat)
    };
    group
        .sample_size(samples)
        .measurement_time(time)
        .sampling_mode(mode);
    samples
}
