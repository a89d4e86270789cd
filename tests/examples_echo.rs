//! The echo server of `examples/`: it echoes, and it stops in peace.
#![cfg(unix)]

mod common;

use common::example::{Example, rest_of};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Sends `sent` and reads as much back.
fn round_trip(stream: &mut TcpStream, sent: &[u8]) {
    stream.write_all(sent).expect("the server reads");
    let mut back = vec![0; sent.len()];
    stream.read_exact(&mut back).expect("the server answers");
    assert_eq!(back, sent);
}

#[test]
fn bytes_come_back_and_finished_connections_are_counted() {
    let echo = Example::start("echo");
    for n in 0..3 {
        let mut stream = echo.connect();
        round_trip(&mut stream, &[n; 1000]);
        stream.write_all(b"the last").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(rest_of(stream), "the last");
    }
    echo.interrupt();
    let (status, printed) = echo.end();
    assert!(status.success(), "{status}");
    let last = printed.last().map(String::as_str);
    let wanted = "stopped: 3 connections served, 0 cut off, 0 tasks alive";
    assert_eq!(last, Some(wanted), "{printed:?}");
}

#[test]
fn a_connection_that_is_open_at_ctrl_c_may_finish_and_no_new_one_begins() {
    let echo = Example::start("echo");
    let mut stream = echo.connect();
    round_trip(&mut stream, b"before");
    echo.interrupt();
    assert_eq!(echo.line(), "stopping: 1 connections open");
    // It could not be taken while somebody listens there.
    let address = TcpListener::bind(echo.address);
    assert!(address.is_ok(), "{address:?}");
    round_trip(&mut stream, b"after");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest_of(stream), "");
    assert_eq!(
        echo.line(),
        "stopped: 1 connections served, 0 cut off, 0 tasks alive"
    );
    assert!(echo.end().0.success());
}

#[test]
fn a_second_ctrl_c_cuts_off_what_is_open() {
    let echo = Example::start("echo");
    let mut streams = [echo.connect(), echo.connect()];
    for stream in &mut streams {
        round_trip(stream, b"before");
    }
    echo.interrupt();
    assert_eq!(echo.line(), "stopping: 2 connections open");
    let begun = Instant::now();
    echo.interrupt();
    assert_eq!(
        echo.line(),
        "stopped: 0 connections served, 2 cut off, 0 tasks alive"
    );
    // Without the second it takes ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert!(echo.end().0.success());
    for stream in streams {
        assert_eq!(rest_of(stream), "");
    }
}
