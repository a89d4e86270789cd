//! What is taken down of the wakes.

use hdrhistogram::Histogram;
use heist_benches::launch::Figure;
use heist_benches::process::{processor_time, threads};
use std::time::{Duration, Instant};

/// What was measured.
pub(crate) struct Wakes {
    /// From wake to poll, in nanoseconds.
    latencies: Histogram<u64>,
    /// Nanoseconds of processor time per wake, of all threads.
    pub(crate) processor: Option<f64>,
    /// Threads of the program meanwhile.
    threads: Option<usize>,
}

/// Suffixes of the rows.
const PERCENTILES: [(&str, f64); 4] = [
    ("_p50", 0.5),
    ("_p90", 0.9),
    ("_p99", 0.99),
    ("_p99.9", 0.999),
];

impl Wakes {
    pub(crate) fn percentiles(&self) -> Vec<Figure> {
        // Beyond a percentile there have to be ten wakes, or the figure is one of the longest few.
        let known = |quantile: &f64| self.latencies.len() as f64 * (1.0 - quantile) >= 9.9;
        let told = PERCENTILES
            .into_iter()
            .filter(|(_, q)| *q < 0.9 || known(q));
        let figures = told.map(|(suffix, quantile)| Figure {
            suffix,
            value: self.latencies.value_at_quantile(quantile) as f64,
            processor: self.processor,
            threads: self.threads,
        });
        figures.collect()
    }
}

/// Takes wakes down until its time is over.
pub(crate) struct Meter {
    latencies: Histogram<u64>,
    time: Duration,
    processor_before: Option<Duration>,
    begin: Instant,
}

/// Longer latencies count as this one, of a minute.
const LONGEST: u64 = 60_000_000_000;

impl Meter {
    pub(crate) fn start(time: Duration) -> Self {
        let latencies = Histogram::new_with_bounds(1, LONGEST, 3);
        Self {
            latencies: latencies.expect("bounds and digits as histograms have them"),
            time,
            processor_before: processor_time(),
            begin: Instant::now(),
        }
    }

    /// Whether there is time for another wake, or none was made yet.
    pub(crate) fn goes_on(&self) -> bool {
        self.latencies.is_empty() || self.begin.elapsed() < self.time
    }

    pub(crate) fn record(&mut self, woken: Instant, polled: Instant) {
        let latency = polled.checked_duration_since(woken);
        let latency = latency.expect("a poll comes after its wake").as_nanos();
        self.latencies
            .saturating_record(u64::try_from(latency).unwrap_or(LONGEST));
    }

    pub(crate) fn stop(self) -> Wakes {
        let used = processor_time()
            .zip(self.processor_before)
            .map(|(now, before)| now - before);
        let wakes = self.latencies.len();
        Wakes {
            latencies: self.latencies,
            processor: used.map(|used| used.as_nanos() as f64 / wakes as f64),
            threads: threads(),
        }
    }
}
