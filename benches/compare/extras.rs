//! What is measured by programs of its own, beside the cells.

use crate::allocator::{BUILT_WITH, SYSTEM};
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
    left_out: Vec<String>,
}

impl Extras {
    /// Looks for those that are asked for, and says which are not there.
    pub(crate) fn find(options: &Options) -> Self {
        let wanted = GROUPS.into_iter().filter(|group| options.wants(group));
        let programs: Vec<_> = wanted.map(|group| (group, program(group))).collect();
        let mut this = Self {
            programs: Vec::new(),
            quick: options.quick,
            limit: options.plan().time / 2,
            spent: Duration::ZERO,
            left_out: Vec::new(),
        };
        for (group, program) in programs {
            if group == "footprint" && BUILT_WITH != SYSTEM {
                this.leave_out("footprint: it counts bytes by an allocator of its own".to_owned());
            } else if program.exists() {
                this.programs.push((group, program));
            } else {
                this.leave_out(format!("{group}: there is no {}", program.display()));
            }
        }
        this
    }

    fn leave_out(&mut self, what: String) {
        eprintln!("left out: {what}");
        self.left_out.push(what);
    }

    /// What was not measured, or not in all launches, and why.
    pub(crate) fn left_out(&self) -> String {
        if self.left_out.is_empty() {
            "nothing".to_owned()
        } else {
            self.left_out.join("; ")
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
            self.leave_out(format!(
                "{names} from launch {} on: they have had half of the time",
                launch + 1
            ));
            self.programs.clear();
        }
        let mut arguments = vec!["--launch".to_owned(), launch.to_string()];
        arguments.extend(self.quick.then(|| "--quick".to_owned()));
        let start = Instant::now();
        let mut rows = Vec::new();
        for (group, program) in std::mem::take(&mut self.programs) {
            match children::rows(&program, workers, &arguments) {
                Ok(measured) => {
                    rows.extend(measured);
                    self.programs.push((group, program));
                }
                Err(why) => self.leave_out(format!("{group} from launch {} on: {why}", launch + 1)),
            }
        }
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
            left_out: Vec::new(),
        }
    }

    #[test]
    fn one_that_fails_is_left_out_from_then_on() {
        let mut extras = extras(vec![("footprint", PathBuf::from("/nowhere/at/all"))]);
        assert_eq!(extras.left_out(), "nothing");
        assert!(extras.run(0, 2).is_empty());
        assert!(extras.names().is_empty());
        let said = extras.left_out();
        assert!(said.starts_with("footprint from launch 1 on: "), "{said}");
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
