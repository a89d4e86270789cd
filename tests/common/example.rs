//! An example program as a child process.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Lines, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// How long a test waits for anything that an example does. It needs no watchdog then, which would end the process of
/// the test and leave the example behind.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A server of `examples/` that runs. Dropping it kills it.
pub(crate) struct Example {
    child: Child,
    /// What it prints, line by line.
    printed: Receiver<String>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Example {
    /// Starts `examples/NAME.rs` at a free port, and waits until it listens.
    pub(crate) fn start(name: &str) -> Self {
        let mut child = Command::new(program(name))
            .arg("127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let printed = lines(BufReader::new(child.stdout.take().expect("a pipe")).lines());
        let mut example = Self {
            child,
            printed,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let line = example.line();
        let address = line.strip_prefix("listening on ");
        let address = address.map(|address| address.trim_start_matches("http://").parse());
        example.address = match address {
            Some(Ok(address)) => address,
            _ => panic!("not an address: {line:?}"),
        };
        example
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the example accepts");
        stream.set_read_timeout(Some(LIMIT)).expect("a limit");
        stream.set_write_timeout(Some(LIMIT)).expect("a limit");
        stream
    }

    /// The next line that it prints.
    pub(crate) fn line(&self) -> String {
        let line = self.printed.recv_timeout(LIMIT);
        line.expect("the example prints another line, soon")
    }

    /// Sends it a ctrl-c.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("a signal to the example");
    }

    /// Waits for its end. How it ended, and what it has printed and nobody read.
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = Vec::new();
        loop {
            match self.printed.recv_timeout(LIMIT) {
                Ok(line) => rest.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end; it said {rest:?}"),
            }
        }
        // It has closed its output, which only its end does.
        (self.child.wait().expect("its status"), rest)
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // An error says that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo puts examples beside the folder of the test binaries.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("the profile's folder");
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is missing: `cargo test` builds it, and so does `cargo build --examples`; `cargo test --test NAME` does not",
        program.display()
    );
    program
}

/// Passes on lines from a thread, so that they can be waited for with a limit.
fn lines(lines: Lines<BufReader<ChildStdout>>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in lines {
            // Nobody listens any more when the test is over.
            let _ = sender.send(line.expect("an example prints text"));
        }
    });
    receiver
}

/// What is left to read from `stream`, up to its end.
pub(crate) fn rest_of(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the rest, as text");
    text
}
