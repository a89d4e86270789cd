//! Medians, and how far they can be trusted.

use crate::results::Row;
use std::collections::BTreeMap;

/// The median; of an even number of values the mean of the middle two.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

/// A median over launches, and the interval in which it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The median of the launches' figures.
    pub median: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How many samples the bootstrap draws.
const RESAMPLES: usize = 2_000;

/// The median of the launches' figures, with the 95 % interval of the percentile bootstrap (Efron, "Bootstrap Methods: Another
/// Look at the Jackknife", 1979): medians of as many figures, drawn with replacement. The same figures always give the same interval.
/// With few launches it is hardly more than their range.
pub fn estimate(launches: &[f64]) -> Option<Estimate> {
    let median_of_all = median(launches.iter().copied())?;
    let mut rng = fastrand::Rng::with_seed(1979);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| median((0..launches.len()).map(|_| launches[rng.usize(..launches.len())])))
        .collect();
    medians.sort_by(f64::total_cmp);
    Some(Estimate {
        median: median_of_all,
        low: medians[RESAMPLES / 40],
        high: medians[RESAMPLES - 1 - RESAMPLES / 40],
    })
}

/// What each launch measured at a workload for a runtime: the median of its slices, by launch.
pub fn per_launch(rows: &[Row], workload: &str, runtime: &str) -> BTreeMap<usize, f64> {
    by_launch(rows, workload, runtime, |row| row.value)
}

/// As [`per_launch`], of processor time.
pub fn processor_per_launch(rows: &[Row], workload: &str, runtime: &str) -> BTreeMap<usize, f64> {
    by_launch(rows, workload, runtime, |row| row.processor)
}

fn by_launch(
    rows: &[Row],
    workload: &str,
    runtime: &str,
    figure: impl Fn(&Row) -> Option<f64>,
) -> BTreeMap<usize, f64> {
    let mut slices = BTreeMap::<usize, Vec<f64>>::new();
    for row in rows {
        if row.workload == workload
            && row.runtime == runtime
            && let Some(figure) = figure(row)
        {
            slices.entry(row.launch).or_default().push(figure);
        }
    }
    let medians = slices
        .into_iter()
        .filter_map(|(launch, slices)| Some((launch, median(slices)?)));
    medians.collect()
}

/// The ratio of two runtimes at a workload: taken within each launch, then the median over the launches. There is none to a peer that
/// took nothing.
pub fn ratio(rows: &[Row], workload: &str, runtime: &str, peer: &str) -> Option<Estimate> {
    let peers = per_launch(rows, workload, peer);
    let ratios: Vec<f64> = per_launch(rows, workload, runtime)
        .into_iter()
        .filter_map(|(launch, figure)| {
            let peer = peers.get(&launch).filter(|peer| **peer != 0.0)?;
            Some(figure / peer)
        })
        .collect();
    estimate(&ratios)
}

#[cfg(test)]
mod tests {
    use super::{estimate, median, ratio};
    use crate::results::{NANOSECONDS, Row};

    fn row(runtime: &str, launch: usize, value: f64) -> Row {
        Row {
            group: "group".to_owned(),
            workload: "work".to_owned(),
            runtime: runtime.to_owned(),
            workers: 2,
            launch,
            slice: 0,
            unit: NANOSECONDS.to_owned(),
            value: Some(value),
            processor: None,
            threads: None,
            reason: None,
        }
    }

    #[test]
    fn medians_of_odd_even_and_no_values() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }

    #[test]
    fn the_interval_holds_the_median_and_shrinks_with_agreement() {
        let wide = estimate(&[1.0, 5.0, 9.0, 2.0, 7.0]).unwrap();
        let narrow = estimate(&[4.9, 5.0, 5.1, 5.0, 5.0]).unwrap();
        for estimate in [wide, narrow] {
            assert!(estimate.low <= estimate.median && estimate.median <= estimate.high);
        }
        assert!(narrow.high - narrow.low < wide.high - wide.low);
        assert_eq!(estimate(&[]), None);
        let one = estimate(&[3.0]).unwrap();
        assert_eq!((one.low, one.median, one.high), (3.0, 3.0, 3.0));
    }

    #[test]
    fn the_ratio_is_the_median_of_the_launches_ratios() {
        let rows = [
            row("heist", 0, 10.0),
            row("tokio", 0, 100.0),
            row("heist", 1, 90.0),
            row("tokio", 1, 300.0),
            row("heist", 2, 20.0),
            row("tokio", 2, 100.0),
            row("heist", 3, 7.0),
            row("heist", 4, 7.0),
            row("tokio", 4, 0.0),
        ];
        let ratio = ratio(&rows, "work", "heist", "tokio").unwrap();
        assert_eq!(ratio.median, 0.2);
    }

    #[test]
    fn there_is_no_ratio_to_nothing() {
        let rows = [row("heist", 0, 10.0), row("tokio", 0, 0.0)];
        assert_eq!(ratio(&rows, "work", "heist", "tokio"), None);
    }
}
