//! The chat room of `examples/`: who is told what, and who is shown the door.
#![cfg(unix)]

mod common;

use common::example::{Example, LIMIT, rest_of};
use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

/// The longest line that the room takes.
const LINE: usize = 1024;

/// A client that reads what it is told.
struct Client(BufReader<TcpStream>);

impl Client {
    /// Enters with a name, which it and `others` are told.
    fn enter(room: &Example, name: &str, others: &mut [&mut Client]) -> Self {
        let mut client = Self(BufReader::new(room.connect()));
        client.say(name);
        for other in others
            .iter_mut()
            .map(|other| &mut **other)
            .chain([&mut client])
        {
            assert_eq!(other.line(), format!("* {name} is here"));
        }
        client
    }

    fn say(&mut self, text: &str) {
        self.send(format!("{text}\n").as_bytes());
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("the room reads");
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        assert_eq!(line.pop(), Some('\n'), "a line has an end");
        line
    }

    /// All it is told until the end.
    fn rest(self) -> String {
        rest_of(self.0)
    }
}

#[test]
fn a_line_reaches_all_others_and_not_its_sender() {
    let room = Example::start("chat");
    let mut ann = Client::enter(&room, "ann", &mut []);
    let mut bob = Client::enter(&room, "bob", &mut [&mut ann]);
    let mut eve = Client::enter(&room, "eve", &mut [&mut ann, &mut bob]);
    // Who has not said its name is told nothing.
    let nobody = Client(BufReader::new(room.connect()));
    ann.say("hello");
    assert_eq!(bob.line(), "ann: hello");
    assert_eq!(eve.line(), "ann: hello");
    // The next that each reads is this: nothing went back to its sender.
    bob.say("and to you");
    assert_eq!(ann.line(), "bob: and to you");
    assert_eq!(eve.line(), "bob: and to you");
    eve.send(b"not \xff text, \x1b[2J\r\n");
    for other in [&mut ann, &mut bob] {
        assert_eq!(other.line(), "eve: not \u{fffd} text, \u{fffd}[2J");
    }
    nobody.0.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(nobody.rest(), "* you need a name\n");
}

/// Twice as many as a queue holds.
#[test]
fn many_lines_at_once_reach_who_reads() {
    let room = Example::start("chat");
    let mut ann = Client::enter(&room, "ann", &mut []);
    let mut bob = Client::enter(&room, "bob", &mut [&mut ann]);
    let lines: Vec<_> = (0..512).map(|n| n.to_string()).collect();
    ann.say(&lines.join("\n"));
    for line in lines {
        assert_eq!(bob.line(), format!("ann: {line}"));
    }
}

#[test]
fn who_leaves_is_announced_and_gets_what_was_said_before() {
    let room = Example::start("chat");
    let mut ann = Client::enter(&room, "ann", &mut []);
    let mut bob = Client::enter(&room, "bob", &mut [&mut ann]);
    ann.say("bye");
    assert_eq!(bob.line(), "ann: bye");
    let _eve = Client::enter(&room, "eve", &mut [&mut ann]);
    bob.0.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(ann.line(), "* bob left");
    assert_eq!(bob.rest(), "* eve is here\n");
}

#[test]
fn a_line_that_is_too_long_is_refused_with_its_sender() {
    let room = Example::start("chat");
    let mut ann = Client::enter(&room, "ann", &mut []);
    let mut bob = Client::enter(&room, "bob", &mut [&mut ann]);
    let longest = "x".repeat(LINE);
    bob.say(&longest);
    assert_eq!(ann.line(), format!("bob: {longest}"));
    // More than the room reads of it: what bob is told arrives all the same.
    bob.say(&"x".repeat(20 * LINE));
    assert_eq!(bob.rest(), "* your line was too long\n");
    assert_eq!(ann.line(), "* bob left");
}

#[test]
fn who_does_not_read_is_out_and_the_others_miss_nothing() {
    let room = Example::start("chat");
    let names = ["ann", "bob", "cid", "dan"];
    let mut talkers = Vec::new();
    for name in names {
        let mut others: Vec<_> = talkers.iter_mut().collect();
        let new = Client::enter(&room, name, &mut others);
        talkers.push(new);
    }
    let mut others: Vec<_> = talkers.iter_mut().collect();
    let mut sloth = Client::enter(&room, "sloth", &mut others);

    // All talk and read, round by round, until the buffers of the system and the queue of the sloth are full.
    let padding = "z".repeat(900);
    let mut rid_of_the_sloth = [false; 4];
    let (begun, mut round) = (Instant::now(), 0);
    while rid_of_the_sloth.contains(&false) {
        assert!(begun.elapsed() < LIMIT, "not out after {round} rounds");
        for talker in &mut talkers {
            talker.say(&format!("{round} {padding}"));
        }
        for (n, talker) in talkers.iter_mut().enumerate() {
            let others = names.iter().filter(|name| **name != names[n]);
            let mut wanted: HashSet<_> = others
                .map(|name| format!("{name}: {round} {padding}"))
                .collect();
            while !wanted.is_empty() {
                let line = talker.line();
                if line == "* sloth was too slow to read" {
                    rid_of_the_sloth[n] = true;
                } else {
                    assert!(wanted.remove(&line), "{line}");
                }
            }
        }
        round += 1;
    }

    // It reads after all, soon enough to be told.
    let mut all = String::new();
    while sloth.0.read_line(&mut all).expect("a line") > 0 {}
    let last = all.lines().last();
    assert_eq!(last, Some("* you were too slow to read"));
}

#[test]
fn ctrl_c_is_told_to_all_and_ends_the_program() {
    let room = Example::start("chat");
    let mut ann = Client::enter(&room, "ann", &mut []);
    let mut bob = Client::enter(&room, "bob", &mut [&mut ann]);
    ann.say("the last line");
    assert_eq!(bob.line(), "ann: the last line");
    let _eve = Client::enter(&room, "eve", &mut [&mut ann]);
    // Has no name, and is in the room all the same once zoe is, who came later.
    let nobody = Client(BufReader::new(room.connect()));
    let _zoe = Client::enter(&room, "zoe", &mut [&mut ann]);
    room.interrupt();
    assert_eq!(ann.rest(), "* the room closes\n");
    assert_eq!(nobody.rest(), "* the room closes\n");
    assert_eq!(
        bob.rest(),
        "* eve is here\n* zoe is here\n* the room closes\n"
    );
    let (status, _) = room.end();
    assert!(status.success(), "{status}");
}
