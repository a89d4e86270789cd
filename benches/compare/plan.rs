//! How much is measured, and how the time is shared out among the cells.

use crate::oversubscribed;
use heist_benches::cells::{Cell, Group};
use std::time::Duration;

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How often the program is launched.
    pub(crate) launches: usize,
    /// What all launches together may take, about.
    pub(crate) time: Duration,
    /// How many slices of a cell a launch has at most.
    rounds: u32,
    /// How long a slice is at most.
    slice: Duration,
    /// With these numbers of workers, of those that are more than there are processors, a few workloads are measured as well, and beside them with the usual
    /// number.
    oversubscribed: &'static [usize],
}

/// Within 25 minutes.
pub(crate) const FULL: Plan = Plan {
    launches: 9,
    time: Duration::from_secs(23 * 60),
    rounds: 5,
    slice: Duration::from_millis(100),
    oversubscribed: &[4, 8, 16, 64],
};

/// Within two minutes.
pub(crate) const QUICK: Plan = Plan {
    launches: 5,
    time: Duration::from_secs(105),
    rounds: 2,
    slice: Duration::from_millis(40),
    oversubscribed: &[],
};

/// Slices are no shorter, even if there is no time left.
const SHORTEST: Duration = Duration::from_millis(5);

/// A slice costs so many times its length: it is warmed up, its runtime is started and stopped.
const COST: u32 = 2;

/// The groups that are also measured with other numbers of workers.
const SCALING: [&str; 2] = ["gather_throughput", "skynet"];

/// How long each cell of a workload is measured in a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) rounds: u32,
    pub(crate) slice: Duration,
}

impl Plan {
    /// The portion of each of so many cells that have this time left together.
    pub(crate) fn portion(&self, left: Duration, cells: usize) -> Portion {
        let slices = part(left, 1, cells) / COST;
        let rounds = slices.as_nanos().div_ceil(self.slice.as_nanos());
        let rounds = rounds.clamp(1, self.rounds.into()) as u32;
        Portion {
            rounds,
            slice: (slices / rounds).clamp(SHORTEST, self.slice),
        }
    }

    /// The portion of a cell in a launch when there are so many cells, before anything is known of what they take.
    pub(crate) fn first_portion(&self, cells: usize) -> Portion {
        self.portion(part(self.time, 1, self.launches), cells)
    }

    /// What all launches of so many cells take, about.
    pub(crate) fn takes(&self, cells: usize) -> Duration {
        let launches = self.launches as u32;
        self.first_portion(cells).share() * cells as u32 * launches
    }
}

impl Portion {
    /// What a cell may take in a launch.
    pub(crate) fn share(self) -> Duration {
        self.slice * self.rounds * COST
    }
}

/// What is due to `some` of `all` cells or launches that have this time together.
pub(crate) fn part(time: Duration, some: usize, all: usize) -> Duration {
    time.mul_f64(some as f64 / all.max(1) as f64)
}

/// What one process measures in a launch.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) workers: usize,
    pub(crate) groups: Vec<Group>,
    /// Whether only those workloads are measured that are for more workers than processors.
    pub(crate) oversubscribed: bool,
    /// How many cells there are to be measured.
    pub(crate) cells: usize,
}

impl Job {
    fn new(workers: usize, groups: &[Group]) -> Self {
        Self {
            workers,
            groups: groups.to_vec(),
            oversubscribed: false,
            cells: measured(groups.iter().flat_map(Group::cells)),
        }
    }

    fn oversubscribed(workers: usize, group: Group) -> Self {
        Self {
            workers,
            cells: measured(oversubscribed::cells(&group).into_iter()),
            groups: vec![group],
            oversubscribed: true,
        }
    }
}

/// How many of the cells there are to be measured.
fn measured(cells: impl Iterator<Item = Cell>) -> usize {
    cells.filter(|cell| cell.reason().is_none()).count()
}

/// All groups with each of the numbers of workers that are asked for. If none is: with `base`, and the scaling groups
/// also with the powers of two up to the number of processors, and a few workloads with more.
pub(crate) fn jobs(
    plan: &Plan,
    groups: &[Group],
    asked: &[usize],
    base: usize,
    processors: usize,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    if asked.is_empty() {
        let scaling = groups.iter().filter(|group| SCALING.contains(&group.name));
        let scaling: Vec<Group> = scaling.copied().collect();
        let powers = (0..usize::BITS).map(|exponent| 1 << exponent);
        let numbers = powers.take_while(|&number| number <= processors);
        let others = numbers.filter(|&number| number != base);
        jobs.push(Job::new(base, groups));
        jobs.extend(others.map(|number| Job::new(number, &scaling)));
        let more = plan.oversubscribed.iter().copied();
        let more = more.filter(|&number| number > processors && number != base);
        let more: Vec<usize> = more.collect();
        // One right after the other, since processors are faster at some times than at others.
        for group in oversubscribed::groups(groups) {
            let usual = (!more.is_empty()).then_some(base);
            let numbers = usual.into_iter().chain(more.iter().copied());
            jobs.extend(numbers.map(|number| Job::oversubscribed(number, group)));
        }
    } else {
        jobs.extend(asked.iter().map(|&number| Job::new(number, groups)));
    }
    jobs.retain(|job| !job.groups.is_empty());
    jobs
}

#[cfg(test)]
mod tests {
    use super::{FULL, Plan, QUICK, SHORTEST, jobs, part};
    use heist_benches::cells::{GROUPS, group};
    use std::time::Duration;

    #[test]
    fn many_cells_fill_the_time_and_few_take_less() {
        for plan in [&QUICK, &FULL] {
            for cells in [100, 200, 300, 500, 1_000] {
                let takes = plan.takes(cells);
                assert!(takes <= plan.time, "{plan:?}, {cells}: {takes:?}");
            }
            let takes = plan.takes(500);
            assert!(takes > plan.time.mul_f64(0.99), "{plan:?}: {takes:?}");
            assert!(plan.takes(4) < plan.time / 10);
            assert_eq!(plan.takes(0), Duration::ZERO);
        }
    }

    #[test]
    fn more_time_first_makes_longer_slices_and_then_more_of_them() {
        let portion = |seconds| {
            let portion = QUICK.portion(Duration::from_secs(seconds), 100);
            (portion.rounds, portion.slice.as_millis())
        };
        assert_eq!(portion(4), (1, 20));
        assert_eq!(portion(8), (1, 40));
        assert_eq!(portion(12), (2, 30));
        assert_eq!(portion(16), (2, 40));
        assert_eq!(portion(600), (2, 40));
    }

    #[test]
    fn without_any_time_left_a_cell_still_gets_a_short_slice() {
        let portion = FULL.portion(Duration::ZERO, 10);
        assert_eq!((portion.rounds, portion.slice), (1, SHORTEST));
        assert_eq!(FULL.portion(Duration::ZERO, 0), portion);
    }

    #[test]
    fn a_part_is_proportional() {
        let second = Duration::from_secs(1);
        assert_eq!(part(second, 1, 4), second / 4);
        assert_eq!(part(second, 4, 4), second);
        assert_eq!(part(second, 0, 0), Duration::ZERO);
    }

    fn numbers(asked: &[usize], base: usize, processors: usize) -> Vec<(usize, usize)> {
        let jobs = jobs(&QUICK, GROUPS, asked, base, processors);
        jobs.iter().map(|j| (j.workers, j.groups.len())).collect()
    }

    #[test]
    fn scaling_groups_get_the_powers_of_two_up_to_the_processors() {
        let all = GROUPS.len();
        assert_eq!(numbers(&[], 2, 2), [(2, all), (1, 2)]);
        assert_eq!(numbers(&[], 2, 6), [(2, all), (1, 2), (4, 2)]);
        assert_eq!(numbers(&[], 3, 1), [(3, all), (1, 2)]);
        assert_eq!(numbers(&[1, 3], 2, 16), [(1, all), (3, all)]);
        let alone = jobs(&FULL, &[group("timers")], &[], 2, 16);
        assert_eq!(alone.len(), 1, "timers is no scaling group");
    }

    #[test]
    fn a_full_run_has_more_workers_than_processors_beside_the_usual_number() {
        let more = |asked: &[usize], base, processors| {
            let jobs = jobs(&FULL, GROUPS, asked, base, processors);
            let more = jobs.into_iter().filter(|job| job.oversubscribed);
            more.collect::<Vec<_>>()
        };
        let numbers = |base, processors| {
            let jobs = more(&[], base, processors).into_iter();
            jobs.map(|job| job.workers).collect::<Vec<_>>()
        };
        assert_eq!(numbers(2, 2)[..6], [2, 4, 8, 16, 64, 2]);
        assert_eq!(numbers(8, 2)[..5], [8, 4, 16, 64, 8]);
        assert_eq!(numbers(2, 16)[..3], [2, 64, 2]);
        assert!(numbers(2, 64).is_empty());
        assert!(more(&[1, 4], 2, 2).is_empty(), "the numbers were asked for");
        let cells: usize = more(&[], 2, 2).iter().map(|job| job.cells).sum();
        assert_eq!(cells, 5 * 10, "five workloads of two runtimes, five times");
    }

    #[test]
    fn what_a_plan_promises_is_what_the_usage_says() {
        assert!(QUICK.time < Duration::from_secs(120));
        assert!(FULL.time < Duration::from_secs(25 * 60));
        let odd = |plan: &Plan| plan.launches % 2 == 1;
        assert!(odd(&QUICK) && odd(&FULL), "medians are launches");
    }
}
