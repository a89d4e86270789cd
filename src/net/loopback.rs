//! Connections by loopback addresses, whose other end may be in the same runtime: the reactor wants to know of those.

use std::net::{SocketAddr, TcpStream};

use crate::io::Async;
use crate::scheduler::engine::Engine;

/// With one address for what is one.
fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn is_local(addr: SocketAddr) -> bool {
    canonical(addr).ip().is_loopback()
}

/// A connection to `addr` is about to begin.
pub(super) fn connecting(engine: &Engine, addr: SocketAddr) {
    if is_local(addr)
        && let Ok(reactor) = engine.reactor()
    {
        reactor.loopback().expect();
    }
}

/// `client` has connected to `addr`.
pub(super) fn connected(client: &Async<TcpStream>, addr: SocketAddr) {
    if is_local(addr)
        && let Ok(reactor) = client.engine().reactor()
        && let Ok(local) = client.get_ref().local_addr()
    {
        let connection = (canonical(local), canonical(addr));
        reactor.loopback().add(connection, client.source());
    }
}

/// `server` was accepted from `peer`.
pub(super) fn accepted(server: &Async<TcpStream>, peer: SocketAddr) {
    if is_local(peer)
        && let Ok(reactor) = server.engine().reactor()
        && reactor.loopback().has_clients()
        && let Ok(local) = server.get_ref().local_addr()
    {
        let connection = (canonical(peer), canonical(local));
        reactor.loopback().add(connection, server.source());
    }
}
