//! Programs that measure by themselves what is no time per operation.
//!
//! Each runtime is measured at each workload in a process of its own, which the program starts, so that nothing is left over from another one.

use crate::report::{Detail, table};
use crate::results::{self, Row};
use crate::{pin_workers, workers};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use std::{env, io};

const USAGE: &str = "arguments: [--only RUNTIME/WORKLOAD] [--launch N] [--quick]
  --only       this alone, in this process
  --launch N   the number of this launch, as the rows have it
  --quick      about a fifth of the time
With --launch or --quick the rows are printed as CSV, without as a table.";

/// What is measured of several runtimes.
#[derive(Debug)]
pub struct Workload {
    /// As in the rows.
    pub name: &'static str,
    /// What its figures count.
    pub unit: &'static str,
    /// The runtimes, each with what measures it.
    pub contenders: &'static [(&'static str, Measure)],
}

/// Starts a runtime, and measures it.
pub type Measure = fn(Launch) -> Measured;

/// What came out, or why nothing did.
pub type Measured = Result<Vec<Figure>, &'static str>;

/// A row in the making.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// Follows the workload's name, where there are several figures of one.
    pub suffix: &'static str,
    /// The measurement.
    pub value: f64,
    /// Nanoseconds of processor time per operation.
    pub processor: Option<f64>,
    /// Threads of the program.
    pub threads: Option<usize>,
}

/// The only figure of a workload.
pub fn figure(value: f64) -> Vec<Figure> {
    vec![Figure {
        suffix: "",
        value,
        processor: None,
        threads: None,
    }]
}

/// One launch of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    number: usize,
    quick: bool,
    as_table: bool,
}

impl Launch {
    /// Reads the arguments: the launch, and what to measure alone. None: there is an argument that is not known.
    fn parse(arguments: &[String]) -> Option<(Self, Option<&str>)> {
        let mut launch = Self {
            number: 0,
            quick: false,
            as_table: true,
        };
        let mut only = None;
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--launch" => launch.number = arguments.next()?.parse().ok()?,
                "--quick" => launch.quick = true,
                "--only" => only = Some(arguments.next()?.as_str()),
                _ => return None,
            }
            launch.as_table &= argument == "--only";
        }
        Some((launch, only))
    }

    /// The arguments that make the same launch, with its rows as CSV.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--launch".to_owned(), self.number.to_string()];
        arguments.extend(self.quick.then(|| "--quick".to_owned()));
        arguments
    }

    /// How long to measure what takes `full` if there is time.
    pub fn time(&self, full: Duration) -> Duration {
        if self.quick { full / 5 } else { full }
    }
}

/// The `main` of such a program: measures a group, and prints the rows.
///
/// # Panics
///
/// If a measurement fails, or standard output can't be written.
pub fn main(group: &str, workloads: &[Workload]) -> ExitCode {
    pin_workers();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let measured = Launch::parse(&arguments).and_then(|(launch, only)| {
        let rows = match only {
            Some(cell) => measure(group, workloads, launch, cell)?,
            None => measure_all(workloads, launch),
        };
        Some((launch, rows))
    });
    match measured {
        None => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
        Some((launch, rows)) if launch.as_table => print!("{}", table(&rows, Detail::Median)),
        Some((_, rows)) => {
            results::write(io::stdout().lock(), &rows).expect("standard output can be written")
        }
    }
    ExitCode::SUCCESS
}

/// Measures every cell in a process of its own, beginning with another runtime in each launch.
fn measure_all(workloads: &[Workload], launch: Launch) -> Vec<Row> {
    let mut rows = Vec::new();
    for workload in workloads {
        let runtimes = workload.contenders;
        for turn in 0..runtimes.len() {
            let (runtime, _) = runtimes[(launch.number + turn) % runtimes.len()];
            rows.extend(start(launch, &format!("{runtime}/{}", workload.name)));
        }
    }
    rows
}

/// Starts this program for one cell.
fn start(launch: Launch, cell: &str) -> Vec<Row> {
    let program = env::current_exe().expect("a program knows its own path");
    let output = Command::new(program)
        .args(["--only", cell])
        .args(launch.arguments())
        .stderr(Stdio::inherit())
        .output()
        .expect("a program can start itself");
    assert!(output.status.success(), "{cell}: {}", output.status);
    results::read(output.stdout.as_slice()).expect("a program prints rows")
}

/// Measures one cell. None: there is no such cell.
fn measure(group: &str, workloads: &[Workload], launch: Launch, cell: &str) -> Option<Vec<Row>> {
    let (runtime, name) = cell.split_once('/')?;
    let workload = workloads.iter().find(|workload| workload.name == name)?;
    let mut contenders = workload.contenders.iter();
    let (_, measure) = contenders.find(|(contender, _)| *contender == runtime)?;
    let row = Row {
        group: group.to_owned(),
        workload: name.to_owned(),
        runtime: runtime.to_owned(),
        workers: workers(),
        launch: launch.number,
        slice: 0,
        unit: workload.unit.to_owned(),
        value: None,
        processor: None,
        threads: None,
        reason: None,
    };
    Some(match measure(launch) {
        Ok(figures) => figures.iter().map(|figure| filled(&row, figure)).collect(),
        Err(reason) => vec![Row {
            reason: Some(reason.to_owned()),
            ..row
        }],
    })
}

fn filled(row: &Row, figure: &Figure) -> Row {
    Row {
        workload: format!("{}{}", row.workload, figure.suffix),
        value: Some(figure.value),
        processor: figure.processor,
        threads: figure.threads,
        ..row.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{Launch, Workload, figure, measure};
    use std::time::Duration;

    const WORKLOADS: &[Workload] = &[Workload {
        name: "work",
        unit: "bytes",
        contenders: &[
            ("heist", |_| Ok(figure(7.0))),
            ("tokio", |_| Err("not today")),
        ],
    }];

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    fn launch(line: &str) -> Launch {
        Launch::parse(&words(line)).unwrap().0
    }

    #[test]
    fn a_launch_is_what_its_arguments_say() {
        let quick = launch("--launch 3 --quick");
        assert_eq!(quick.number, 3);
        assert_eq!(quick.time(Duration::from_secs(5)), Duration::from_secs(1));
        assert_eq!(Launch::parse(&quick.arguments()), Some((quick, None)));
        let arguments = words("--quick --only heist/work");
        let (_, only) = Launch::parse(&arguments).unwrap();
        assert_eq!(only, Some("heist/work"));
        for wrong in ["--launch", "--launch x", "--quickly", "--only"] {
            assert_eq!(Launch::parse(&words(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn a_program_that_launches_gets_csv() {
        assert!(launch("").as_table);
        assert!(launch("--only heist/work").as_table);
        assert!(!launch("--quick").as_table);
        assert!(!launch("--only heist/work --launch 0").as_table);
    }

    #[test]
    fn a_cell_has_a_figure_or_a_reason() {
        let rows = |cell| measure("group", WORKLOADS, launch("--launch 3"), cell);
        let heist = &rows("heist/work").unwrap()[0];
        assert_eq!((heist.value, heist.launch), (Some(7.0), 3));
        let tokio = &rows("tokio/work").unwrap()[0];
        assert_eq!(tokio.reason.as_deref(), Some("not today"));
        assert_eq!(rows("smol/work"), None);
        assert_eq!(rows("heist/play"), None);
    }
}
