//! One launch: a process that measures the cells of some groups, all with the same number of workers.

use crate::options::Options;
use crate::oversubscribed;
use crate::plan::Portion;
use heist_benches::cells::{Cell, Group, Measure};
use heist_benches::process::{processor_time, threads};
use heist_benches::results::{self, Row};
use std::io;
use std::time::{Duration, Instant};

/// Measures every cell that is asked for, and prints its rows.
pub(crate) fn measure(options: &Options, launch: usize) -> Result<bool, String> {
    heist_benches::pin_workers();
    let end = Instant::now() + options.time;
    let groups = options.groups();
    let cells_of = if options.oversubscribed {
        oversubscribed::cells
    } else {
        Group::cells
    };
    let cells: Vec<_> = groups.iter().map(cells_of).collect();
    let mut left = measured(cells.iter().flatten());
    let mut rows = Vec::new();
    for (group, cells) in groups.iter().zip(&cells) {
        for contenders in cells.chunk_by(|a, b| a.workload == b.workload) {
            // What the workloads before it took too much or too little, this one and the next ones share.
            let time = end.saturating_duration_since(Instant::now());
            let portion = options.plan().portion(time, left);
            rows.extend(measure_workload(group, contenders, launch, portion));
            left -= measured(contenders);
        }
    }
    if options.oversubscribed {
        rows = rows.into_iter().map(oversubscribed::apart).collect();
    }
    results::write(io::stdout().lock(), &rows).map_err(|error| error.to_string())?;
    Ok(true)
}

/// How many of the cells there are to be measured.
fn measured<'c>(cells: impl IntoIterator<Item = &'c Cell>) -> usize {
    let cells = cells.into_iter();
    cells.filter(|cell| cell.reason().is_none()).count()
}

/// Measures the cells of a workload in rounds. One that has used up its share sits out the rest.
fn measure_workload(
    group: &Group,
    contenders: &[Cell],
    launch: usize,
    portion: Portion,
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut spent = vec![Duration::ZERO; contenders.len()];
    for slice in 0..portion.rounds as usize {
        for turn in 0..contenders.len() {
            let next = place(
                launch * portion.rounds as usize + slice,
                turn,
                contenders.len(),
            );
            let cell = &contenders[next];
            let row = if cell.reason().is_some() {
                (slice == 0).then(|| Row::of(group, cell, None))
            } else if spent[next] < portion.share() {
                let start = Instant::now();
                let row = measure_slice(cell, portion).row(group, cell);
                spent[next] += start.elapsed();
                Some(row)
            } else {
                None
            };
            rows.extend(row.map(|row| Row {
                launch,
                slice,
                ..row
            }));
        }
    }
    rows
}

/// Whose turn it is. Each round begins with another contender, and every second one goes the other way round, so that nobody always follows
/// the same one.
fn place(round: usize, turn: usize, contenders: usize) -> usize {
    if round.is_multiple_of(2) {
        (round + turn) % contenders
    } else {
        (round + contenders - turn) % contenders
    }
}

/// What so many iterations took.
struct Sample {
    iterations: u64,
    /// As the cell has it.
    time: Duration,
    /// With what is not timed. Of a cell that times how late something is, that is nearly all.
    spent: Duration,
    processor: Option<Duration>,
    threads: Option<usize>,
}

impl Sample {
    fn take(measure: &mut Measure, iterations: u64) -> Self {
        let start = Instant::now();
        let before = processor_time();
        let time = measure(iterations);
        let after = processor_time();
        Self {
            iterations,
            time,
            spent: time.max(start.elapsed()),
            processor: after.zip(before).map(|(after, before)| after - before),
            threads: threads(),
        }
    }

    fn row(&self, group: &Group, cell: &Cell) -> Row {
        let operations = (self.iterations * cell.operations) as f64;
        let nanoseconds = |time: Duration| time.as_nanos() as f64 / operations;
        Row {
            processor: self.processor.map(nanoseconds),
            threads: self.threads,
            ..Row::of(group, cell, Some(nanoseconds(self.time)))
        }
    }
}

/// An iteration that is longer than so many slices is done once.
const WORTH_REPEATING: u32 = 20;

/// Starts a cell's runtime, warms it up, and measures it for about the length of a slice.
fn measure_slice(cell: &Cell, portion: Portion) -> Sample {
    let mut measure = cell.start();
    let mut sample = Sample::take(&mut measure, 1);
    while sample.spent < portion.slice / 4 {
        sample = Sample::take(&mut measure, 2 * sample.iterations);
    }
    // A single iteration that takes far longer than there is time for the cell is not done again: the warm-up counts.
    if sample.spent < portion.share().max(WORTH_REPEATING * portion.slice) {
        let times = portion.slice.as_secs_f64() / sample.spent.as_secs_f64();
        let iterations = (times * sample.iterations as f64).ceil() as u64;
        sample = Sample::take(&mut measure, iterations);
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::{measure_slice, measure_workload};
    use crate::plan::Portion;
    use heist_benches::cells::{Cell, group};
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    /// Of a time that only passes by what the cells say.
    const PORTION: Portion = Portion {
        rounds: 3,
        slice: Duration::from_secs(1_000),
    };

    type Calls = Rc<RefCell<Vec<(&'static str, u64)>>>;

    /// A cell that says each iteration took so many seconds, and notes how many were asked for.
    fn cell(runtime: &'static str, seconds: u64, calls: &Calls) -> Cell {
        let calls = Rc::clone(calls);
        Cell::new(runtime, "work", 10, move || {
            let calls = Rc::clone(&calls);
            Box::new(move |iterations| {
                calls.borrow_mut().push((runtime, iterations));
                Duration::from_secs(seconds * iterations)
            })
        })
    }

    fn iterations(seconds: u64) -> Vec<u64> {
        let calls = Calls::default();
        measure_slice(&cell("runtime", seconds, &calls), PORTION);
        calls.take().into_iter().map(|(_, number)| number).collect()
    }

    #[test]
    fn warm_up_doubles_until_a_quarter_of_the_slice() {
        assert_eq!(iterations(50), [1, 2, 4, 8, 20]);
    }

    #[test]
    fn a_long_iteration_is_done_once_after_its_warm_up_and_a_very_long_one_is_its_own() {
        assert_eq!(iterations(2_500), [1, 1]);
        assert_eq!(iterations(60_000), [1]);
    }

    #[test]
    fn each_round_begins_with_another_runtime_and_every_second_one_goes_the_other_way() {
        let calls = Calls::default();
        let contenders = ["a", "b", "c"].map(|name| cell(name, 60_000, &calls));
        let group = group("skynet");
        let order = |launch, slice| {
            let rows = measure_workload(&group, &contenders, launch, PORTION);
            let rows = rows.into_iter().filter(|row| row.slice == slice);
            rows.map(|row| row.runtime).collect::<String>()
        };
        assert_eq!(order(0, 0), "abc");
        assert_eq!(order(0, 1), "bac");
        assert_eq!(order(0, 2), "cab");
        assert_eq!(order(1, 0), "acb");
    }

    #[test]
    fn rows_are_per_operation_and_absent_cells_have_one_each() {
        let calls = Calls::default();
        let contenders = [
            cell("a", 50, &calls),
            Cell::absent("b", "work", "no such thing"),
        ];
        let rows = measure_workload(&group("skynet"), &contenders, 4, PORTION);
        let (measured, absent): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.value.is_some());
        assert_eq!(measured.len(), 3);
        assert!(measured.iter().all(|row| row.value == Some(5e9)));
        assert!(measured.iter().all(|row| row.launch == 4));
        assert_eq!(absent.len(), 1);
        assert_eq!(absent[0].reason.as_deref(), Some("no such thing"));
    }

    #[test]
    fn a_cell_that_has_used_up_its_share_sits_out_the_rest() {
        let portion = Portion {
            slice: Duration::from_millis(1),
            ..PORTION
        };
        let slow = Cell::new("slow", "work", 1, move || {
            Box::new(move |iterations| {
                let start = std::time::Instant::now();
                while start.elapsed() < portion.share() {
                    std::hint::spin_loop();
                }
                start.elapsed() * iterations as u32
            })
        });
        let rows = measure_workload(&group("skynet"), &[slow], 0, portion);
        assert_eq!(rows.len(), 1);
    }
}
