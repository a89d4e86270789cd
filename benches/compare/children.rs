//! Programs that print rows: launches of this one, and those that measure beside it.

use heist_benches::results::{self, Row};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program with so many workers, and returns the rows that it printed. An error says what went wrong.
pub(crate) fn rows(
    program: &Path,
    workers: usize,
    arguments: &[String],
) -> Result<Vec<Row>, String> {
    let workers = workers.to_string();
    let output = Command::new(program)
        .args(arguments)
        .env("HEIST_BENCH_WORKERS", &workers)
        .env("HEIST_WORKER_THREADS", &workers)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("it could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("it failed ({})", output.status));
    }
    results::read(output.stdout.as_slice())
        .map_err(|error| format!("it printed something else than rows: {error}"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::rows;
    use std::path::Path;

    fn shell(script: &str) -> Result<usize, String> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        rows(Path::new("/bin/sh"), 3, &arguments).map(|rows| rows.len())
    }

    #[test]
    fn rows_are_read_and_what_went_wrong_is_said() {
        let head =
            "group,workload,runtime,workers,launch,slice,unit,value,processor,threads,reason";
        let row = "g,w,r,$HEIST_BENCH_WORKERS,0,0,ns,1.5,,,";
        assert_eq!(shell(&format!("echo {head}; echo {row}")), Ok(1));
        assert_eq!(shell("true"), Ok(0));
        assert!(shell("exit 3").unwrap_err().contains("it failed"));
        let error = shell(&format!("echo {head}; echo g,w")).unwrap_err();
        assert!(error.contains("something else than rows"), "{error}");
        let missing = rows(Path::new("/nowhere/at/all"), 3, &[]);
        assert!(missing.unwrap_err().contains("could not be started"));
    }
}
