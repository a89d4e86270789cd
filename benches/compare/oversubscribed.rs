//! More workers than processors: a few workloads of two runtimes, beside the same with the usual number of workers.

use heist_benches::cells::{Cell, Group};
use heist_benches::results::{OVERSUBSCRIBED, Row};

/// The workloads by their groups.
const WORKLOADS: [(&str, &str); 5] = [
    ("gather_throughput", "yield_10000"),
    ("gather_throughput", "work_1us_10000"),
    ("yield_now", "tasks_200"),
    ("skynet", "leaves_100000"),
    ("tcp_echo", "conns_64"),
];

const RUNTIMES: [&str; 2] = ["heist", "tokio"];

/// Those of the groups that have such a workload.
pub(crate) fn groups(groups: &[Group]) -> Vec<Group> {
    let has_some = |group: &&Group| WORKLOADS.iter().any(|(name, _)| *name == group.name);
    groups.iter().filter(has_some).copied().collect()
}

/// The cells of a group that are measured so.
pub(crate) fn cells(group: &Group) -> Vec<Cell> {
    let mut cells = group.cells();
    cells.retain(|cell| {
        WORKLOADS.contains(&(group.name, cell.workload)) && RUNTIMES.contains(&cell.runtime)
    });
    cells
}

/// A row of such a cell. It is no row of its group, where there is one with the usual number of workers already.
pub(crate) fn apart(row: Row) -> Row {
    Row {
        group: OVERSUBSCRIBED.to_owned(),
        workload: format!("{}: {}", row.group, row.workload),
        ..row
    }
}

#[cfg(test)]
mod tests {
    use super::{RUNTIMES, WORKLOADS, cells, groups};
    use heist_benches::cells::GROUPS;

    #[test]
    fn each_workload_has_a_cell_for_each_runtime() {
        let found: usize = groups(GROUPS).iter().map(|group| cells(group).len()).sum();
        assert_eq!(found, WORKLOADS.len() * RUNTIMES.len());
    }
}
