//! What stands before the figures of a run: whose they are, and how they are to be read.

use crate::folders::Results;
use crate::notes::{counted, launches};

/// The facts of a machine and a run that stand beside the figures.
const SHOWN: [&str; 17] = [
    "processor",
    "cores",
    "processors",
    "smt",
    "governor",
    "virtualization",
    "kernel",
    "atomics",
    "steal",
    "pinning",
    "left_out",
    "rustc",
    "profile",
    "allocator",
    "rustflags",
    "tokio",
    "async-executor",
];

/// Values of facts that tell nothing.
const UNTOLD: [&str; 2] = ["unknown", "nothing"];

/// Whose figures these are, and how they are to be read.
pub(crate) fn introduction(results: &Results, workers: usize) -> String {
    let Results { name, folder, .. } = results;
    let launches = launches(&results.rows);
    let shown = SHOWN.iter().filter_map(|shown| {
        let value = results
            .fact(shown)
            .filter(|value| !UNTOLD.contains(value))?;
        let words: Vec<&str> = value.split_whitespace().collect();
        Some(format!("{shown}: {}", words.join(" ")))
    });
    let shown: Vec<String> = shown.collect();
    format!(
        "\n### {}\n\n{}, {} ([all facts]({folder}/facts.csv), [all rows]({folder}/raw.csv)). {}.\n\n\
         {}, unless it says otherwise. The figures are medians over the launches of the program ({launches}); times are per operation. \
         In brackets stands the interval in which the median lies with 95 % (bootstrap over the launches). Ratios below 1 are in heist's favour. \
         An empty cell: nobody claims that this runtime, or this way of using it, belongs to that workload.\n",
        name.architecture,
        name.machine,
        name.date,
        shown.join("; "),
        counted(workers),
    )
}
