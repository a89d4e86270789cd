//! What is measured by programs of its own, beside the cells.

use crate::children;
use crate::options::Options;
use heist_benches::results::Row;
use std::env;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Their names among the groups.
pub(crate) const GROUPS: [&str; 3] = ["wake_latency", "footprint", "worlds"];

/// The programs that are run in each launch.
#[derive(Debug)]
pub(crate) struct Extras {
    programs: Vec<(&'static str, PathBuf)>,
    quick: bool,
    /// What they may take over all launches.
    limit: Duration,
    spent: Duration,
}

impl Extras {
    /// Looks for those that are asked for, and says which are not there.
    pub(crate) fn find(options: &Options) -> Self {
        let wanted = GROUPS.into_iter().filter(|group| options.wants(group));
        let mut programs: Vec<_> = wanted.map(|group| (group, program(group))).collect();
        programs.retain(|(group, program)| {
            let found = program.exists();
            if !found {
                eprintln!("left out: {group}: there is no {}", program.display());
            }
            found
        });
        Self {
            programs,
            quick: options.quick,
            limit: options.plan().time / 3,
            spent: Duration::ZERO,
        }
    }

    /// The names of those that are there.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.programs.iter().map(|&(group, _)| group).collect()
    }

    /// Runs them, and returns what they measured. One that fails is left out from then on; so are all when they have
    /// had their time.
    pub(crate) fn run(&mut self, launch: usize, workers: usize) -> Vec<Row> {
        if self.spent > self.limit && !self.programs.is_empty() {
            let names = self.names().join(", ");
            eprintln!("left out from here on: {names}: they have had a third of the time");
            self.programs.clear();
        }
        let mut arguments = vec!["--launch".to_owned(), launch.to_string()];
        arguments.extend(self.quick.then(|| "--quick".to_owned()));
        let start = Instant::now();
        let mut rows = Vec::new();
        self.programs.retain(|(group, program)| {
            let measured = children::rows(program, workers, &arguments);
            if let Err(why) = &measured {
                eprintln!("left out: {group}: {why}");
            }
            let goes_on = measured.is_ok();
            rows.extend(measured.unwrap_or_default());
            goes_on
        });
        self.spent += start.elapsed();
        rows
    }
}

/// The program of a group: built beside this one, or a script.
fn program(group: &str) -> PathBuf {
    if group == "worlds" {
        return crate::root().join("benches/worlds/run");
    }
    let this = env::current_exe().expect("a program knows its own path");
    let file = format!("{}{}", group.replace('_', "-"), env::consts::EXE_SUFFIX);
    this.with_file_name(file)
}

#[cfg(test)]
mod tests {
    use super::Extras;
    use std::path::PathBuf;
    use std::time::Duration;

    fn extras(programs: Vec<(&'static str, PathBuf)>) -> Extras {
        Extras {
            programs,
            quick: true,
            limit: Duration::from_secs(60),
            spent: Duration::ZERO,
        }
    }

    #[test]
    fn one_that_fails_is_left_out_from_then_on() {
        let mut extras = extras(vec![("footprint", PathBuf::from("/nowhere/at/all"))]);
        assert!(extras.run(0, 2).is_empty());
        assert!(extras.names().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn all_are_left_out_when_they_have_had_their_time() {
        let mut extras = extras(vec![("footprint", PathBuf::from("true"))]);
        extras.run(0, 2);
        assert_eq!(extras.names(), ["footprint"]);
        extras.spent = Duration::from_secs(61);
        extras.run(1, 2);
        assert!(extras.names().is_empty());
    }
}
