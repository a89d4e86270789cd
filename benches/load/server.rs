//! A server under load: a child process, what it costs the processor, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A server that runs until this is dropped.
pub(crate) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Server {
    /// Starts `program`, with so many workers, on a free port.
    pub(crate) fn start(program: &Path, workers: usize) -> Self {
        let mut child = Command::new(program)
            .arg("127.0.0.1:0")
            .env("HEIST_WORKER_THREADS", workers.to_string())
            .env("TOKIO_WORKER_THREADS", workers.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut output = BufReader::new(child.stdout.take().expect("the output is a pipe"));
        let mut line = String::new();
        output
            .read_line(&mut line)
            .expect("the server says where it listens");
        let place = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("the server said {line:?}"));
        let address = place.trim_start_matches("http://").to_owned();
        Self {
            child,
            output,
            address,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the server by ctrl-c. What it said since it listens, in one line.
    pub(crate) fn stop(&mut self) -> String {
        let status = Command::new("kill")
            .args(["-INT", &self.id().to_string()])
            .status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "the server has ended before it was told to"
        );
        let mut said = String::new();
        self.output
            .read_to_string(&mut said)
            .expect("the server prints UTF-8");
        said.trim().replace('\n', "; ")
    }

    /// Sees that an http server says what is measured.
    pub(crate) fn check(&self) {
        let mut stream = TcpStream::connect(&self.address).expect("the server accepts");
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: load\r\nconnection: close\r\n\r\n")
            .expect("the server takes a request");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the server answers");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nHello, World!"), "{answer}");
    }

    /// Processor time used so far, by all its threads, those that have ended too.
    pub(crate) fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        // The name may hold anything; the fields after it do not. utime and stime are the 14th and 15th of all.
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("ticks"))
            .sum();
        // Linux shows times to users in hundredths of a second, on every machine.
        Duration::from_millis(10 * ticks)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
