//! The load generators: wrk for the closed loop, oha for the open one.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What a generator measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    /// Latencies, in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// How many connections there are.
const CONNECTIONS: &str = "64";

/// Closed loop: each connection sends its next request when it has the answer to the last.
pub(crate) fn wrk(address: &str, time: Duration) -> Measured {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("load/wrk.lua");
    let duration = format!("-d{}s", time.as_secs());
    let said = output(
        Command::new("wrk")
            .args(["-t1", "-c", CONNECTIONS, &duration, "-s"])
            .arg(script)
            .arg(format!("http://{address}/")),
    );
    let line = said.lines().last().unwrap_or_default();
    let said: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("wrk said {said:?}: {error}"));
    let figure = |name: &str| said[name].as_f64().expect("a figure");
    assert!(figure("failed") == 0.0, "wrk had errors: {said}");
    Measured {
        requests: figure("requests"),
        per_second: figure("requests") / figure("micros") * 1e6,
        p50: figure("p50"),
        p99: figure("p99"),
        p999: figure("p99.9"),
    }
}

/// Open loop: so many requests are sent per second, whether or not the answers come; a request's time runs from when it should
/// have been sent.
pub(crate) fn oha(oha: &Path, address: &str, time: Duration, per_second: f64) -> Measured {
    let said = output(
        Command::new(oha)
            .args([
                "--no-tui",
                "--output-format",
                "json",
                "--latency-correction",
            ])
            .args(["--wait-ongoing-requests-after-deadline", "-c", CONNECTIONS])
            .args(["-z", &format!("{}s", time.as_secs())])
            .args(["-q", &format!("{per_second:.0}")])
            .arg(format!("http://{address}/")),
    );
    let said: Value =
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("oha said {said:?}: {error}"));
    let (summary, percentiles) = (&said["summary"], &said["latencyPercentiles"]);
    let rate = summary["requestsPerSec"].as_f64().expect("a rate");
    assert!(
        summary["successRate"].as_f64() == Some(1.0),
        "oha had errors: {}",
        said["errorDistribution"]
    );
    assert!(
        rate >= 0.95 * per_second,
        "oha sent {rate} requests per second instead of {per_second}"
    );
    let micros = |name: &str| 1e6 * percentiles[name].as_f64().expect("a latency");
    Measured {
        requests: rate * summary["total"].as_f64().expect("a time"),
        per_second: rate,
        p50: micros("p50"),
        p99: micros("p99"),
        p999: micros("p99.9"),
    }
}

fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).expect("generators print UTF-8")
}

/// Where `program` is, if it is anywhere.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
