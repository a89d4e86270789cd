//! Where results lie: a folder for each run of `scripts/bench`, named ARCH-DATE-NAME.

use heist_benches::results::{self, Row};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Where all the folders are, from the root of the repository.
const ALL: &str = "benches/results";

/// What the name of a folder says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) architecture: String,
    /// YYYY-MM-DD.
    pub(crate) date: String,
    pub(crate) machine: String,
}

impl Name {
    fn parse(folder: &str) -> Option<Self> {
        let (architecture, rest) = folder.split_once('-')?;
        let (date, machine) = rest.split_at_checked("0000-00-00".len())?;
        let machine = machine.strip_prefix('-')?;
        let is_date = date.bytes().zip("0000-00-00".bytes()).all(|(byte, like)| {
            if like == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == like
            }
        });
        (is_date && !architecture.is_empty() && !machine.is_empty()).then(|| Self {
            architecture: architecture.to_owned(),
            date: date.to_owned(),
            machine: machine.to_owned(),
        })
    }

    /// As scripts/bench names the folders of runs with mimalloc.
    fn has_mimalloc(&self) -> bool {
        self.machine.ends_with("-mimalloc")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.architecture, self.date, self.machine)
    }
}

/// What one run measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) name: Name,
    /// The folder, from the root of the repository, with slashes.
    pub(crate) folder: String,
    /// What is known of the machine: names and values.
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) rows: Vec<Row>,
    /// The run with mimalloc that stands beside it.
    pub(crate) mimalloc: Option<Box<Results>>,
}

impl Results {
    /// What is known under this name.
    pub(crate) fn fact(&self, name: &str) -> Option<&str> {
        let mut facts = self.facts.iter();
        let (_, value) = facts.find(|(key, _)| key == name)?;
        Some(value)
    }
}

/// The newest results of each architecture, beside them the newest with mimalloc. None if there is no folder for them.
pub(crate) fn newest(root: &Path) -> Result<Vec<Results>, Box<dyn Error>> {
    let entries = match fs::read_dir(root.join(ALL)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| format!("{ALL}: {error}"))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(Name::parse(&entry?.file_name().to_string_lossy()));
    }
    let (mimalloc, system) = names.into_iter().partition(Name::has_mimalloc);
    let mimalloc = newest_of(mimalloc);
    let read = |name: &Name| read(root, &root.join(ALL).join(name.to_string()));
    let mut newest = Vec::new();
    for name in newest_of(system) {
        let mut results = read(&name)?;
        let mut beside = mimalloc.iter();
        if let Some(beside) = beside.find(|other| other.architecture == name.architecture) {
            results.mimalloc = Some(Box::new(read(beside)?));
        }
        newest.push(results);
    }
    Ok(newest)
}

/// Of one date the first by name, so that `x86_64-2026-11-22-box` goes before `x86_64-2026-11-22-box-lto`.
fn newest_of(mut names: Vec<Name>) -> Vec<Name> {
    names.sort();
    let mut newest = BTreeMap::<String, Name>::new();
    for name in names {
        let kept = newest
            .entry(name.architecture.clone())
            .or_insert_with(|| name.clone());
        if name.date > kept.date {
            *kept = name;
        }
    }
    newest.into_values().collect()
}

/// Reads a folder.
pub(crate) fn read(root: &Path, folder: &Path) -> Result<Results, Box<dyn Error>> {
    let shown = folder.display();
    let inside = fs::canonicalize(folder).map_err(|error| format!("{shown}: {error}"))?;
    let inside = inside
        .strip_prefix(fs::canonicalize(root)?)
        .map_err(|_| format!("{shown}: is not in this repository"))?;
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    let name = parts
        .last()
        .and_then(|name| Name::parse(name))
        .ok_or_else(|| format!("{shown}: is not named ARCH-YYYY-MM-DD-NAME"))?;
    let rows = results::read(open(folder.join("raw.csv"))?)
        .map_err(|error| format!("{shown}/raw.csv: {error}"))?;
    if rows.is_empty() {
        return Err(format!("{shown}/raw.csv: has no rows").into());
    }
    let facts = read_facts(open(folder.join("facts.csv"))?)
        .map_err(|error| format!("{shown}/facts.csv: {error}"))?;
    Ok(Results {
        name,
        folder: parts.join("/"),
        facts,
        rows,
        mimalloc: None,
    })
}

fn open(path: PathBuf) -> Result<File, String> {
    File::open(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Each line is a name and a value, after a head.
fn read_facts(file: File) -> csv::Result<Vec<(String, String)>> {
    csv::Reader::from_reader(file).deserialize().collect()
}

#[cfg(test)]
mod tests {
    use super::{Name, newest_of};

    fn name(folder: &str) -> Name {
        Name::parse(folder).unwrap()
    }

    #[test]
    fn a_folder_is_named_after_architecture_date_and_machine() {
        let parsed = name("x86_64-2026-11-22-epyc-2-cores");
        assert_eq!(parsed.architecture, "x86_64");
        assert_eq!(parsed.date, "2026-11-22");
        assert_eq!(parsed.machine, "epyc-2-cores");
        assert_eq!(parsed.to_string(), "x86_64-2026-11-22-epyc-2-cores");
        for other in [
            "",
            "README.md",
            "x86_64",
            "x86_64-2026-11-22",
            "x86_64-2026-11-22-",
            "-2026-11-22-epyc",
            "x86_64-2026-1-22-epyc",
            "x86_64-20261122-epyc",
            "x86_64-2026-11-é2-epyc",
        ] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }

    #[test]
    fn of_each_architecture_the_newest_is_taken() {
        let names = [
            "x86_64-2026-11-22-epyc-lto",
            "x86_64-2026-11-22-epyc",
            "x86_64-2025-12-31-zen",
            "aarch64-2024-01-01-pi",
            "x86_64-2026-09-30-zen",
            "aarch64-2023-12-31-a",
        ];
        for rotated in 0..names.len() {
            let mut names = names.map(name);
            names.rotate_left(rotated);
            let newest = newest_of(names.to_vec());
            let newest: Vec<String> = newest.iter().map(Name::to_string).collect();
            assert_eq!(newest, ["aarch64-2024-01-01-pi", "x86_64-2026-11-22-epyc"]);
        }
    }
}
