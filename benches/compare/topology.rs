//! Which processors there are, and which of them share a core, where the system is Linux.

use std::fs;

/// The processors that are switched on.
pub(crate) fn online() -> Vec<usize> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online");
    text.ok().and_then(|text| list(&text)).unwrap_or_default()
}

/// What tells a processor's core from others: the list of its processors.
pub(crate) fn core(processor: usize) -> Option<String> {
    let file = format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
    fs::read_to_string(file).ok()
}

/// Reads a list of numbers and ranges: `0-3,8`.
fn list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let range = first.parse::<usize>().ok()?..=last.parse().ok()?;
        numbers.extend(range);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn lists_have_numbers_and_ranges() {
        assert_eq!(list("0\n"), Some(vec![0]));
        assert_eq!(list("0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(list(""), None);
        assert_eq!(list("all"), None);
    }
}
