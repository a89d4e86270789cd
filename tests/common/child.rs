//! Tests that change what counts for the whole process: each in a process of its own.

use std::process::Command;

/// Says to the test binary that it is the child.
const MARK: &str = "HEIST_TEST_CHILD";

/// Whether the calling test, whose name is `test`, is in a process of its own. If not, it runs itself in one, with these
/// variables set, and fails where that fails.
#[track_caller]
pub(crate) fn enter(test: &str, variables: &[(&str, &str)]) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let binary = std::env::current_exe().expect("the path of this test binary");
    let child = Command::new(binary)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .envs(variables.iter().copied())
        .output()
        .expect("a child process");
    let (out, err) = (
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr),
    );
    assert!(
        child.status.success() && out.contains("1 passed"),
        "{test} in a process of its own: {}\n{out}\n{err}",
        child.status
    );
    false
}
