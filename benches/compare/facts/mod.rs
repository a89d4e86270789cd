//! What one has to know of a run to make sense of its results. What cannot be found out is unknown.

mod machine;
mod software;
mod steal;

use crate::options::Options;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;
use steal::Ticks;

const UNKNOWN: &str = "unknown";

/// Facts in the order in which they are written.
#[derive(Debug)]
pub(crate) struct Facts {
    facts: Vec<(&'static str, String)>,
    begin: Instant,
    /// The processors' time when the run began.
    before: Option<Ticks>,
}

impl Facts {
    /// All that is known before the run, which begins now.
    pub(crate) fn gather(options: &Options) -> Self {
        let mut facts = Self {
            facts: Vec::new(),
            begin: Instant::now(),
            before: Ticks::now(),
        };
        let known = software::facts(options).into_iter();
        for (key, value) in known.chain(machine::facts()) {
            facts.add_found(key, value);
        }
        facts.add_found("steal_before", facts.before.map(Ticks::stolen));
        facts
    }

    /// What is known only when all is measured.
    pub(crate) fn end(&mut self) {
        self.add("seconds", self.begin.elapsed().as_secs());
        let after = Ticks::now();
        self.add_found("steal_after", after.map(Ticks::stolen));
        let during = after.zip(self.before);
        let share = during.and_then(|(after, before)| after.stolen_since(before));
        self.add_found(
            "steal",
            share.map(|share| format!("{:.2} %", share * 100.0)),
        );
    }

    pub(crate) fn add(&mut self, key: &'static str, value: impl ToString) {
        self.facts.push((key, value.to_string()));
    }

    fn add_found(&mut self, key: &'static str, value: Option<impl ToString>) {
        match value {
            Some(value) => self.add(key, value),
            None => self.add(key, UNKNOWN),
        }
    }

    /// The day of the run, in UTC.
    pub(crate) fn day(&self) -> &str {
        let mut facts = self.facts.iter();
        let date = facts.find(|(key, _)| *key == software::DATE);
        let date = date.map_or(UNKNOWN, |(_, date)| date.as_str());
        date.split('T').next().unwrap_or(date)
    }

    /// Writes the facts as CSV, with a head.
    pub(crate) fn write(&self, to: impl Write) -> csv::Result<()> {
        let mut writer = csv::Writer::from_writer(to);
        writer.write_record(["key", "value"])?;
        for (key, value) in &self.facts {
            writer.write_record([key, value.as_str()])?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// What a command prints, if it is there, succeeds and prints something.
pub(crate) fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let (succeeded, said) = run(program, arguments)?;
    (succeeded && !said.is_empty()).then_some(said)
}

/// Whether a command succeeded, and what it printed. None if there is no such command.
fn run(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(crate::root())
        .env("LC_ALL", "C")
        .stderr(Stdio::null())
        .output();
    let output = output.ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some((output.status.success(), said))
}

#[cfg(test)]
mod tests {
    use super::Facts;
    use crate::options::Options;

    #[test]
    fn facts_are_written_as_pairs_and_none_is_empty() {
        let mut facts = Facts::gather(&Options::default());
        facts.add("pinning", "2 workers: not pinned, \"for a reason\"");
        facts.end();
        let mut text = Vec::new();
        facts.write(&mut text).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        assert_eq!(reader.headers().unwrap(), vec!["key", "value"]);
        let pairs: Vec<(String, String)> = reader.deserialize().map(Result::unwrap).collect();
        assert_eq!(pairs.len(), facts.facts.len());
        for (key, value) in &pairs {
            assert!(!key.is_empty() && !value.is_empty(), "{key}: {value:?}");
            let same = pairs.iter().filter(|(other, _)| other == key);
            assert_eq!(same.count(), 1, "{key}");
        }
    }

    #[test]
    fn the_day_is_the_date_without_the_time() {
        let day = Facts::gather(&Options::default()).day().to_owned();
        assert!(day == "unknown" || day.split('-').count() == 3, "{day}");
    }
}
