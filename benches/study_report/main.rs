//! Tables and plots from the results of `scripts/bench`, put into BENCHMARKS.md.

mod allocators;
mod canvas;
#[cfg(test)]
mod fixture;
mod folders;
mod introduction;
mod lines;
mod marks;
mod notes;
mod oversubscribed;
mod page;
mod scaling;
mod selection;
mod splice;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

const USAGE: &str = "usage: report [--check] [DIR...]
  DIR       folders under benches/results/ (default: of each architecture the newest, and beside it the newest
            with mimalloc)
  --check   change nothing, and exit with 1 if BENCHMARKS.md or a plot is not what would be written";

const DOCUMENT: &str = "BENCHMARKS.md";

/// A file's path and what it is to hold.
type Output = (PathBuf, String);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (flags, folders): (Vec<_>, Vec<_>) = arguments
        .into_iter()
        .partition(|argument| argument.starts_with('-'));
    let check = match flags.as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match report(Path::new("."), &folders, check) {
        Ok(stale) if check && !stale.is_empty() => {
            for path in stale {
                eprintln!("report: {} is not what is to be written", path.display());
            }
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("report: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The files that were not what they are to be. Unless this is only a check, they are now.
fn report(root: &Path, folders: &[String], check: bool) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut stale = Vec::new();
    for (path, text) in outputs(root, folders)? {
        if fs::read(&path).is_ok_and(|present| present == text.as_bytes()) {
            continue;
        }
        if !check {
            replace(&path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        stale.push(path);
    }
    Ok(stale)
}

/// All that is to be written, BENCHMARKS.md last.
fn outputs(root: &Path, folders: &[String]) -> Result<Vec<Output>, Box<dyn Error>> {
    let results = if folders.is_empty() {
        folders::newest(root)?
    } else {
        let folders = folders.iter();
        folders
            .map(|folder| folders::read(root, &root.join(folder)))
            .collect::<Result<_, _>>()?
    };
    if results.is_empty() {
        return Err("there are no results under benches/results: run scripts/bench".into());
    }
    let command = [&["scripts/report".to_owned()], folders].concat().join(" ");
    let page = page::page(&results, &command)?;
    let path = root.join(DOCUMENT);
    let document =
        fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let document = splice::splice(&document, &page.text)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let plots = page.plots.into_iter();
    let mut outputs: Vec<Output> = plots.map(|(path, svg)| (root.join(path), svg)).collect();
    outputs.push((path, document));
    Ok(outputs)
}

/// Writes a file beside it and renames that, so that it never is half of what it was or is to be.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENT, report};
    use crate::fixture::rows;
    use crate::splice::{BEGIN, END};
    use heist_benches::results;
    use std::fs::{self, File};
    use std::path::{Path, PathBuf};
    use std::{env, process};

    /// A repository with results, gone when dropped.
    struct Repository(PathBuf);

    impl Repository {
        fn new(name: &str, document: &str) -> Self {
            let root = env::temp_dir().join(format!("report-{}-{name}", process::id()));
            let new = Self(root);
            fs::create_dir_all(&new.0).unwrap();
            fs::write(new.document(), document).unwrap();
            for folder in ["x86_64-2026-01-31-new", "x86_64-2025-01-31-old"] {
                new.add_results(folder);
            }
            new
        }

        fn add_results(&self, folder: &str) {
            let folder = self.results().join(folder);
            fs::create_dir_all(&folder).unwrap();
            let raw = File::create(folder.join("raw.csv")).unwrap();
            results::write(raw, &rows()).unwrap();
            fs::write(folder.join("facts.csv"), "key,value\nkernel,\"a, b\"\n").unwrap();
        }

        fn results(&self) -> PathBuf {
            self.0.join("benches/results")
        }

        fn document(&self) -> PathBuf {
            self.0.join(DOCUMENT)
        }

        fn text(&self) -> String {
            fs::read_to_string(self.document()).unwrap()
        }

        fn report(&self, folders: &[&str], check: bool) -> Result<Vec<PathBuf>, String> {
            let folders: Vec<String> = folders.iter().map(|&folder| folder.to_owned()).collect();
            report(&self.0, &folders, check).map_err(|error| error.to_string())
        }
    }

    impl Drop for Repository {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn marked() -> String {
        format!("before\n{BEGIN}\nold\n{END}\nafter")
    }

    fn plots(folder: &Path) -> usize {
        fs::read_dir(folder.join("plots")).map_or(0, Iterator::count)
    }

    #[test]
    fn the_newest_results_are_written_and_a_check_finds_them_so() {
        let repository = Repository::new("newest", &marked());
        assert_eq!(repository.report(&[], true).unwrap().len(), 5);
        assert_eq!(repository.text(), marked(), "a check changes nothing");
        assert_eq!(repository.report(&[], false).unwrap().len(), 5);
        let text = repository.text();
        assert!(text.starts_with(&format!(
            "before\n{BEGIN}\n<!-- made by: scripts/report -->\n"
        )));
        assert!(text.ends_with(&format!("\n{END}\nafter")));
        assert!(
            text.contains("new, 2026-01-31") && text.contains("kernel: a, b"),
            "{text}"
        );
        assert_eq!(
            plots(&repository.results().join("x86_64-2026-01-31-new")),
            4
        );
        assert_eq!(
            plots(&repository.results().join("x86_64-2025-01-31-old")),
            0
        );
        assert_eq!(
            fs::read_dir(&repository.0).unwrap().count(),
            2,
            "nothing left over"
        );
        assert!(repository.report(&[], true).unwrap().is_empty());
    }

    #[test]
    fn a_check_finds_a_changed_document_and_a_changed_plot() {
        let repository = Repository::new("changed", &marked());
        repository.report(&[], false).unwrap();
        let plot = repository
            .results()
            .join("x86_64-2026-01-31-new/plots/spawn_latency.svg");
        fs::write(&plot, "<svg/>").unwrap();
        assert_eq!(repository.report(&[], true).unwrap(), [plot]);
        repository.report(&[], false).unwrap();
        fs::write(
            repository.document(),
            repository.text().replace("42.0 ns", "41.0 ns"),
        )
        .unwrap();
        assert_eq!(
            repository.report(&[], true).unwrap(),
            [repository.document()]
        );
    }

    #[test]
    fn folders_may_be_named_and_the_command_says_so() {
        let repository = Repository::new("named", &marked());
        let folder = "benches/results/x86_64-2025-01-31-old";
        repository.report(&[folder], false).unwrap();
        let text = repository.text();
        assert!(text.contains(&format!("<!-- made by: scripts/report {folder} -->")));
        assert!(text.contains("old, 2025-01-31") && !text.contains("2026-01-31"));
    }

    #[test]
    fn a_run_with_mimalloc_stands_beside_the_others_unless_it_is_named() {
        let repository = Repository::new("mimalloc", &marked());
        let folder = "x86_64-2026-02-28-new-mimalloc";
        repository.add_results(folder);
        repository.report(&[], false).unwrap();
        let text = repository.text();
        assert_eq!(text.matches("### x86_64\n").count(), 1, "{text}");
        assert!(text.contains("\nnew, 2026-01-31 ("), "{text}");
        let (_, beside) = text.split_once("#### With mimalloc\n").unwrap();
        assert!(beside.contains("new-mimalloc, 2026-02-28"), "{beside}");
        let ratio = "0.200 [0.200, 0.200]";
        let line = format!("| spawn_latency: worker           | {ratio} | {ratio} |");
        assert!(beside.contains(&line), "{beside}");
        let named = format!("benches/results/{folder}");
        repository.report(&[&named], false).unwrap();
        let text = repository.text();
        assert!(text.contains("\nnew-mimalloc, 2026-02-28 ("), "{text}");
        assert!(!text.contains("#### With mimalloc"), "{text}");
    }

    #[test]
    fn after_an_error_nothing_is_written() {
        let repository = Repository::new("error", "no markers\n");
        let error = repository.report(&[], false).unwrap_err();
        assert!(
            error.contains(DOCUMENT) && error.contains("missing"),
            "{error}"
        );
        assert_eq!(repository.text(), "no markers\n");
        assert_eq!(
            plots(&repository.results().join("x86_64-2026-01-31-new")),
            0
        );
    }

    #[test]
    fn what_is_wrong_with_a_folder_is_said() {
        let repository = Repository::new("wrong", &marked());
        let error = |folder: &str| repository.report(&[folder], false).unwrap_err();
        assert!(error("benches/results/none").contains("benches/results/none"));
        assert!(error("benches/results").contains("ARCH-YYYY-MM-DD-NAME"));
        let old = repository.results().join("x86_64-2025-01-31-old");
        fs::write(old.join("raw.csv"), "group,workload\n").unwrap();
        assert!(error("benches/results/x86_64-2025-01-31-old").contains("no rows"));
        fs::remove_file(old.join("raw.csv")).unwrap();
        assert!(error("benches/results/x86_64-2025-01-31-old").contains("raw.csv"));
        fs::remove_dir_all(repository.results()).unwrap();
        assert!(
            repository
                .report(&[], false)
                .unwrap_err()
                .contains("scripts/bench")
        );
        assert_eq!(repository.text(), marked());
    }
}
