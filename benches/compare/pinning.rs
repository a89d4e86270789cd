//! Keeping a launch on a few of many processors: one more than it has workers, so that a run does not depend on where
//! the system happens to put its threads.

use crate::topology;
use std::collections::HashSet;
use std::thread;

/// The processors that there are to choose from.
#[derive(Debug)]
pub(crate) struct Pinning {
    /// Those this program may run on. Empty where the system has no means to choose.
    allowed: Vec<usize>,
    /// How many of them it can keep busy.
    processors: usize,
}

impl Pinning {
    pub(crate) fn new() -> Self {
        Self {
            allowed: allowed(),
            processors: thread::available_parallelism().map_or(1, usize::from),
        }
    }

    pub(crate) fn processors(&self) -> usize {
        self.processors
    }

    /// Has this thread, and the processes that it starts from now on, run on the processors chosen for so many workers;
    /// on all that are allowed if none are chosen, and an error says why.
    pub(crate) fn pin(&self, workers: usize) -> Result<Vec<usize>, String> {
        let chosen = choose(&self.allowed, self.processors, workers, topology::core);
        set(chosen.as_ref().unwrap_or(&self.allowed))?;
        chosen
    }
}

/// Of those allowed one more than there are workers, on cores of their own if there are as many.
fn choose(
    allowed: &[usize],
    processors: usize,
    workers: usize,
    core: impl Fn(usize) -> Option<String>,
) -> Result<Vec<usize>, String> {
    if allowed.is_empty() {
        return Err("that is done on Linux only".to_owned());
    }
    if processors <= workers + 2 {
        return Err(format!(
            "{processors} processors are available, and it takes more than workers + 2"
        ));
    }
    let mut cores = HashSet::new();
    let (mut chosen, siblings): (Vec<usize>, Vec<usize>) = allowed
        .iter()
        .copied()
        .partition(|&processor| core(processor).is_none_or(|core| cores.insert(core)));
    chosen.extend(siblings);
    chosen.truncate(workers + 1);
    Ok(chosen)
}

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let set = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|&p| set.is_set(p)).collect()
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn set(processors: &[usize]) -> Result<(), String> {
    use rustix::thread::{CpuSet, sched_setaffinity};
    let mut set = CpuSet::new();
    for &processor in processors {
        set.set(processor);
    }
    sched_setaffinity(None, &set).map_err(|error| error.to_string())
}

#[cfg(not(target_os = "linux"))]
fn set(_processors: &[usize]) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Pinning, choose};

    /// Processors 0 and 4, 1 and 5 and so on share a core.
    fn core(processor: usize) -> Option<String> {
        Some((processor % 4).to_string())
    }

    #[test]
    fn cores_of_their_own_come_first() {
        let all = [0, 1, 4, 5, 2, 3, 6, 7];
        assert_eq!(choose(&all, 8, 3, core).unwrap(), [0, 1, 2, 3]);
        assert_eq!(choose(&all, 8, 4, core).unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(choose(&all, 8, 1, |_| None).unwrap(), [0, 1]);
    }

    #[test]
    fn few_processors_are_left_to_the_system() {
        assert!(choose(&[0, 1, 2, 3], 4, 2, core).is_err());
        assert!(choose(&[0, 1, 2, 3, 4], 5, 2, core).is_ok());
        let quota = choose(&[0, 1, 2, 3, 4], 2, 2, core);
        assert!(quota.unwrap_err().contains("2 processors"));
        assert!(choose(&[], 64, 2, core).unwrap_err().contains("Linux"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_runs_where_it_is_pinned() {
        let pinning = Pinning::new();
        let only = pinning.allowed[0];
        super::set(&[only]).unwrap();
        assert_eq!(super::allowed(), [only]);
        assert!(pinning.pin(usize::MAX / 2).is_err());
        assert_eq!(super::allowed(), pinning.allowed);
    }
}
