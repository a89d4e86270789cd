//! Time that the host gave to others while this machine had work to do. Only virtual machines have it.

use std::fs;

/// What all processors have done since the machine was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    stolen: u64,
    all: u64,
}

impl Ticks {
    pub(super) fn now() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal. What guests took,
    /// which follows, is a part of user and nice.
    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?;
        let fields: Result<Vec<u64>, _> = fields.split_whitespace().map(str::parse).collect();
        let fields = fields.ok()?;
        Some(Self {
            stolen: *fields.get(7)?,
            all: fields[..8].iter().sum(),
        })
    }

    pub(super) fn stolen(self) -> String {
        format!("{} of {} ticks", self.stolen, self.all)
    }

    /// The stolen share of the time since `before`.
    pub(super) fn stolen_since(self, before: Self) -> Option<f64> {
        let all = self.all.checked_sub(before.all).filter(|&all| all > 0)?;
        Some(self.stolen.checked_sub(before.stolen)? as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::Ticks;

    #[test]
    fn stolen_time_is_the_eighth_figure() {
        let stat = "cpu  2000 10 500 3000 40 0 30 20 7 7\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        let before = Ticks::parse(stat).unwrap();
        assert_eq!((before.stolen, before.all), (20, 5_600));
        let later = "cpu  2050 10 500 3040 40 0 30 30 7 7\n";
        let after = Ticks::parse(later).unwrap();
        assert_eq!(after.stolen_since(before), Some(0.1));
        assert_eq!(before.stolen_since(before), None);
        assert_eq!(before.stolen_since(after), None);
    }

    #[test]
    fn what_is_no_such_file_gives_nothing() {
        for text in [
            "",
            "cpu  1 2 3\n",
            "intr 1 2 3 4 5 6 7 8\n",
            "cpu  a b c d e f g h\n",
        ] {
            assert_eq!(Ticks::parse(text), None, "{text:?}");
        }
    }
}
