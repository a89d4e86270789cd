//! The reactor with real sources, driven by hand.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Reactor;
use super::poller::Until;
use super::readiness::{Direction, Seen};
use super::source::Source;

const SOON: Duration = Duration::from_secs(10);

/// A registered end of a pair, and its peer.
struct Pair<'a> {
    reactor: &'a Reactor,
    source: Arc<Source>,
    end: UnixStream,
    peer: UnixStream,
}

impl<'a> Pair<'a> {
    fn new(reactor: &'a Reactor) -> Self {
        let (end, peer) = UnixStream::pair().unwrap();
        end.set_nonblocking(true).unwrap();
        // SAFETY: `end` stays open until it is deregistered: `drop` does so, and closes it afterwards.
        let source = unsafe { reactor.register(end.as_raw_fd()) }.unwrap();
        Self {
            reactor,
            source,
            end,
            peer,
        }
    }

    /// As an operation does it: what was seen if the word says ready, else the waiter is registered.
    fn poll(&self, direction: Direction) -> Poll<Seen> {
        let mut cx = Context::from_waker(Waker::noop());
        let seen = self.source.readiness().poll(direction, &mut cx, None);
        if seen.is_pending() {
            self.reactor.arm(&self.source, direction).unwrap();
        }
        seen
    }

    /// Reads until it would block, then waits.
    fn drain(&mut self) {
        while let Poll::Ready(seen) = self.poll(Direction::Read) {
            while self.end.read(&mut [0; 64]).is_ok_and(|n| n > 0) {}
            self.source.readiness().clear(Direction::Read, seen);
        }
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        self.reactor.deregister(&self.source);
    }
}

fn wait(reactor: &Reactor) -> usize {
    let mut ready = Vec::new();
    reactor
        .wait(Until::Deadline(Instant::now() + SOON), &mut ready)
        .unwrap();
    ready.len()
}

/// Lets the events of registration go by.
fn settle(reactor: &Reactor) {
    reactor.wait(Until::Now, &mut Vec::new()).unwrap();
}

#[test]
fn a_waiter_is_woken_by_each_new_event() {
    let reactor = Reactor::new().unwrap();
    let mut pair = Pair::new(&reactor);
    settle(&reactor);
    for _ in 0..3 {
        pair.drain();
        pair.peer.write_all(b"x").unwrap();
        assert_eq!(wait(&reactor), 1);
        assert!(pair.poll(Direction::Read).is_ready());
    }
}

#[test]
fn a_waiter_is_woken_by_the_end_of_the_stream() {
    let reactor = Reactor::new().unwrap();
    let mut pair = Pair::new(&reactor);
    settle(&reactor);
    pair.drain();
    pair.peer.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(wait(&reactor), 1);
}

#[test]
fn waiters_of_both_directions_each_get_their_event() {
    let reactor = Reactor::new().unwrap();
    let mut pair = Pair::new(&reactor);
    settle(&reactor);
    pair.drain();
    while let Poll::Ready(seen) = pair.poll(Direction::Write) {
        while pair.end.write(&[0; 4096]).is_ok() {}
        pair.source.readiness().clear(Direction::Write, seen);
    }
    pair.peer.write_all(b"x").unwrap();
    assert_eq!(wait(&reactor), 1);
    assert!(pair.poll(Direction::Read).is_ready());
    assert!(pair.poll(Direction::Write).is_pending());
    pair.peer.set_nonblocking(true).unwrap();
    while pair.peer.read(&mut [0; 4096]).is_ok() {}
    while pair.poll(Direction::Write).is_pending() {
        assert_eq!(wait(&reactor), 1);
    }
}

#[test]
fn asking_anew_brings_back_what_is_there_already() {
    let reactor = Reactor::new().unwrap();
    let mut pair = Pair::new(&reactor);
    pair.peer.write_all(b"x").unwrap();
    settle(&reactor);
    for _ in 0..3 {
        reactor.ask_anew(&pair.source, Direction::Read).unwrap();
        while pair.poll(Direction::Read).is_pending() {
            wait(&reactor);
        }
    }
    pair.drain();
    reactor.ask_anew(&pair.source, Direction::Read).unwrap();
    settle(&reactor);
    assert!(pair.poll(Direction::Read).is_pending());
}

#[test]
fn closing_reaches_every_source() {
    let reactor = Reactor::new().unwrap();
    let mut pairs = [Pair::new(&reactor), Pair::new(&reactor)];
    settle(&reactor);
    for pair in &mut pairs {
        pair.drain();
    }
    let mut ready = Vec::new();
    reactor.close(&mut ready);
    assert_eq!(ready.len(), 2);
    for pair in &pairs {
        assert!(matches!(pair.poll(Direction::Read), Poll::Ready(seen) if seen.is_closed()));
    }
}

#[test]
fn a_source_that_was_deregistered_is_gone() {
    let reactor = Reactor::new().unwrap();
    assert!(reactor.is_empty());
    let mut pair = Pair::new(&reactor);
    assert!(!reactor.is_empty());
    settle(&reactor);
    pair.drain();
    reactor.deregister(&pair.source);
    assert!(reactor.is_empty());
    pair.peer.write_all(b"x").unwrap();
    let mut ready = Vec::new();
    reactor.wait(Until::Now, &mut ready).unwrap();
    assert!(ready.is_empty());
}

#[test]
fn a_notification_before_or_during_the_wait_ends_it() {
    let reactor = Reactor::new().unwrap();
    reactor.notify();
    reactor.notify();
    assert_eq!(wait(&reactor), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| reactor.notify());
        let before = Instant::now();
        assert_eq!(wait(&reactor), 0);
        assert!(before.elapsed() < SOON);
    });
}

#[test]
fn a_notification_ends_one_wait_only() {
    let reactor = Reactor::new().unwrap();
    let timeout = Duration::from_millis(20);
    for _ in 0..3 {
        reactor.notify();
        assert_eq!(wait(&reactor), 0);
        let before = Instant::now();
        reactor
            .wait(Until::Deadline(before + timeout), &mut Vec::new())
            .unwrap();
        assert!(before.elapsed() >= timeout);
    }
}

#[test]
fn the_timeout_is_neither_early_nor_rounded() {
    let reactor = Reactor::new().unwrap();
    let timeout = Duration::from_micros(300);
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let before = Instant::now();
        reactor
            .wait(Until::Deadline(before + timeout), &mut Vec::new())
            .unwrap();
        let slept = before.elapsed();
        assert!(slept >= timeout, "{slept:?}");
        best = best.min(slept);
    }
    assert!(best < Duration::from_millis(1), "{best:?}");
}
