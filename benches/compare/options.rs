//! What is asked for on the command line.

use crate::allocator::{MIMALLOC, SYSTEM};
use crate::extras;
use crate::plan::{FULL, Plan, QUICK};
use heist_benches::cells::{GROUPS, Group};
use std::time::Duration;

pub(crate) const USAGE: &str = "usage: scripts/bench [OPTIONS]
  --quick                at most about two minutes, instead of at most about 25
  --check                exit with 1 if a ratio exceeds its target
  --lto                  build with link-time optimization of the whole program, instead of cargo's defaults
  --allocator mimalloc   build with mimalloc, instead of the system's allocator
  --name NAME            results go to benches/results/ARCH-DATE-NAME (otherwise NAME is the host's name, and
                         quick runs go to target/bench-quick)
  --groups a,b           only these groups
  --workers 1,2          all groups with these numbers of workers (otherwise with 2, or HEIST_BENCH_WORKERS, and
                         gather_throughput and skynet also with 1, 2, 4, ... up to the number of processors,
                         and a few workloads with up to 64, without --quick)";

/// The command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) check: bool,
    pub(crate) lto: bool,
    pub(crate) allocator: &'static str,
    pub(crate) name: Option<String>,
    /// Empty: all groups.
    groups: Vec<String>,
    /// Empty: what the plan says.
    pub(crate) workers: Vec<usize>,
    /// Only for a launch, which this program starts itself: its number, from 0.
    pub(crate) launch: Option<usize>,
    /// Only for a launch: whether it is one with more workers than processors.
    pub(crate) oversubscribed: bool,
    /// What a launch may take.
    pub(crate) time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quick: false,
            check: false,
            lto: false,
            allocator: SYSTEM,
            name: None,
            groups: Vec::new(),
            workers: Vec::new(),
            launch: None,
            oversubscribed: false,
            time: Duration::ZERO,
        }
    }
}

impl Options {
    /// Reads the command line. An error says what is wrong with it.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            let mut value = || {
                let value = rest.next().filter(|value| !value.starts_with("--"));
                value.ok_or_else(|| format!("{flag} needs a value"))
            };
            match flag.as_str() {
                "--quick" => options.quick = true,
                "--check" => options.check = true,
                "--lto" => options.lto = true,
                "--allocator" => options.allocator = known_allocator(value()?)?,
                "--name" => options.name = Some(value()?.clone()),
                "--groups" => options.groups = list(value()?, known_group)?,
                "--workers" => options.workers = list(value()?, positive)?,
                "--launch" => options.launch = Some(number(value()?)?),
                "--oversubscribed" => options.oversubscribed = true,
                "--milliseconds" => options.time = Duration::from_millis(number(value()?)?),
                _ => return Err(format!("there is no option {flag}")),
            }
        }
        Ok(options)
    }

    /// How much is measured.
    pub(crate) fn plan(&self) -> &'static Plan {
        if self.quick { &QUICK } else { &FULL }
    }

    /// Whether the group of this name is asked for.
    pub(crate) fn wants(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|name| name == group)
    }

    /// The groups that are asked for.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let groups = GROUPS.iter().filter(|group| self.wants(group.name));
        groups.copied().collect()
    }
}

/// Reads a list with commas, without what is there twice.
fn list<T: PartialEq>(
    text: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    for part in text.split(',') {
        let value = read(part)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

fn known_group(name: &str) -> Result<String, String> {
    let names = GROUPS.iter().map(|group| group.name).chain(extras::GROUPS);
    let names: Vec<&str> = names.collect();
    if names.contains(&name) {
        Ok(name.to_owned())
    } else {
        let names = names.join(", ");
        Err(format!("there is no group {name:?}, but {names}"))
    }
}

fn known_allocator(name: &str) -> Result<&'static str, String> {
    let known = [SYSTEM, MIMALLOC];
    let found = known.into_iter().find(|known| *known == name);
    found.ok_or_else(|| format!("there is no allocator {name:?}, but {}", known.join(", ")))
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text:?} is no number of workers")),
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Result<Options, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn all_groups_are_wanted_unless_some_are_named() {
        let all = parse("--quick").unwrap();
        assert!(all.quick && all.wants("skynet") && all.wants("footprint"));
        let one = parse("--groups skynet --workers 1,4,1").unwrap();
        assert!(one.wants("skynet") && !one.wants("footprint"));
        assert_eq!(one.groups().len(), 1);
        assert_eq!(one.workers, [1, 4]);
    }

    #[test]
    fn the_allocator_is_the_systems_unless_another_is_named() {
        assert_eq!(parse("--quick").unwrap().allocator, "system");
        let named = parse("--allocator mimalloc").unwrap();
        assert_eq!(named.allocator, "mimalloc");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("--slow", "--slow"),
            ("--name", "needs a value"),
            ("--name --quick", "needs a value"),
            ("--groups skynet,heaven", "\"heaven\""),
            ("--workers 0", "\"0\""),
            ("--allocator malloc", "\"malloc\", but system, mimalloc"),
            ("--launch first", "\"first\""),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
