//! What another allocator changes: the ratios of a run with mimalloc beside those of a run with the system's.

use crate::folders::Results;
use crate::notes::launches;
use crate::page::by_group;
use crate::selection::of_usual_workers;
use heist_benches::report::{Detail, aligned, ratio_text};
use heist_benches::results::distinct;
use heist_benches::statistics::ratio;
use std::collections::BTreeMap;

/// The ratio that is shown.
const RATIO: (&str, &str) = ("heist", "tokio");

/// A section with the ratios of both runs.
pub(crate) fn beside(system: &Results, mimalloc: &Results, workers: usize) -> String {
    let (of, to) = RATIO;
    let Results { name, folder, .. } = mimalloc;
    let known = ratios(system, workers);
    let known: BTreeMap<_, _> = known.into_iter().collect();
    let mut lines = vec![vec![
        format!("{of}/{to}"),
        "system's".to_owned(),
        "mimalloc".to_owned(),
    ]];
    for (workload, with_mimalloc) in ratios(mimalloc, workers) {
        let with_system = known.get(&workload).cloned().unwrap_or_default();
        lines.push(vec![workload, with_system, with_mimalloc]);
    }
    format!(
        "\n#### With mimalloc\n\n\
         The ratios above are with the system's allocator. Beside them stand those of a run with mimalloc: {}, {}, {} launches ([all facts]({folder}/facts.csv), [all rows]({folder}/raw.csv)). \
         Within each run the runtimes took turns; the two runs did not.\n\n{}",
        name.machine,
        name.date,
        launches(&mimalloc.rows),
        aligned(&lines),
    )
}

/// The ratio at each workload that has one.
fn ratios(results: &Results, workers: usize) -> Vec<(String, String)> {
    let (of, to) = RATIO;
    let mut ratios = Vec::new();
    for (group, rows) in by_group(&results.rows) {
        let rows = of_usual_workers(&rows, workers);
        for workload in distinct(&rows, |row| &row.workload) {
            if let Some(ratio) = ratio(&rows, workload, of, to) {
                let name = format!("{group}: {workload}");
                ratios.push((name, ratio_text(ratio, Detail::Interval)));
            }
        }
    }
    ratios
}
