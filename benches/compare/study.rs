//! The launches: what is measured in which process, with how many workers, and for how long.

use crate::children;
use crate::extras::Extras;
use crate::facts::Facts;
use crate::options::Options;
use crate::pinning::Pinning;
use crate::plan::{Job, jobs, part};
use heist_benches::results::Row;
use heist_benches::workers;
use std::env;
use std::time::{Duration, Instant};

/// All that is to be measured.
#[derive(Debug)]
pub(crate) struct Study<'o> {
    options: &'o Options,
    jobs: Vec<Job>,
    extras: Extras,
    pinning: Pinning,
}

impl<'o> Study<'o> {
    pub(crate) fn new(options: &'o Options) -> Result<Self, String> {
        let pinning = Pinning::new();
        let jobs = jobs(
            options.plan(),
            &options.groups(),
            &options.workers,
            workers(),
            pinning.processors(),
        );
        let extras = Extras::find(options);
        if jobs.is_empty() && extras.names().is_empty() {
            return Err("there is nothing to measure".to_owned());
        }
        Ok(Self {
            options,
            jobs,
            extras,
            pinning,
        })
    }

    /// The number of workers of the runs that are not about the number of workers.
    pub(crate) fn workers(&self) -> usize {
        self.options
            .workers
            .first()
            .copied()
            .unwrap_or_else(workers)
    }

    fn cells(&self) -> usize {
        self.jobs.iter().map(|job| job.cells).sum()
    }

    /// Says what will be measured, and what it will take.
    pub(crate) fn announce(&self, facts: &mut Facts) {
        let plan = self.options.plan();
        let (launches, cells) = (plan.launches, self.cells());
        let portion = plan.first_portion(cells);
        let rounds = portion.rounds;
        let slice = portion.slice.as_millis();
        let names = self.extras.names();
        let takes = if names.is_empty() {
            format!("about {}", in_words(plan.takes(cells)))
        } else {
            let names = names.join(", ");
            format!("with {names} at most about {}", in_words(plan.time))
        };
        eprintln!("{launches} launches of {cells} cells, {rounds} × {slice} ms each: {takes}");
        facts.add("launches", launches);
        facts.add("workers", self.workers());
        // What is oversubscribed has the processors of the run that it is compared with.
        let jobs = self.jobs.iter().filter(|job| !job.oversubscribed);
        let pinned = jobs.map(|job| {
            let workers = job.workers;
            match self.pinning.pin(workers) {
                Ok(processors) => {
                    format!("workers = {workers}: pinned to processors {processors:?}")
                }
                Err(why) => format!("workers = {workers}: not pinned: {why}"),
            }
        });
        let pinned: Vec<String> = pinned.collect();
        eprintln!("{}", pinned.join("\n"));
        facts.add("pinning", pinned.join("; "));
    }

    /// What was left out, in the end.
    pub(crate) fn left_out(&self) -> String {
        self.extras.left_out()
    }

    /// Runs all launches, and returns what they measured.
    pub(crate) fn measure(&mut self) -> Result<Vec<Row>, String> {
        let start = Instant::now();
        let plan = self.options.plan();
        let workers = self.workers();
        let mut rows = Vec::new();
        let mut beside = Vec::new();
        for launch in 0..plan.launches {
            eprintln!("launch {} of {}", launch + 1, plan.launches);
            let left = plan.time.saturating_sub(start.elapsed());
            let end = Instant::now() + part(left, 1, plan.launches - launch);
            self.pin(workers);
            beside.extend(self.extras.run(launch, workers));
            rows.extend(self.launch(launch, end)?);
        }
        // The tables have what stands beside the cells after them.
        rows.extend(beside);
        Ok(rows)
    }

    /// Has what is started from here on run on the processors chosen for so many workers.
    fn pin(&self, workers: usize) {
        // Whether it works was said at the start.
        let _ = self.pinning.pin(workers);
    }

    /// Starts the processes of a launch, one after the other. They share what time there is until `end`.
    fn launch(&self, launch: usize, end: Instant) -> Result<Vec<Row>, String> {
        let program = env::current_exe().expect("a program knows its own path");
        let mut cells = self.cells();
        let mut rows = Vec::new();
        for job in &self.jobs {
            let left = end.saturating_duration_since(Instant::now());
            let arguments = self.arguments(launch, job, part(left, job.cells, cells));
            cells -= job.cells;
            self.pin(if job.oversubscribed {
                self.workers()
            } else {
                job.workers
            });
            let measured = children::rows(&program, job.workers, &arguments);
            rows.extend(measured.map_err(|why| {
                let workers = job.workers;
                format!("launch {} with {workers} workers: {why}", launch + 1)
            })?);
        }
        Ok(rows)
    }

    fn arguments(&self, launch: usize, job: &Job, time: Duration) -> Vec<String> {
        let groups: Vec<&str> = job.groups.iter().map(|group| group.name).collect();
        let mut arguments = vec![
            "--launch".to_owned(),
            launch.to_string(),
            "--groups".to_owned(),
            groups.join(","),
            "--milliseconds".to_owned(),
            time.as_millis().to_string(),
        ];
        arguments.extend(self.options.quick.then(|| "--quick".to_owned()));
        arguments.extend(job.oversubscribed.then(|| "--oversubscribed".to_owned()));
        arguments
    }
}

/// A time for people.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 100.0 {
        format!("{seconds:.0} seconds")
    } else {
        format!("{:.1} minutes", seconds / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;
    use std::time::Duration;

    #[test]
    fn times_are_in_seconds_and_then_in_minutes() {
        assert_eq!(in_words(Duration::from_millis(9_600)), "10 seconds");
        assert_eq!(in_words(Duration::from_secs(105)), "1.8 minutes");
    }
}
