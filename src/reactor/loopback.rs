//! Connections whose two ends are sources of one reactor: by TCP over loopback addresses, or by a pair of sockets.
//!
//! What is written at one end can be read at the other when the system call is over, as a rule. So the writer wakes those who wait there,
//! as a channel does: they need not wait until somebody has asked the poller, and run where what they are to read is in the caches.
//!
//! That is a hint, like every event. Whoever is woken and finds nothing waits again, and the poller reports what comes in any case.
//!
//! The ends of a connection do not know each other: one of them connects, the other is accepted, maybe on another thread, and before the first knows its own address.
//! So whoever of the two comes first waits here for the other.

#![allow(
    unreachable_pub,
    reason = "the loom models reach sources through heist::model"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use super::source::Source;
use crate::sync::{AtomicBool, AtomicU32, Mutex, Ordering};

/// What a source knows of the other end of its connection.
#[derive(Debug)]
pub struct Peer {
    /// Empty: it is elsewhere, as far as is known.
    source: OnceLock<Weak<Source>>,
    /// Whose turn it is to say something.
    turn: AtomicU32,
}

/// That is not known: a read asks the system.
const OPEN: u32 = 0;
/// The peer's: it was told something, and nothing has come since. The next read lets it go first.
const PEERS: u32 = 1;
/// A read has let it go first. The next one asks, whatever the peer was told since.
const WAITED: u32 = 2;

impl Peer {
    pub fn new() -> Self {
        Self {
            source: OnceLock::new(),
            turn: AtomicU32::new(OPEN),
        }
    }

    pub fn meet(&self, other: &Arc<Source>) {
        // An end has one other end, so nothing was there.
        let _ = self.source.set(Arc::downgrade(other));
    }

    #[inline]
    pub fn get(&self) -> Option<Arc<Source>> {
        self.source.get()?.upgrade()
    }

    // Relaxed, all below: hints. One that gets lost, as two change the word at once, costs a read that finds nothing, or one that waits for a turn.

    pub fn was_told(&self) {
        if self.turn.load(Ordering::Relaxed) == OPEN {
            self.turn.store(PEERS, Ordering::Relaxed);
        }
    }

    pub fn was_heard(&self) {
        if self.turn.load(Ordering::Relaxed) == PEERS {
            self.turn.store(OPEN, Ordering::Relaxed);
        }
    }

    /// A read begins. True: it is the peer's turn, and this one lets it go first, as `may` allows that.
    #[inline]
    pub fn is_to_answer(&self, may: impl FnOnce() -> bool) -> bool {
        let turn = self.turn.load(Ordering::Relaxed);
        if turn == OPEN {
            return false;
        }
        let is_to = turn == PEERS && may();
        let next = if is_to { WAITED } else { OPEN };
        self.turn.store(next, Ordering::Relaxed);
        is_to
    }
}

/// A connection: the address of the end that connected, and that of the end that was accepted.
pub(crate) type Connection = (SocketAddr, SocketAddr);

/// So many may wait before it is looked which of them are gone.
const ROOM: usize = 32;

/// Those whose other end has not come. It may be elsewhere, and never come.
#[derive(Debug)]
pub(crate) struct Loopback {
    /// Whether anything here has connected to a loopback address.
    has_clients: AtomicBool,
    lonely: Mutex<Lonely>,
}

#[derive(Debug)]
struct Lonely {
    sources: HashMap<Connection, Weak<Source>>,
    room: usize,
}

impl Lonely {
    fn new() -> Self {
        Self {
            sources: HashMap::new(),
            room: ROOM,
        }
    }

    fn add(&mut self, connection: Connection, source: Weak<Source>) {
        if self.sources.len() >= self.room {
            self.sources.retain(|_, source| source.strong_count() > 0);
            self.room = ROOM.max(2 * self.sources.len());
        }
        self.sources.insert(connection, source);
    }
}

impl Loopback {
    pub(crate) fn new() -> Self {
        Self {
            has_clients: AtomicBool::new(false),
            lonely: Mutex::new(Lonely::new()),
        }
    }

    /// Something here is about to connect to a loopback address.
    pub(crate) fn expect(&self) {
        // Relaxed: whoever does not see it in time lets a connection go without what this brings.
        self.has_clients.store(true, Ordering::Relaxed);
    }

    /// Whether an accepted connection may have its other end here. A server of others need not ask more.
    pub(crate) fn has_clients(&self) -> bool {
        // Relaxed: as above.
        self.has_clients.load(Ordering::Relaxed)
    }

    /// `source` is an end of `connection`.
    pub(crate) fn add(&self, connection: Connection, source: &Arc<Source>) {
        let mut lonely = self.lonely.lock();
        let other = lonely.sources.remove(&connection);
        match other.and_then(|other| other.upgrade()) {
            Some(other) => {
                drop(lonely);
                Source::introduce(source, &other);
            }
            None => lonely.add(connection, Arc::downgrade(source)),
        }
    }

    /// The runtime ends.
    pub(crate) fn clear(&self) {
        // Relaxed: as above.
        self.has_clients.store(false, Ordering::Relaxed);
        *self.lonely.lock() = Lonely::new();
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use crate::reactor::readiness::Ready;

    fn source(key: usize) -> Arc<Source> {
        Arc::new(Source::new(key, 0, Ready::BOTH))
    }

    fn connection(port: u16) -> Connection {
        (
            SocketAddr::from(([127, 0, 0, 1], port)),
            SocketAddr::from(([127, 0, 0, 1], 80)),
        )
    }

    fn lonely(loopback: &Loopback) -> usize {
        loopback.lonely.lock().sources.len()
    }

    #[test]
    fn a_read_lets_the_peer_go_first_once_and_the_next_one_asks() {
        let peer = Peer::new();
        let ask = || peer.is_to_answer(|| true);
        assert!(!ask());
        peer.was_told();
        peer.was_told();
        assert!(ask());
        // Somebody else goes on telling it things.
        peer.was_told();
        assert!(!ask());
        peer.was_told();
        assert!(ask());
        peer.was_heard();
        assert!(!ask());
        peer.was_told();
        peer.was_heard();
        assert!(!ask(), "it has answered");
        peer.was_told();
        assert!(!peer.is_to_answer(|| false));
        assert!(!ask(), "the one before has asked");
    }

    #[test]
    fn the_ends_of_a_connection_find_each_other_and_no_others() {
        let loopback = Loopback::new();
        let [client, server, other] = [source(0), source(1), source(2)];
        loopback.add(connection(1), &client);
        loopback.add(connection(2), &other);
        assert!(client.peer().is_none());
        loopback.add(connection(1), &server);
        assert!(Arc::ptr_eq(&client.peer().unwrap(), &server));
        assert!(Arc::ptr_eq(&server.peer().unwrap(), &client));
        assert!(other.peer().is_none());
        assert_eq!(lonely(&loopback), 1);
        drop(server);
        assert!(client.peer().is_none());
    }

    #[test]
    fn one_that_is_gone_is_nobodys_peer_and_is_not_kept() {
        let loopback = Loopback::new();
        loopback.add(connection(1), &source(0));
        let later = source(1);
        loopback.add(connection(1), &later);
        assert!(later.peer().is_none(), "the same addresses once more");
        for port in 2..10_000 {
            loopback.add(connection(port), &source(port.into()));
            assert!(lonely(&loopback) <= ROOM);
        }
        let server = source(0);
        loopback.add(connection(1), &server);
        assert!(later.peer().is_some());
        loopback.clear();
        assert_eq!(lonely(&loopback), 0);
    }
}
